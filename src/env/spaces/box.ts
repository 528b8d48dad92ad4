// A box in n dimensions: arrays of numbers between bounds. Source: gymnasium.spaces.Box.

import {
  type Arrays,
  arrayClasses,
  checkShape,
  type Dtype,
  fromNested,
  isFloat,
  limits,
  sizeOf,
  toNested,
  zeros,
} from './arrays.ts';
import { arrayText, scalarText, shapeText } from './array-text.ts';
import { type SampleOptions, Space } from './space.ts';

/** How a {@link Box} is made. */
export interface BoxOptions<D extends Dtype = Dtype> {
  /** The lower bounds: one for all elements, or one each in C order; `-Infinity` for none. */
  readonly low: number | ArrayLike<number>;
  /** The upper bounds, themselves included; `Infinity` for none. */
  readonly high: number | ArrayLike<number>;
  /** Default: as long as the arrays of bounds, or `[1]`. */
  readonly shape?: readonly number[];
  /** Default `float32`. */
  readonly dtype?: D;
}

/**
 * Arrays whose every element lies between its bounds.
 *
 * Values are flat typed arrays in C order, of exactly the class of the dtype: Float32Array for float32, Float64Array for
 * float64 and int64, Uint8Array for uint8 and bool, Int32Array for int32, and so on. Samples are uniform between two
 * bounds, shifted exponential beside one, and normal without any.
 */
export class Box<D extends Dtype = 'float32'> extends Space<Arrays[D], undefined, undefined> {
  /** Types what `instanceof` finds: not every type parameter as any, but the widest. */
  declare static readonly [Symbol.hasInstance]: (value: unknown) => value is Box<Dtype>;

  declare readonly shape: readonly number[];
  // NoInfer, or a Box within `new Dict({ ... })` would take its element type from what a Dict expects of any space.
  declare readonly dtype: NoInfer<D>;
  readonly isNpFlattenable = true;
  /** The lower bound of each element. */
  readonly low: Arrays[D];
  /** The upper bound of each element. */
  readonly high: Arrays[D];
  /** Whether each element has a lower bound. */
  readonly boundedBelow: readonly boolean[];
  /** Whether each element has an upper bound. */
  readonly boundedAbove: readonly boolean[];

  readonly #bounded: boolean;
  readonly #float: boolean;

  /** @throws RangeError for bounds that do not fit the shape, the dtype, or each other. */
  constructor({ low, high, shape, dtype = 'float32' as D }: BoxOptions<D>) {
    const lengths = [low, high].flatMap((bound) => (typeof bound === 'number' ? [] : [bound.length]));
    const ownShape = [...(shape ?? [lengths[0] ?? 1])];
    checkShape('Box', ownShape);
    if (!(dtype in arrayClasses)) {
      throw new TypeError(`Box has no dtype ${dtype}; choose one of ${Object.keys(arrayClasses).join(', ')}`);
    }
    super(ownShape, dtype);
    this.#float = isFloat(dtype);
    const size = sizeOf(ownShape);
    if (lengths.some((length) => length !== size)) {
      throw new RangeError(
        `Box of shape ${shapeText(ownShape)} needs ${size} bounds each way, but got ${lengths.join(' and ')}`,
      );
    }
    const lows = Array.from({ length: size }, (_, i) => (typeof low === 'number' ? low : low[i]));
    const highs = Array.from({ length: size }, (_, i) => (typeof high === 'number' ? high : high[i]));
    this.boundedBelow = lows.map((bound) => bound !== Number.NEGATIVE_INFINITY);
    this.boundedAbove = highs.map((bound) => bound !== Number.POSITIVE_INFINITY);
    this.#bounded = this.isBounded();
    this.low = castBounds(lows, dtype, Number.NEGATIVE_INFINITY);
    this.high = castBounds(highs, dtype, Number.POSITIVE_INFINITY);
    for (let i = 0; i < size; i++) {
      if (this.low[i] > this.high[i]) {
        throw new RangeError(`Box needs low <= high, but element ${i} has low ${this.low[i]} and high ${this.high[i]}`);
      }
    }
  }

  /** Whether all elements have a lower bound, an upper bound, or both. */
  isBounded(manner: 'both' | 'below' | 'above' = 'both'): boolean {
    const below = this.boundedBelow.every(Boolean);
    const above = this.boundedAbove.every(Boolean);
    return manner === 'both' ? below && above : manner === 'below' ? below : above;
  }

  sample(options?: SampleOptions<undefined, undefined>): Arrays[D] {
    if ((options?.mask ?? options?.probability ?? undefined) !== undefined) {
      throw new TypeError(`${this} cannot be sampled with a mask or with probabilities; leave them out`);
    }
    const { low, high } = this;
    const random = this.npRandom;
    const sample = zeros(this.dtype, low.length);
    // Integers are drawn from [low, high + 1) and rounded down.
    const beyond = this.#float ? 0 : 1;
    if (!this.#bounded) return this.#sampleUnbounded(sample, beyond);
    for (let i = 0; i < low.length; i++) {
      const value = random.uniform(low[i], high[i] + beyond);
      sample[i] = this.#float ? value : Math.floor(value);
    }
    return sample;
  }

  // Element kinds are drawn in Gymnasium's order: no bound, lower bound only, upper bound only, both.
  #sampleUnbounded(sample: Arrays[D], beyond: number): Arrays[D] {
    const { low, high, boundedBelow, boundedAbove } = this;
    const random = this.npRandom;
    const [least, greatest] = limits[this.dtype];
    const fill = (below: boolean, above: boolean, draw: (i: number) => number): void => {
      for (let i = 0; i < sample.length; i++) {
        if (boundedBelow[i] !== below || boundedAbove[i] !== above) continue;
        const value = draw(i);
        sample[i] = this.#float ? value : Math.min(Math.max(Math.floor(value), least), greatest);
      }
    };
    fill(false, false, () => random.normal());
    fill(true, false, (i) => random.exponential() + low[i]);
    fill(false, true, (i) => -random.exponential() + high[i] + beyond);
    fill(true, true, (i) => random.uniform(low[i], high[i] + beyond));
    return sample;
  }

  contains(value: unknown): value is Arrays[D] {
    const { low, high } = this;
    if (!(value instanceof arrayClasses[this.dtype]) || value.length !== low.length) return false;
    for (let i = 0; i < low.length; i++) {
      if (!(value[i] >= low[i] && value[i] <= high[i])) return false;
      if (!this.#float && value[i] !== Math.floor(value[i])) return false;
    }
    return true;
  }

  toJsonable(values: readonly Arrays[D][]): unknown[] {
    return values.map((value) => toNested(value, this.shape, this.dtype));
  }

  fromJsonable(data: unknown): Arrays[D][] {
    return (data as unknown[]).map((value) => fromNested(value, this.dtype, this.low.length));
  }

  toString(): string {
    const text = (bounds: Arrays[D]): string =>
      bounds.every((bound: number) => bound === bounds[0])
        ? scalarText(bounds[0], this.dtype)
        : arrayText(bounds, this.shape, this.dtype);
    return `Box(${text(this.low)}, ${text(this.high)}, ${shapeText(this.shape)}, ${this.dtype})`;
  }

  equals(other: unknown): boolean {
    return (
      other instanceof Box &&
      shapeText(this.shape) === shapeText(other.shape) &&
      this.dtype === other.dtype &&
      allClose(this.low, other.low) &&
      allClose(this.high, other.high)
    );
  }

  override clone(): Box<D> {
    const low = Array.from(this.low, (bound, i) => (this.boundedBelow[i] ? bound : Number.NEGATIVE_INFINITY));
    const high = Array.from(this.high, (bound, i) => (this.boundedAbove[i] ? bound : Number.POSITIVE_INFINITY));
    return new Box({ low, high, shape: this.shape, dtype: this.dtype });
  }
}

function castBounds<D extends Dtype>(bounds: readonly number[], dtype: D, none: number): Arrays[D] {
  const [least, greatest] = limits[dtype];
  const cast = zeros(dtype, bounds.length);
  bounds.forEach((bound, i) => {
    if (Number.isNaN(bound)) throw new RangeError(`Box has NaN as bound ${i}; give a number, or an infinity for none`);
    if (bound === none && !isFloat(dtype)) {
      if (least === 0) throw new RangeError(`Box of ${dtype} cannot be unbounded; give a finite bound ${i}`);
      cast[i] = none < 0 ? least : greatest;
      return;
    }
    const rounded = dtype === 'float32' ? Math.fround(bound) : bound;
    if (Number.isFinite(bound) && (rounded < least || rounded > greatest)) {
      throw new RangeError(`Box has ${bound} as bound ${i}, but ${dtype} holds only [${least}, ${greatest}]`);
    }
    cast[i] = isFloat(dtype) ? rounded : Math.trunc(bound);
  });
  return cast;
}

/** NumPy's `allclose`, with its tolerances; infinities are close to themselves only. */
function allClose(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  for (let i = 0; i < a.length; i++) {
    if (a[i] === b[i]) continue;
    const close = Number.isFinite(b[i]) && Math.abs(a[i] - b[i]) <= 1e-8 + 1e-5 * Math.abs(b[i]);
    if (!close) return false;
  }
  return true;
}
