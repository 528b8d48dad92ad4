// Arrays of zeros and ones. Source: gymnasium.spaces.MultiBinary.

import { shapeText } from './array-text.ts';
import { checkShape, fromNested, sizeOf, toNested } from './arrays.ts';
import { checkOptions } from './sampling.ts';
import { type SampleOptions, Space } from './space.ts';

/**
 * Zeros and ones in a fixed shape. Values are flat Int8Arrays in C order.
 *
 * A mask says 0 or 1 for each element that shall be so, 2 for those to be drawn; probabilities say how likely each is 1.
 */
export class MultiBinary extends Space<Int8Array<ArrayBuffer>, ArrayLike<number>, ArrayLike<number>> {
  declare readonly shape: readonly number[];
  declare readonly dtype: 'int8';
  readonly isNpFlattenable = true;
  /** What the space was made of: a length or a shape. */
  readonly n: number | readonly number[];

  /** @throws RangeError if `n` is not made of positive integers. */
  constructor(n: number | readonly number[]) {
    const shape = typeof n === 'number' ? [n] : [...n];
    checkShape('MultiBinary', shape);
    super(shape, 'int8');
    this.n = typeof n === 'number' ? n : shape;
  }

  sample(options?: SampleOptions<ArrayLike<number>, ArrayLike<number>>): Int8Array<ArrayBuffer> {
    const size = sizeOf(this.shape);
    const { mask, probability } = options ?? {};
    if (options !== undefined) checkOptions(this, options);
    for (const narrowing of [mask, probability]) {
      if (narrowing && narrowing.length !== size) {
        throw new RangeError(`${this} needs ${size} values to narrow a sample, but got ${narrowing.length}`);
      }
    }
    if (probability) return this.#sampleWeighted(probability);
    const sample = new Int8Array(this.npRandom.integers(0, 2, { size, dtype: 'int8' }));
    if (mask) {
      for (let i = 0; i < size; i++) {
        if (mask[i] === 0 || mask[i] === 1) sample[i] = mask[i];
        else if (mask[i] !== 2) throw new RangeError(`${this} needs a mask of 0, 1 and 2, but got ${mask[i]} at ${i}`);
      }
    }
    return sample;
  }

  #sampleWeighted(probability: ArrayLike<number>): Int8Array<ArrayBuffer> {
    return Int8Array.from(probability, (chance, i) => {
      if (!(chance >= 0 && chance <= 1)) {
        throw new RangeError(`${this} needs probabilities in [0, 1], but got ${chance} at ${i}`);
      }
      return this.npRandom.random() <= chance ? 1 : 0;
    });
  }

  contains(value: unknown): value is Int8Array<ArrayBuffer> {
    return (
      value instanceof Int8Array && value.length === sizeOf(this.shape) && value.every((bit) => bit === 0 || bit === 1)
    );
  }

  toJsonable(values: readonly Int8Array<ArrayBuffer>[]): unknown[] {
    return values.map((value) => toNested(value, this.shape, 'int8'));
  }

  fromJsonable(data: unknown): Int8Array<ArrayBuffer>[] {
    return (data as unknown[]).map((value) => fromNested(value, 'int8', sizeOf(this.shape)));
  }

  toString(): string {
    return `MultiBinary(${typeof this.n === 'number' ? this.n : shapeText(this.n)})`;
  }

  equals(other: unknown): boolean {
    return other instanceof MultiBinary && String(this) === String(other);
  }

  override clone(): MultiBinary {
    return new MultiBinary(this.n);
  }
}
