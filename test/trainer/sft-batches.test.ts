import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { defaultRng } from '../../src/random/index.ts';
import { bucketLengths, lengthFor, microbatches, planEpoch } from '../../src/trainer/length-buckets.ts';
import { packedRows, separateRows, type TokenizedExample } from '../../src/trainer/sft-batches.ts';

const example = (length: number): TokenizedExample => ({
  ids: new Int32Array(length + 1),
  learned: new Uint8Array(length + 1).fill(1, 1),
});
const examplesOf = (lengths: readonly number[]): TokenizedExample[] => lengths.map(example);
const lengthsOf = fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 60 });

describe('packing', () => {
  test('every text is in one row, no row is too long, and most are nearly full', () => {
    fc.assert(
      fc.property(lengthsOf, (lengths) => {
        const examples = examplesOf(lengths);
        const rows = packedRows(examples, 100);
        expect(new Set(rows.flatMap((row) => row.examples)).size).toBe(examples.length);
        expect(rows.flatMap((row) => row.examples)).toHaveLength(examples.length);
        for (const row of rows) {
          expect(row.length).toBeLessThanOrEqual(100);
          expect(row.learned).toBe(row.length);
        }
        // Two rows that would fit into one are never left, so that rows are half full on average.
        const total = lengths.reduce((sum, length) => sum + length, 0);
        expect(rows.length).toBeLessThanOrEqual(Math.ceil((2 * total) / 100));
      }),
    );
  });

  test('the longest first, each where it fills best', () => {
    const rows = packedRows(examplesOf([30, 60, 40, 70]), 100);
    expect(rows.map(({ examples }) => examples.map(({ ids }) => ids.length - 1))).toEqual([
      [70, 30],
      [60, 40],
    ]);
  });
});

describe('lengths', () => {
  /** The least that rows take with at most `count` of the candidate lengths. */
  function least(lengths: readonly number[], candidates: readonly number[], count: number): number {
    if (lengths.length === 0) return 0;
    if (count === 0) return Infinity;
    const longest = candidates.find((candidate) => candidate >= Math.max(...lengths))!;
    const options = [0, ...candidates.filter((candidate) => candidate < longest)];
    return Math.min(
      ...options.map((below) => {
        const rest = lengths.filter((length) => length <= below);
        return (lengths.length - rest.length) * longest + least(rest, candidates, count - 1);
      }),
    );
  }

  test('multiples of 16 that hold every row, with the least filled up', () => {
    fc.assert(
      fc.property(lengthsOf, (lengths) => {
        const rows = separateRows(examplesOf(lengths));
        const buckets = bucketLengths(rows, 112);
        expect(buckets.every((length) => length % 16 === 0)).toBe(true);
        const taken = rows.reduce((sum, row) => sum + lengthFor([row], buckets), 0);
        expect(taken).toBe(least(lengths, [16, 32, 48, 64, 80, 96, 112], 8));
      }),
    );
  });

  test('at most eight, of many candidates', () => {
    const lengths = Array.from({ length: 300 }, (_, i) => 1 + ((i * 37) % 400));
    const rows = separateRows(examplesOf(lengths));
    const buckets = bucketLengths(rows, 400);
    expect(buckets).toHaveLength(8);
    expect(buckets.at(-1)).toBe(400);
    const even = rows.reduce((sum, row) => sum + 50 * Math.ceil(row.length / 50), 0);
    // Evenly spread rows are best held by even steps, here of 48 or 64.
    expect(rows.reduce((sum, row) => sum + lengthFor([row], buckets), 0)).toBeLessThan(1.02 * even);
  });

  test('none is above the longest that there may be', () => {
    expect(bucketLengths(separateRows(examplesOf([3, 55])), 60)).toEqual([16, 60]);
  });
});

describe('an epoch', () => {
  test('has every row once, in full steps but one, and another order with other random numbers', () => {
    fc.assert(
      fc.property(lengthsOf, fc.integer({ min: 1, max: 9 }), (lengths, rowsPerStep) => {
        const rows = separateRows(examplesOf(lengths));
        const steps = planEpoch(rows, rowsPerStep, bucketLengths(rows, 100), defaultRng(3));
        expect(new Set(steps.flat()).size).toBe(rows.length);
        expect(steps.flat()).toHaveLength(rows.length);
        expect(steps.filter((step) => step.length !== rowsPerStep).length).toBeLessThanOrEqual(1);
      }),
    );
    const rows = separateRows(examplesOf(Array.from({ length: 40 }, () => 5)));
    expect(planEpoch(rows, 4, [16], defaultRng(1))).toEqual(planEpoch(rows, 4, [16], defaultRng(1)));
    const order = (seed: number): number[] =>
      planEpoch(rows, 4, [16], defaultRng(seed))
        .flat()
        .map((row) => rows.indexOf(row));
    expect(order(1)).not.toEqual(order(2));
  });

  test('rows of like lengths share a step', () => {
    const rows = separateRows(examplesOf(Array.from({ length: 64 }, (_, i) => 1 + (i % 2) * 99)));
    for (const step of planEpoch(rows, 8, [16, 112], defaultRng(0))) {
      expect(new Set(step.map(({ length }) => length)).size).toBe(1);
    }
  });

  test('batches are the parts of a step', () => {
    const rows = separateRows(examplesOf([9, 2, 7, 4, 5]));
    expect(microbatches(rows, 2).map((batch) => batch.map(({ length }) => length))).toEqual([[2, 4], [5, 7], [9]]);
  });
});
