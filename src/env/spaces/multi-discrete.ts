// Several discrete choices at once. Source: gymnasium.spaces.MultiDiscrete.

import { arrayText, shapeText } from './array-text.ts';
import { checkShape, fromNested, type IntegerDtype, limits, sizeOf, toNested } from './arrays.ts';
import { allowedIndices, checkOptions, checkProbability } from './sampling.ts';
import { type SampleOptions, Space } from './space.ts';

/** What narrows a sample of a {@link MultiDiscrete}: for each element, in C order, what a Discrete takes. */
export type MultiDiscreteMask = readonly ArrayLike<number>[];

/** Further options of a {@link MultiDiscrete}. */
export interface MultiDiscreteOptions {
  /** The smallest value of each element. Default all 0. */
  readonly start?: ArrayLike<number>;
  /** The shape of a value, if it is not a vector. */
  readonly shape?: readonly number[];
  /** NumPy's element type. Values are Int32Arrays whatever it is. Default `int64`. */
  readonly dtype?: IntegerDtype;
}

/** Arrays of integers, element i from `start[i]` to `start[i] + nvec[i] - 1`. Values are flat Int32Arrays in C order. */
export class MultiDiscrete extends Space<Int32Array<ArrayBuffer>, MultiDiscreteMask, MultiDiscreteMask> {
  declare readonly shape: readonly number[];
  declare readonly dtype: IntegerDtype;
  readonly isNpFlattenable = true;
  /** How many values each element has. */
  readonly nvec: Int32Array<ArrayBuffer>;
  /** The smallest value of each element. */
  readonly start: Int32Array<ArrayBuffer>;
  readonly #draws: Float64Array;

  /** @throws RangeError if a count is no positive integer, or lengths do not fit, or values go beyond 32 bits or the dtype. */
  constructor(nvec: ArrayLike<number>, { start, shape = [nvec.length], dtype = 'int64' }: MultiDiscreteOptions = {}) {
    checkShape('MultiDiscrete', shape);
    super([...shape], dtype);
    const size = sizeOf(shape);
    if (nvec.length !== size || (start !== undefined && start.length !== size)) {
      throw new RangeError(
        `MultiDiscrete of shape ${shapeText(shape)} needs ${size} counts and starts, but got ${nvec.length} and ${start?.length ?? 'none'}`,
      );
    }
    const least = Math.max(limits[dtype][0], limits.int32[0]);
    const greatest = Math.min(limits[dtype][1], limits.int32[1]);
    for (let i = 0; i < size; i++) {
      const first = start?.[i] ?? 0;
      if (!(Number.isInteger(nvec[i]) && nvec[i] > 0 && nvec[i] <= limits.int32[1])) {
        throw new RangeError(
          `MultiDiscrete needs positive integers below 2^31 as counts, but count ${i} is ${nvec[i]}`,
        );
      }
      if (!(Number.isInteger(first) && first >= least && first + nvec[i] - 1 <= greatest)) {
        throw new RangeError(
          `MultiDiscrete needs values in [${least}, ${greatest}], but element ${i} starts at ${first} and has ${nvec[i]}`,
        );
      }
    }
    this.nvec = Int32Array.from(nvec);
    this.#draws = new Float64Array(size);
    this.start = start === undefined ? new Int32Array(size) : Int32Array.from(start);
  }

  sample(options?: SampleOptions<MultiDiscreteMask, MultiDiscreteMask>): Int32Array<ArrayBuffer> {
    const { nvec, start } = this;
    const random = this.npRandom;
    const sample = new Int32Array(nvec.length);
    const mask = options?.mask ?? options?.probability;
    if (options === undefined || !mask) {
      const draws = random.fillUniform(this.#draws);
      for (let i = 0; i < sample.length; i++) sample[i] = Math.floor(draws[i] * nvec[i]) + start[i];
      return sample;
    }
    checkOptions(this, options);
    if (mask.length !== nvec.length) {
      throw new RangeError(
        `${this} needs one mask or list of probabilities an element, but got ${mask.length} of them`,
      );
    }
    const draw = options.mask ? this.#drawMasked : this.#drawWeighted;
    for (let i = 0; i < sample.length; i++) sample[i] = draw.call(this, i, mask[i]) + start[i];
    return sample;
  }

  #drawMasked(element: number, mask: ArrayLike<number>): number {
    const allowed = allowedIndices(`Element ${element} of ${this}`, mask, this.nvec[element]);
    return allowed.length === 0 ? 0 : this.npRandom.choice(allowed);
  }

  #drawWeighted(element: number, probability: ArrayLike<number>): number {
    checkProbability(`Element ${element} of ${this}`, probability, this.nvec[element]);
    const weights = Array.from(probability);
    const possible = weights.flatMap((weight, i) => (weight > 0 ? [i] : []));
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return this.npRandom.choice(possible, { p: possible.map((i) => weights[i] / sum) });
  }

  contains(value: unknown): value is Int32Array<ArrayBuffer> {
    const { nvec, start } = this;
    if (!(value instanceof Int32Array) || value.length !== nvec.length) return false;
    for (let i = 0; i < nvec.length; i++) {
      if (value[i] < start[i] || value[i] - start[i] >= nvec[i]) return false;
    }
    return true;
  }

  toJsonable(values: readonly Int32Array<ArrayBuffer>[]): unknown[] {
    return values.map((value) => toNested(value, this.shape, 'int32'));
  }

  fromJsonable(data: unknown): Int32Array<ArrayBuffer>[] {
    return (data as unknown[]).map((value) => fromNested(value, 'int32', this.nvec.length));
  }

  toString(): string {
    const text = (values: Int32Array): string => arrayText(values, this.shape, 'int32');
    return `MultiDiscrete(${text(this.nvec)}${this.start.some(Boolean) ? `, start=${text(this.start)}` : ''})`;
  }

  equals(other: unknown): boolean {
    return (
      other instanceof MultiDiscrete &&
      this.dtype === other.dtype &&
      shapeText(this.shape) === shapeText(other.shape) &&
      this.nvec.every((count, i) => count === other.nvec[i]) &&
      this.start.every((first, i) => first === other.start[i])
    );
  }

  override clone(): MultiDiscrete {
    return new MultiDiscrete(this.nvec, { start: this.start, shape: this.shape, dtype: this.dtype });
  }
}
