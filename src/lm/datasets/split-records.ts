// A part of the records to test on.

import { defaultRng } from '../../random/index.ts';
import { DatasetError } from './dataset-error.ts';

/** How to split. */
export interface SplitRecordsOptions {
  /** Which part goes to the test set if below 1, else how many records. */
  readonly testSize: number;
  /** Of the shuffling. Default: from the operating system. */
  readonly seed?: number | bigint;
}

/**
 * Shuffled records as a training and a test set: the same rows, in the same order, as `train_test_split(test_size, seed)` of
 * Hugging Face datasets gives.
 *
 * @throws DatasetError if one of the two would be empty.
 */
export function splitRecords<T>(
  records: readonly T[],
  { testSize, seed }: SplitRecordsOptions,
): { train: T[]; test: T[] } {
  const whole = testSize >= 1;
  const count = whole ? testSize : Math.ceil(testSize * records.length);
  if (!(testSize > 0) || (whole && !Number.isInteger(testSize)) || count >= records.length) {
    throw new DatasetError(`testSize ${testSize} cannot split ${records.length} records: both sets need at least one`);
  }
  const order = defaultRng(seed).permutation(records.length);
  const rows = (from: number, to: number): T[] => Array.from(order.subarray(from, to), (i) => records[i] as T);
  return { train: rows(count, records.length), test: rows(0, count) };
}
