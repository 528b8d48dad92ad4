// Running mean and variance of a stream of batches. Shared by the normalising wrappers, single and vector.

/** How a {@link RunningMeanStd} stands; plain data, for checkpoints. */
export interface RunningMeanStdState {
  readonly mean: readonly number[];
  readonly var: readonly number[];
  readonly count: number;
}

/**
 * Mean and (population) variance of each coordinate, updated batch by batch.
 *
 * Chan, Golub and LeVeque 1979, "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances". Operations come
 * in the order of gymnasium.wrappers.utils.RunningMeanStd, and for float32 batches each is rounded to float32 as NumPy's are,
 * so that the statistics are Gymnasium's to the last bit.
 */
export class RunningMeanStd {
  readonly mean: Float64Array;
  readonly var: Float64Array;
  readonly #round: (value: number) => number;
  readonly #roundBatch: (value: number) => number;
  #count: number;

  constructor({
    size = 1,
    dtype = 'float64',
    batchDtype = dtype,
    epsilon = 1e-4,
  }: {
    /** Coordinates; 1 for scalars, which is the default. */
    readonly size?: number;
    /** Of the statistics; with `float32` each operation is rounded to it. Default `float64`. */
    readonly dtype?: 'float32' | 'float64';
    /** Of the batches, in which their own mean and variance are taken. Default: that of the statistics. */
    readonly batchDtype?: 'float32' | 'float64';
    /** The weight of the initial mean 0 and variance 1, in samples. Default 1e-4. */
    readonly epsilon?: number;
  } = {}) {
    this.mean = new Float64Array(size);
    this.var = new Float64Array(size).fill(1);
    this.#count = epsilon;
    this.#round = dtype === 'float32' ? Math.fround : same;
    this.#roundBatch = batchDtype === 'float32' ? Math.fround : same;
  }

  /** Samples seen, plus epsilon. */
  get count(): number {
    return this.#count;
  }

  /**
   * Takes in `rows` samples, `batch` being `[rows, size]`. None if `rows` is 0. Samples that are not finite do not count, since one would
   * stay for ever; nor do coordinates that are so large that their variance were infinite.
   */
  update(batch: ArrayLike<number>, rows: number): void {
    const size = this.mean.length;
    if (batch.length !== rows * size) {
      throw new RangeError(`RunningMeanStd expects ${rows} rows of ${size} values but got ${batch.length} values`);
    }
    if (!isFinite(batch)) {
      const finite = finiteRows(batch, rows, size);
      this.update(finite, finite.length / size);
      return;
    }
    if (rows === 0) return;
    for (let column = 0; column < size; column++) {
      if (rows === 1) {
        this.#updateFromMoments(column, batch[column], 0, 1);
        continue;
      }
      const [mean, variance] = columnMoments(batch, rows, size, column, this.#roundBatch);
      this.#updateFromMoments(column, mean, variance, rows);
    }
    this.#count += rows;
  }

  /** `(values - mean) / sqrt(var + epsilon)` of samples `[rows, size]`, as float32. */
  normalize(values: ArrayLike<number>, epsilon: number): Float32Array<ArrayBuffer> {
    const round = this.#round;
    const size = this.mean.length;
    const roundedEpsilon = round(epsilon);
    const normalized = new Float32Array(values.length);
    for (let column = 0; column < size; column++) {
      const mean = this.mean[column];
      const std = round(Math.sqrt(round(this.var[column] + roundedEpsilon)));
      for (let i = column; i < values.length; i += size) normalized[i] = round(values[i] - mean) / std;
    }
    return normalized;
  }

  get state(): RunningMeanStdState {
    return { mean: [...this.mean], var: [...this.var], count: this.#count };
  }

  set state(state: RunningMeanStdState) {
    if (state.mean.length !== this.mean.length || state.var.length !== this.var.length) {
      throw new RangeError(
        `RunningMeanStd of size ${this.mean.length} cannot take a state of size ${state.mean.length}`,
      );
    }
    this.mean.set(state.mean);
    this.var.set(state.var);
    this.#count = state.count;
  }

  #updateFromMoments(column: number, batchMean: number, batchVar: number, rows: number): void {
    const round = this.#round;
    const count = round(this.#count);
    const total = round(this.#count + rows);
    const mean = this.mean[column];
    const delta = round(batchMean - mean);
    const squares = round(round(round(round(delta * delta) * count) * rows) / total);
    const m2 = round(round(round(this.var[column] * count) + this.#roundBatch(batchVar * rows)) + squares);
    if (!Number.isFinite(m2)) return;
    this.mean[column] = round(mean + round(round(delta * rows) / total));
    this.var[column] = round(m2 / total);
  }
}

function isFinite(values: ArrayLike<number>): boolean {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return false;
  return true;
}

function finiteRows(batch: ArrayLike<number>, rows: number, size: number): number[] {
  const all = Array.from(batch);
  return Array.from({ length: rows }, (_, row) => all.slice(row * size, (row + 1) * size))
    .filter(isFinite)
    .flat();
}

function same(value: number): number {
  return value;
}

/** Mean and variance of one column of `[rows, size]`, summed in NumPy's order. */
function columnMoments(
  batch: ArrayLike<number>,
  rows: number,
  size: number,
  column: number,
  round: (value: number) => number,
): [mean: number, variance: number] {
  const values = new Float64Array(rows);
  for (let i = 0; i < rows; i++) values[i] = batch[i * size + column];
  // NumPy sums along the first axis row by row, but a contiguous run pairwise.
  const sum = size === 1 ? pairwiseSum : rowSum;
  const mean = round(sum(values, 0, rows, round) / rows);
  for (let i = 0; i < rows; i++) {
    const difference = round(values[i] - mean);
    values[i] = round(difference * difference);
  }
  return [mean, round(sum(values, 0, rows, round) / rows)];
}

function rowSum(values: Float64Array, start: number, length: number, round: (value: number) => number): number {
  let sum = values[start];
  for (let i = start + 1; i < start + length; i++) sum = round(sum + values[i]);
  return sum;
}

/** NumPy's pairwise summation: eight running sums in blocks of up to 128, halves added above. */
function pairwiseSum(values: Float64Array, start: number, length: number, round: (value: number) => number): number {
  if (length < 8) return rowSum(values, start, length, round);
  if (length > 128) {
    const half = Math.floor(length / 2) - (Math.floor(length / 2) % 8);
    return round(pairwiseSum(values, start, half, round) + pairwiseSum(values, start + half, length - half, round));
  }
  const r = values.slice(start, start + 8);
  let i = 8;
  for (; i < length - (length % 8); i += 8) {
    for (let j = 0; j < 8; j++) r[j] = round(r[j] + values[start + i + j]);
  }
  const pair = (j: number) => round(r[j] + r[j + 1]);
  let sum = round(round(pair(0) + pair(2)) + round(pair(4) + pair(6)));
  for (; i < length; i++) sum = round(sum + values[start + i]);
  return sum;
}
