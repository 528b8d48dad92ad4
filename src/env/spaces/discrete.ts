// Consecutive integers. Source: gymnasium.spaces.Discrete.

import { type IntegerDtype, limits } from './arrays.ts';
import { allowedIndices, checkOptions, checkProbability } from './sampling.ts';
import { type SampleOptions, Space } from './space.ts';

/** What narrows a sample of a {@link Discrete}: for each value 0 or 1, or its probability. */
export type DiscreteMask = ArrayLike<number>;

/** Further options of a {@link Discrete}. */
export interface DiscreteOptions {
  /** The smallest value. Default 0. */
  readonly start?: number;
  /** The element type; it decides how random bits are used. Default `int64`. */
  readonly dtype?: IntegerDtype;
}

/** The integers `start`, ..., `start + n - 1`. Values are numbers. A mask of nothing but zeros gives `start`. */
export class Discrete extends Space<number, DiscreteMask, DiscreteMask> {
  declare readonly shape: readonly number[];
  declare readonly dtype: IntegerDtype;
  readonly isNpFlattenable = true;
  /** How many values there are. */
  readonly n: number;
  /** The smallest value. */
  readonly start: number;

  /** @throws RangeError if `n` is no positive integer, or `start` no integer, or the dtype cannot hold the values. */
  constructor(n: number, { start = 0, dtype = 'int64' }: DiscreteOptions = {}) {
    if (!(Number.isSafeInteger(n) && n > 0)) throw new RangeError(`Discrete needs a positive integer n, but got ${n}`);
    if (!Number.isSafeInteger(start)) throw new RangeError(`Discrete needs an integer start, but got ${start}`);
    if (start < limits[dtype][0] || start + n - 1 > limits[dtype][1]) {
      throw new RangeError(`Discrete of ${dtype} cannot hold ${start} to ${start + n - 1}; choose a wider dtype`);
    }
    super([], dtype);
    this.n = n;
    this.start = start;
  }

  sample(options?: SampleOptions<DiscreteMask, DiscreteMask>): number {
    if (options === undefined && this.dtype === 'int64') return this.start + this.npRandom.integers(this.n);
    return this.start + this.#sampleIndex(options ?? {});
  }

  #sampleIndex(options: SampleOptions<DiscreteMask, DiscreteMask>): number {
    const { mask, probability } = options;
    checkOptions(this, options);
    if (mask) {
      const allowed = allowedIndices(String(this), mask, this.n);
      return allowed.length === 0 ? 0 : this.npRandom.choice(allowed);
    }
    if (probability) {
      checkProbability(String(this), probability, this.n);
      return this.npRandom.choice(this.n, { p: probability });
    }
    return this.npRandom.integers(this.n, undefined, { dtype: this.dtype });
  }

  contains(value: unknown): value is number {
    return (
      typeof value === 'number' && value >= this.start && value < this.start + this.n && value === Math.floor(value)
    );
  }

  toJsonable(values: readonly number[]): number[] {
    return [...values];
  }

  fromJsonable(data: unknown): number[] {
    return [...(data as number[])];
  }

  toString(): string {
    const start = this.start === 0 ? '' : `, start=${this.start}`;
    const dtype = this.dtype === 'int64' ? '' : `, dtype=${this.dtype}`;
    return `Discrete(${this.n}${start}${dtype})`;
  }

  equals(other: unknown): boolean {
    return other instanceof Discrete && this.n === other.n && this.start === other.start && this.dtype === other.dtype;
  }

  override clone(): Discrete {
    return new Discrete(this.n, { start: this.start, dtype: this.dtype });
  }
}
