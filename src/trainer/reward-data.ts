// From preferences to tokens to compare, for reward models.

import {
  type ChatMessage,
  DatasetError,
  type PreferenceExample,
  readPreferences,
  type RewardInput,
  splitRecords,
  Tokenizer,
} from '../lm/index.ts';
import { withoutLabelPadding } from '../lm/datasets/preferences.ts';
import { giveTurn, turnIsDue } from '../runtime/event-loop.ts';

/** Texts to compare, as tokens. */
export interface Comparison {
  /** Two or more; each with one token or more. */
  readonly candidates: readonly Int32Array[];
  /** The place of the best. */
  readonly best: number;
  readonly margin: number;
  /** Tokens that a row must have room for: those of the longest candidate, or of all in one row. */
  readonly length: number;
}

/** What there is to learn from and to evaluate on. */
export interface PreferenceSplit<T> {
  readonly train: readonly T[];
  readonly test: readonly T[];
}

/** Where preferences come from, and how they are read. */
export interface PreferenceSource {
  /**
   * A file or folder of preferences (JSON, JSONL, CSV, Parquet), or the rows themselves: OpenAI's labels (`query`, `sample0`, ...,
   * `best`), best of n (`prompt`, `samples`, `best`), or pairs (`chosen`, `rejected`, and maybe `prompt` and `margin`); texts, messages,
   * or, in OpenAI's labels, token ids.
   */
  readonly dataset: string | readonly object[];
  readonly evalDataset?: string | readonly object[] | undefined;
  readonly tokenizer: Tokenizer;
  readonly labelTokenizer?: Tokenizer | string | undefined;
  readonly badRows?: 'throw' | 'skip' | undefined;
  readonly numSamples?: number | undefined;
  readonly testSize?: number | undefined;
  readonly seed: number;
  readonly warn?: ((message: string) => void) | undefined;
  /** Ends the reading: its reason is thrown. */
  readonly signal?: AbortSignal | undefined;
}

/** GPT-2's token between texts, by which its tokenizer is known. */
const GPT2_END = 50_256;

/** Reads preferences and keeps some back. @throws DatasetError naming file and line of a bad row */
export async function readPreferenceSplit(source: PreferenceSource): Promise<PreferenceSplit<PreferenceExample>> {
  const { dataset, evalDataset, badRows, numSamples, testSize, seed, warn = console.warn, signal } = source;
  const labels = await labelTokenizerOf(source);
  const decode = labels && ((ids: readonly number[]) => labelText(labels, ids));
  const read = async (rows: string | readonly object[]): Promise<readonly PreferenceExample[]> => {
    const { examples, skipped } = await readPreferences(rows, { badRows, numSamples, decode, signal });
    if (skipped.length > 0) {
      const all = skipped.length + examples.length;
      warn(`${skipped.length} of ${all} rows cannot be used and were left out; the first: ${skipped[0]}`);
    }
    return examples;
  };
  const examples = await read(dataset);
  if (evalDataset !== undefined) return { train: examples, test: await read(evalDataset) };
  return testSize === undefined ? { train: examples, test: [] } : splitRecords(examples, { testSize, seed });
}

/** The tokenizer that made the token ids of a dataset: the one that is named, or the model's if that is GPT-2's. */
export async function labelTokenizerOf({
  labelTokenizer,
  tokenizer,
}: Pick<PreferenceSource, 'labelTokenizer' | 'tokenizer'>): Promise<Tokenizer | undefined> {
  if (typeof labelTokenizer === 'string') return Tokenizer.fromPretrained(labelTokenizer);
  return labelTokenizer ?? (tokenizer.eosTokenId === GPT2_END ? tokenizer : undefined);
}

/** What a dataset's token ids say, without padding. @throws RangeError if they are not the tokenizer's */
export function labelText(tokenizer: Tokenizer, ids: ArrayLike<number>): string {
  const known = withoutLabelPadding(ids, tokenizer.vocabSize);
  const foreign = known.find((id) => id >= tokenizer.vocabSize);
  if (foreign !== undefined) {
    throw new RangeError(
      `has the token id ${foreign}, but the tokenizer only ${tokenizer.vocabSize} tokens: give the one that made the labels, as labelTokenizer`,
    );
  }
  return tokenizer.decode(known, { skipSpecialTokens: true });
}

/** The whole texts, or conversations, that an example compares. */
function wholeCandidates({ prompt, candidates }: PreferenceExample): RewardInput[] {
  return candidates.map((candidate) => {
    if (prompt === undefined) return candidate;
    return typeof prompt === 'string'
      ? prompt + (candidate as string)
      : [...prompt, ...(candidate as readonly ChatMessage[])];
  });
}

/**
 * Tokenizes examples; those with a text longer than `maxLength` are left out, with one warning that counts them.
 *
 * @throws DatasetError if none is left
 */
export async function tokenizeComparisons(
  { train, test }: PreferenceSplit<PreferenceExample>,
  encode: (input: RewardInput) => Int32Array,
  {
    maxLength,
    warn = console.warn,
    signal,
  }: { readonly maxLength: number } & Pick<PreferenceSource, 'warn' | 'signal'>,
): Promise<PreferenceSplit<Comparison>> {
  let rows = 0;
  const comparisonsOf = async (examples: readonly PreferenceExample[]): Promise<Comparison[]> => {
    const comparisons: Comparison[] = [];
    for (const example of examples) {
      if (turnIsDue()) await giveTurn(signal);
      rows++;
      const candidates = wholeCandidates(example).map(encode);
      const length = Math.max(...candidates.map((ids) => ids.length));
      const { best, margin } = example;
      if (length <= maxLength) comparisons.push({ candidates, best, margin, length });
    }
    return comparisons;
  };
  const split = { train: await comparisonsOf(train), test: await comparisonsOf(test) };
  const left = split.train.length + split.test.length;
  if (left < rows) {
    warn(`${rows - left} of ${rows} rows have a text of more than maxLength ${maxLength} tokens and were left out`);
  }
  if (split.train.length === 0)
    throw new DatasetError(`no row has only texts of at most maxLength ${maxLength} tokens`);
  return split;
}
