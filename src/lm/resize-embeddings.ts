// Making room in a model for tokens that were added to its tokenizer, as transformers' `resize_token_embeddings` does.

import { type Embedding, type Linear, Parameter } from '../nn/index.ts';
import { defaultRng, type Generator } from '../random/index.ts';

/** How rows for new tokens begin. */
export interface ResizeOptions {
  /**
   * Whether new rows are drawn around the mean of the old ones, with 1e-9 of their covariance, so that a token that nobody has learned
   * yet is about as likely as the others (Hewitt 2021, nlp.stanford.edu/~johnhew/vocab-expansion.html); else as fresh weights are.
   * Default true, as in transformers.
   */
  readonly meanResizing?: boolean | undefined;
  /** The count is rounded up to a multiple of this. Default 1. */
  readonly padToMultipleOf?: number | undefined;
  /** Of the new rows. Default: one from the operating system. */
  readonly seed?: number | bigint | undefined;
}

/** How large the covariance of new rows is, of that of the old ones. As in transformers. */
const EPSILON = 1e-9;

/** @throws RangeError if `options` or `count` cannot be */
export function rowsFor(count: number, { padToMultipleOf = 1 }: ResizeOptions): number {
  for (const [name, value] of Object.entries({ count, padToMultipleOf })) {
    if (!(Number.isSafeInteger(value) && value >= 1)) {
      throw new RangeError(`resizeTokenEmbeddings: ${name} is ${value}, but must be a whole number of 1 or more`);
    }
  }
  return padToMultipleOf * Math.ceil(count / padToMultipleOf);
}

/** Gives a table, or the head that reads it, `count` rows: the first are those that were there. */
export function resizeRows(
  layer: Embedding | Linear,
  count: number,
  initializerRange: number,
  { meanResizing = true, seed }: ResizeOptions,
): void {
  const { weight } = layer;
  const [before, size] = weight.shape as [number, number];
  const resized = new Parameter([count, size]);
  const from = weight.storage.data;
  const to = resized.storage.data;
  to.set(from.subarray(0, Math.min(before, count) * size));
  if (count > before) {
    const rows = to.subarray(before * size);
    const generator = defaultRng(seed);
    if (meanResizing) drawAlike(rows, from, size, generator);
    else {
      generator.fillNormal(rows);
      for (let i = 0; i < rows.length; i++) rows[i]! *= initializerRange;
    }
  }
  resized.frozen = weight.frozen;
  (layer as { weight: Parameter }).weight = resized;
}

/**
 * Fills `rows` with draws from a normal distribution of the mean of the rows of `table` and a little of their covariance: the mean, and
 * `sqrt(epsilon / n) sum_i g_i (x_i - mean)` with g_i standard normal, whose covariance that is.
 */
function drawAlike(rows: Float32Array, table: Float32Array, size: number, generator: Generator): void {
  const count = table.length / size;
  const mean = new Float64Array(size);
  for (let i = 0; i < table.length; i++) mean[i % size]! += table[i]! / count;
  const weights = new Float32Array(count);
  const sum = new Float64Array(size);
  for (let row = 0; row < rows.length; row += size) {
    generator.fillNormal(weights);
    sum.fill(0);
    for (let i = 0; i < count; i++) {
      for (let k = 0; k < size; k++) sum[k]! += weights[i]! * (table[i * size + k]! - mean[k]!);
    }
    for (let k = 0; k < size; k++) rows[row + k] = mean[k]! + Math.sqrt(EPSILON / count) * sum[k]!;
  }
}
