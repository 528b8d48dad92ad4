// Texts that begin alike, such as answers to one prompt, in one row: what they share once, then the rest of each. A token sees what comes
// before it in its own text alone, so that nothing changes but what it costs.

import type { TensorData } from '../tensor/index.ts';
import type { Sized } from './length-buckets.ts';
import type { PreferenceSplit } from './reward-data.ts';

/** How texts stand in a row. */
export interface SharedRow {
  /** Tokens with which all begin. */
  readonly shared: number;
  /** Of the row. */
  readonly length: number;
}

/** @param mostShared how many tokens may be shared. Each text has one of its own in any case. */
export function sharedRow(texts: readonly Int32Array[], mostShared = Number.POSITIVE_INFINITY): SharedRow {
  const [first, ...others] = texts as [Int32Array, ...Int32Array[]];
  const most = Math.min(mostShared, ...texts.map(({ length }) => length - 1));
  let shared = 0;
  while (shared < most && others.every((text) => text[shared] === first[shared])) shared++;
  return { shared, length: texts.reduce((length, text) => length + text.length - shared, shared) };
}

/**
 * Decides whether the texts of each example share a row, or have a row each, as many as the longest needs: whichever costs less.
 *
 * @param rowOf how an example's texts would share a row
 * @returns the examples, with the length that rows must have for them
 */
export function placeTexts<Row extends Sized>(
  { train, test }: PreferenceSplit<Row>,
  rowOf: (example: Row) => SharedRow & { readonly texts: number },
  hiddenSize: number,
): PreferenceSplit<Row> & { readonly together: boolean } {
  // A layer's products with weights take 24 h² operations a token. Those of a comparison between two tokens are 4 h, but with a softmax,
  // its mask and more passes over memory they take about the time of 8 h.
  const cost = (length: number): number => length * (3 * hiddenSize + length);
  let [together, apart] = [0, 0];
  const shared = (examples: readonly Row[]): Row[] =>
    examples.map((example) => {
      const { length, texts } = rowOf(example);
      together += cost(length);
      apart += texts * cost(example.length);
      return { ...example, length };
    });
  const placed = { train: shared(train), test: shared(test) };
  return together < apart ? { ...placed, together: true } : { train, test, together: false };
}

/** The memory of a program's rows, `[rows, time]` each. */
export interface SharedRowMemory {
  readonly ids: TensorData;
  readonly positions: TensorData;
  /** 0 for what is shared, then 1, 2, ... */
  readonly texts: TensorData;
}

/** Writes texts into the row that begins at `at`. @returns where the rest of each text begins */
export function fillSharedRow(
  { ids, positions, texts: numbers }: SharedRowMemory,
  at: number,
  texts: readonly Int32Array[],
  { shared }: SharedRow,
): number[] {
  ids.set(texts[0]!.subarray(0, shared), at);
  for (let i = 0; i < shared; i++) positions[at + i] = i;
  let next = at + shared;
  return texts.map((text, i) => {
    const begin = next;
    ids.set(text.subarray(shared), begin);
    numbers.fill(i + 1, begin, begin + text.length - shared);
    for (let position = shared; position < text.length; position++) positions[next++] = position;
    return begin;
  });
}
