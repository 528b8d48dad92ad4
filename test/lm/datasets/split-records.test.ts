// Splits against Hugging Face datasets (test/fixtures/datasets/record.py).

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { splitRecords } from '../../../src/lm/datasets/index.ts';

interface Recorded {
  readonly splits: readonly { count: number; testSize: number; seed: number; train: number[]; test: number[] }[];
}

const { splits } = JSON.parse(
  readFileSync(new URL('../../fixtures/datasets/splits.json', import.meta.url), 'utf8'),
) as Recorded;

describe('the rows of Python', () => {
  test.each(splits)('$count rows, testSize $testSize, seed $seed', ({ count, testSize, seed, train, test: held }) => {
    const rows = Array.from({ length: count }, (_, i) => i);
    expect(splitRecords(rows, { testSize, seed })).toEqual({ train, test: held });
  });
});

test.each([0, -0.1, 1.5, 4, Number.NaN])('testSize %d of 4 records leaves a set empty', (testSize) => {
  expect(() => splitRecords([1, 2, 3, 4], { testSize })).toThrow('both sets need at least one');
});
