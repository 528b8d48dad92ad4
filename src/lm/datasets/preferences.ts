// What people prefer: several answers to one prompt, and which is best.
//
//   pairs       chosen, rejected, maybe prompt and margin; texts or messages (https://huggingface.co/docs/trl/dataset_formats)
//   best of n   prompt, samples: [...], best
//   OpenAI's    query, sample0, sample1, ..., best; texts or GPT-2's token ids (https://github.com/openai/lm-human-preferences)

import type { ChatMessage } from '../chat.ts';
import { type DataRecord, recordError, requiredField } from './record.ts';
import { messageList } from './sft-example.ts';

/** A text, or messages. */
export type PreferenceText = string | readonly ChatMessage[];

/** Answers to compare. */
export interface PreferenceExample {
  /** What was answered; undefined where the candidates are whole texts or conversations. */
  readonly prompt: PreferenceText | undefined;
  /** Two or more, of the same kind as the prompt. */
  readonly candidates: readonly PreferenceText[];
  /** The place of the best one. */
  readonly best: number;
  /** By how much its score should exceed the others'; 0 if nothing is said. */
  readonly margin: number;
}

/** What fills the texts of OpenAI's labels up to one length. GPT-2's tokens end at 50256. */
const LABEL_PADDING = 50_259;

/** Token ids without that padding, which is none to a tokenizer that has the token. */
export function withoutLabelPadding(ids: ArrayLike<number>, vocabSize: number): number[] {
  return Array.from(ids).filter((id) => id !== LABEL_PADDING || id < vocabSize);
}

/** How rows are read. */
export interface PreferenceOptions {
  /** How many candidates every row must have. Default: two or more. */
  readonly numSamples?: number | undefined;
  /**
   * Makes text of token ids, as in OpenAI's labels, which are GPT-2's. Padding (50259 there) must be left out. What it
   * throws is told with the row and the field, as the end of a sentence.
   */
  readonly decode?: ((ids: readonly number[]) => string) | undefined;
}

/**
 * A record as answers to compare, by its fields.
 *
 * @throws DatasetError with file, line, what is wrong with which field, and what is expected of it
 */
export function preferenceExample(record: DataRecord, options: PreferenceOptions = {}): PreferenceExample {
  const { fields } = record;
  const example = isThere(fields['chosen']) || isThere(fields['rejected']) ? pair(record) : bestOf(record, options);
  const { prompt, candidates } = example;
  if (prompt?.length === 0) throw recordError(record, `its ${'query' in fields ? 'query' : 'prompt'} is empty`);
  const empty = candidates.findIndex((candidate) => candidate.length === 0);
  if (empty >= 0 && (prompt === undefined || typeof prompt !== 'string')) {
    throw recordError(record, `candidate ${empty} is empty`);
  }
  const { numSamples } = options;
  if (numSamples !== undefined && candidates.length !== numSamples) {
    throw recordError(record, `has ${candidates.length} candidates, but should have ${numSamples}`);
  }
  return example;
}

function pair(record: DataRecord): PreferenceExample {
  const { fields } = record;
  const [chosen, rejected] = [textOf(record, 'chosen'), textOf(record, 'rejected')];
  if ((typeof chosen === 'string') !== (typeof rejected === 'string')) {
    throw recordError(record, "'chosen' and 'rejected' should both be texts, or both be lists of messages");
  }
  const margin = fields['margin'] ?? 0;
  if (typeof margin !== 'number' || !Number.isFinite(margin)) {
    throw recordError(record, `margin should be a number, but is ${shown(margin)}`);
  }
  return { prompt: promptOf(record, chosen), candidates: [chosen, rejected], best: 0, margin };
}

/** Of the kind of `chosen`. A text before messages is what the user said, unless the messages begin with that already. */
function promptOf(record: DataRecord, chosen: PreferenceText): PreferenceText | undefined {
  if (!isThere(record.fields['prompt'])) return undefined;
  const prompt = textOf(record, 'prompt');
  if (typeof prompt === typeof chosen) return prompt;
  if (typeof chosen === 'string') {
    throw recordError(record, "'prompt' should be a text, as 'chosen' is, but is a list of messages");
  }
  return chosen[0]?.role === 'assistant' ? [{ role: 'user', content: prompt as string }] : undefined;
}

function bestOf(record: DataRecord, options: PreferenceOptions): PreferenceExample {
  const { fields } = record;
  const isOpenAI = isThere(fields['sample0']);
  if (!isOpenAI && !isThere(fields['samples'])) {
    const names = Object.keys(fields).join(', ') || 'none';
    throw recordError(
      record,
      `needs 'chosen' and 'rejected', 'samples' and 'best', or 'query', 'sample0', 'sample1', ... and 'best', but its fields are: ${names}`,
    );
  }
  const named = isOpenAI ? numbered(record) : listed(record);
  if (named.length < 2) throw recordError(record, `has ${named.length} samples, but it takes two to compare`);
  const candidates = named.map(([name, value]) => textOf(record, name, value, options));
  const best = requiredField(record, 'best');
  if (!Number.isInteger(best) || (best as number) < 0 || (best as number) >= candidates.length) {
    throw recordError(
      record,
      `best is ${shown(best)}, but must be the place of one of its ${candidates.length} samples, from 0`,
    );
  }
  const promptName = isThere(fields['query']) || isOpenAI ? 'query' : 'prompt';
  const prompt = textOf(record, promptName, requiredField(record, promptName), options);
  const [odd, value] = named.find((_, i) => typeof candidates[i] !== typeof prompt) ?? [];
  if (odd !== undefined) {
    const kind = typeof prompt === 'string' ? 'a text' : 'a list of messages';
    throw recordError(record, `${odd} should be ${kind}, as ${promptName} is, but is ${shown(value)}`);
  }
  return { prompt, candidates, best: best as number, margin: 0 };
}

type Named = readonly [name: string, value: unknown];

function listed(record: DataRecord): Named[] {
  const samples = requiredField(record, 'samples');
  if (!Array.isArray(samples)) throw recordError(record, `samples should be a list, but is ${shown(samples)}`);
  return samples.map((sample, i) => [`samples[${i}]`, sample] as const);
}

/** `sample0`, `sample1`, ... up to the highest there is; none may be missing between them. */
function numbered(record: DataRecord): Named[] {
  const numbers = Object.keys(record.fields).flatMap((name) => /^sample(\d{1,3})$/.exec(name)?.[1] ?? []);
  const count = 1 + Math.max(...numbers.map(Number));
  return Array.from({ length: count }, (_, i) => [`sample${i}`, requiredField(record, `sample${i}`)] as const);
}

/** A text, that of token ids, or messages. */
function textOf(
  record: DataRecord,
  name: string,
  value = requiredField(record, name),
  { decode }: PreferenceOptions = {},
): PreferenceText {
  if (typeof value === 'string') return value;
  if (!Array.isArray(value)) {
    throw recordError(record, `${name} should be a text or a list of messages, but is ${shown(value)}`);
  }
  const isIds = value.every((id) => Number.isInteger(id) && (id as number) >= 0);
  if (!isIds) return messageList(record, name, value);
  if (value.length === 0) return '';
  if (decode !== undefined) {
    try {
      return decode(value as number[]);
    } catch (error) {
      throw recordError(record, `${name} ${(error as Error).message}`);
    }
  }
  throw recordError(
    record,
    `${name} is a list of token ids: give the tokenizer that made them, as labelTokenizer (for OpenAI's labels that of GPT-2)`,
  );
}

function isThere(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function shown(value: unknown): string {
  return JSON.stringify(value)?.slice(0, 60) ?? 'missing';
}
