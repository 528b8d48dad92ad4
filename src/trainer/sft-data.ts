// From rows of a dataset to tokens to learn from.

import {
  type DataRecord,
  DatasetError,
  recordError,
  recordsOf,
  requiredField,
  type SftExample,
  sftExample,
  splitRecords,
} from '../lm/index.ts';
import type { Tokenizer } from '../lm/index.ts';
import type { TrainSftOptions } from './sft.ts';
import type { TokenizedExample } from './sft-batches.ts';
import type { SftSettings } from './sft-settings.ts';
import { giveTurn, turnIsDue } from '../runtime/event-loop.ts';

/** What the rows of a dataset hold. */
export type SftFormat = SftExample['kind'];

/** What there is to learn from and to evaluate on. */
export interface SftData {
  readonly format: SftFormat;
  readonly train: readonly TokenizedExample[];
  readonly test: readonly TokenizedExample[];
}

const FIELDS: Readonly<Record<SftFormat, readonly string[]>> = {
  chat: ['messages'],
  'prompt-completion': ['prompt', 'completion'],
  text: ['text'],
};

/** What a row must have. A conversation may also be parted into prompt and completion. */
function fieldsOf({ fields }: DataRecord, format: SftFormat): readonly string[] {
  const parted = format === 'chat' && !('messages' in fields) && 'prompt' in fields;
  return FIELDS[parted ? 'prompt-completion' : format];
}

/** Reads and tokenizes the datasets of a run. @throws DatasetError as `trainSft` */
export async function readSftData(options: TrainSftOptions, settings: SftSettings): Promise<SftData> {
  const { dataset, evalDataset, tokenizer, warn = console.warn, signal } = options;
  const { testSize, seed } = settings;
  const records = await recordsOf(dataset, 'dataset', { signal });
  const split = testSize === undefined ? undefined : splitRecords(records, { testSize, seed });
  const test =
    evalDataset === undefined ? (split?.test ?? []) : await recordsOf(evalDataset, 'evalDataset', { signal });
  const format = options.format ?? sftExample(records[0]!).kind;
  const reader = new ExampleReader(format, tokenizer, settings);
  const train = await reader.read(split?.train ?? records, signal);
  const data = { format, train, test: await reader.read(test, signal) };
  reader.report(warn);
  if (data.train.length === 0) throw new DatasetError('no row of dataset has a token to learn');
  return data;
}

/** Tokenizes rows of one format, and counts what became of them. */
class ExampleReader {
  readonly #format: SftFormat;
  readonly #tokenizer: Tokenizer;
  readonly #settings: SftSettings;
  #rows = 0;
  #truncated = 0;
  #empty = 0;

  constructor(format: SftFormat, tokenizer: Tokenizer, settings: SftSettings) {
    this.#format = format;
    this.#tokenizer = tokenizer;
    this.#settings = settings;
  }

  async read(records: readonly DataRecord[], signal: AbortSignal | undefined): Promise<TokenizedExample[]> {
    const examples: TokenizedExample[] = [];
    for (const record of records) {
      if (turnIsDue()) await giveTurn(signal);
      this.#rows++;
      const example = this.#example(record);
      if (example !== undefined) examples.push(example);
    }
    return examples;
  }

  /** Says once, with counts, what was not learned as it stands. */
  report(warn: (message: string) => void): void {
    const { maxLength } = this.#settings;
    if (this.#truncated > 0) {
      warn(`${this.#truncated} of ${this.#rows} rows are longer than maxLength ${maxLength}: their ends were cut off`);
    }
    if (this.#empty > 0) warn(`${this.#empty} of ${this.#rows} rows are empty and were left out`);
  }

  #example(record: DataRecord): TokenizedExample | undefined {
    const { maxLength, completionOnly } = this.#settings;
    const { ids: all, learnedFrom, mask } = this.#tokens(record);
    const ids = Int32Array.from(all.slice(0, maxLength));
    const learned = new Uint8Array(ids.length);
    for (let i = 1; i < ids.length; i++) learned[i] = completionOnly ? (mask?.[i] ?? Number(i >= learnedFrom)) : 1;
    if (learned.includes(1)) {
      if (all.length > maxLength) this.#truncated++;
      return { ids, learned };
    }
    if (all.length <= maxLength) {
      if (this.#format !== 'text') throw recordError(record, 'leaves no token to learn: its completion is empty');
      this.#empty++;
      return undefined;
    }
    const prompt = mask === undefined ? `its prompt has ${learnedFrom} tokens` : 'the assistant speaks too late in it';
    throw recordError(
      record,
      `has nothing to learn in its first ${maxLength} tokens: ${prompt}. Shorten it, leave it out, or raise maxLength`,
    );
  }

  /** A row's tokens, and which are learned: those from a place on, or those of a mask. */
  #tokens(record: DataRecord): { ids: number[]; learnedFrom: number; mask?: Uint8Array } {
    const example = this.#checked(record);
    const tokenizer = this.#tokenizer;
    switch (example.kind) {
      case 'text':
        return { ids: ended(tokenizer, tokenizer.encode(example.text)), learnedFrom: 1 };
      case 'prompt-completion': {
        return encodeCompletion(tokenizer, example.prompt, example.completion);
      }
      case 'chat': {
        const { messages, tools } = example;
        const { ids, assistantMask } = tokenizer.encodeChat(messages, tools === undefined ? {} : { tools });
        return { ids, learnedFrom: 0, mask: assistantMask };
      }
    }
  }

  #checked(record: DataRecord): SftExample {
    const names = fieldsOf(record, this.#format);
    for (const name of names) requiredField(record, name);
    const wanted = [...names, 'tools'].filter((name) => name in record.fields);
    return sftExample({ ...record, fields: Object.fromEntries(wanted.map((name) => [name, record.fields[name]])) });
  }
}

/** The tokens of a prompt, a completion and the token that ends it, and where the completion begins. */
export function encodeCompletion(
  tokenizer: Tokenizer,
  prompt: string,
  completion: string,
): { ids: number[]; learnedFrom: number } {
  const before = encodePrompt(tokenizer, prompt);
  const joined = tokenizer.encode(prompt + completion);
  // Where prompt and completion would share a token, the prompt stays what generation will see.
  const ids = before.every((id, i) => joined[i] === id)
    ? joined
    : [...before, ...tokenizer.encode(completion, { addSpecialTokens: false })];
  return { ids: ended(tokenizer, ids), learnedFrom: before.length };
}

/** With the token that tells the model to stop, if there is one. */
function ended({ eosTokenId }: Tokenizer, ids: number[]): number[] {
  return eosTokenId === undefined || ids.at(-1) === eosTokenId ? ids : [...ids, eosTokenId];
}

/** A prompt's tokens, to be gone on from: without the end token that some tokenizers put behind every text. */
export function encodePrompt(tokenizer: Tokenizer, prompt: string): number[] {
  const ids = tokenizer.encode(prompt);
  const plain = tokenizer.encode(prompt, { addSpecialTokens: false });
  const ended = ids.length > plain.length && ids.at(-1) === tokenizer.eosTokenId && plain.at(-1) !== ids.at(-1);
  return ended && ids.length > 1 ? ids.slice(0, -1) : ids;
}
