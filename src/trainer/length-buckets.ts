// Which rows make up which step. Rows of like lengths go together, filled up to one of a few lengths, for each of which there is a
// program.

import type { Generator } from '../random/index.ts';

/** A row of a batch. */
export interface Sized {
  /** Tokens that there must be room for. */
  readonly length: number;
}

/** Lengths are multiples of this. */
const LENGTH_STEP = 16;
/** The most lengths there are programs for. */
const MOST_LENGTHS = 8;
/** Rows are sorted by bucket within so many steps: more would save little padding. */
const SORTED_STEPS = 32;

/**
 * The lengths to which rows are filled up: at most eight multiples of 16, chosen so that the least is filled.
 *
 * @param longest no length is above it, even if it is no multiple of 16. Default: that of the longest row.
 */
export function bucketLengths(
  rows: readonly Sized[],
  longest = rows.reduce((most, { length }) => Math.max(most, length), 0),
): number[] {
  const counts = new Map<number, number>();
  for (const { length } of rows) {
    const rounded = Math.min(longest, LENGTH_STEP * Math.ceil(length / LENGTH_STEP));
    counts.set(rounded, (counts.get(rounded) ?? 0) + 1);
  }
  const lengths = [...counts.keys()].sort((a, b) => a - b);
  const below = [0];
  for (const length of lengths) below.push(below.at(-1)! + counts.get(length)!);
  // best[n] is the least size of the first n lengths' rows with the buckets so far, and which bucket came before the last.
  type Choice = { readonly size: number; readonly before: Choice | undefined; readonly length: number };
  let best: (Choice | undefined)[] = lengths.map(() => undefined);
  best = [{ size: 0, before: undefined, length: 0 }, ...best];
  for (let bucket = 0; bucket < Math.min(MOST_LENGTHS, lengths.length); bucket++) {
    best = best.map((known, n) => {
      let least = known;
      for (let first = 0; first < n; first++) {
        const before = best[first];
        if (before === undefined) continue;
        const size = before.size + (below[n]! - below[first]!) * lengths[n - 1]!;
        if (least === undefined || size < least.size) least = { size, before, length: lengths[n - 1]! };
      }
      return least;
    });
  }
  const chosen: number[] = [];
  for (let choice = best.at(-1); choice?.before !== undefined; choice = choice.before) chosen.push(choice.length);
  return chosen.reverse();
}

/** The smallest of `buckets` that holds all of `rows`. */
export function lengthFor(rows: readonly Sized[], buckets: readonly number[]): number {
  const longest = Math.max(...rows.map(({ length }) => length));
  const bucket = buckets.find((length) => length >= longest);
  if (bucket === undefined) throw new RangeError(`a row of ${longest} tokens is longer than ${buckets.at(-1)}`);
  return bucket;
}

/**
 * The steps of an epoch: every row once, in an order drawn from `generator`; rows that are filled up to the same of `buckets` share
 * a step where they can.
 */
export function planEpoch<Row extends Sized>(
  rows: readonly Row[],
  rowsPerStep: number,
  buckets: readonly number[],
  generator: Generator,
): Row[][] {
  const order = generator.permutation(rows);
  const steps: Row[][] = [];
  const sorted = SORTED_STEPS * rowsPerStep;
  for (let start = 0; start < order.length; start += sorted) {
    // Within a bucket the order stays what was drawn.
    const together = order
      .slice(start, start + sorted)
      .map((row) => ({ row, length: lengthFor([row], buckets) }))
      .sort((a, b) => a.length - b.length)
      .map(({ row }) => row);
    for (let i = 0; i < together.length; i += rowsPerStep) steps.push(together.slice(i, i + rowsPerStep));
  }
  return generator.permutation(steps);
}

/** The parts in which a step is computed, of at most `batchSize` rows, rows of like lengths together. */
export function microbatches<Row extends Sized>(step: readonly Row[], batchSize: number): Row[][] {
  const sorted = step.toSorted((a, b) => a.length - b.length);
  return Array.from({ length: Math.ceil(step.length / batchSize) }, (_, i) =>
    sorted.slice(i * batchSize, (i + 1) * batchSize),
  );
}
