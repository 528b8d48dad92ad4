// NumPy's random Generator over PCG64: the same methods, the same numbers bit for bit.
// Source: numpy.random.Generator; distributions in numpy/random/src/distributions/distributions.c.

import {
  broadcast,
  checkProbabilities,
  checkRange,
  checkSpan,
  count,
  lengthOf,
  type Size,
  toBigInt,
} from './arguments.ts';
import { bounded32, bounded64, boundedNarrow } from './bounded.ts';
import {
  chooseDistinct,
  chooseDistinctWeighted,
  cumulate,
  type MutableArrayLike,
  searchRight,
  shuffleInPlace,
} from './choice.ts';
import { PCG64, type PCG64State } from './pcg64.ts';
import { SeedSequence, type SeedSequenceState } from './seed-sequence.ts';
import { standardExponential, standardNormal, standardNormalFloat32 } from './ziggurat.ts';

/** The arrays in which integers of each dtype come. `int64` comes as Float64Array, so integers there stay below 2^53. */
export interface IntegerArrays {
  bool: Uint8Array;
  int8: Int8Array;
  uint8: Uint8Array;
  int16: Int16Array;
  uint16: Uint16Array;
  int32: Int32Array;
  uint32: Uint32Array;
  int64: Float64Array;
}

/** NumPy's name of an integer element type. */
export type IntegerDtype = keyof IntegerArrays;

const integerArrays = {
  bool: Uint8Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: Float64Array,
} as const;

const integerLimits: Record<IntegerDtype, readonly [low: number, high: number]> = {
  bool: [0, 1],
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32768, 32767],
  uint16: [0, 65535],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint32: [0, 2 ** 32 - 1],
  int64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
};

/** Options of {@link Generator.integers}. */
export interface IntegersOptions<D extends IntegerDtype = IntegerDtype> {
  /** How many; omitted for one number. */
  readonly size?: Size;
  /** Whether `high` itself may be drawn. Default false. */
  readonly endpoint?: boolean;
  /** Element type; decides how bits are used, so numbers differ between dtypes. Default `int64`. */
  readonly dtype?: D;
}

/** Options of {@link Generator.choice}. */
export interface ChoiceOptions {
  readonly size?: Size;
  /** Whether a value may be chosen again. Default true. */
  readonly replace?: boolean;
  /** The probability of each value; they must sum to 1. Default: all equal. */
  readonly p?: ArrayLike<number>;
  /** Whether the order is random too, without replacement. Default true; false is faster. */
  readonly shuffle?: boolean;
}

/** A whole generator as JSON data. Without `seedSequence` (as NumPy saves it) the stream is restored, but not `spawn`. */
export interface GeneratorState extends PCG64State {
  readonly seedSequence?: SeedSequenceState;
}

/** Random numbers. Arrays come flat; scalars are numbers. All methods throw RangeError for impossible arguments. */
export class Generator {
  readonly #bits: PCG64;
  #seedSequence: SeedSequence;

  constructor(seedSequence: SeedSequence) {
    this.#seedSequence = seedSequence;
    this.#bits = new PCG64(seedSequence);
  }

  /** The present position in the stream. Setting it makes the stream go on from there. */
  get state(): GeneratorState {
    return { ...this.#bits.state, seedSequence: this.#seedSequence.toJSON() };
  }

  set state(state: GeneratorState) {
    this.#bits.state = state;
    if (state.seedSequence !== undefined) this.#seedSequence = SeedSequence.fromJSON(state.seedSequence);
  }

  /** A generator at the same position, independent from now on. */
  clone(): Generator {
    const copy = new Generator(this.#seedSequence);
    copy.state = this.state;
    return copy;
  }

  /** `count` new generators whose streams are independent of this one and of each other. */
  spawn(count: number): Generator[] {
    return this.#seedSequence.spawn(count).map((child) => new Generator(child));
  }

  /** Uniform in [0, 1). */
  random(): number;
  random(size: Size, dtype?: 'float64'): Float64Array;
  random(size: Size, dtype: 'float32'): Float32Array;
  random(size?: Size, dtype: 'float64' | 'float32' = 'float64'): number | Float64Array | Float32Array {
    if (size === undefined) return this.#bits.nextDouble();
    return this.fillUniform(dtype === 'float32' ? new Float32Array(count(size)) : new Float64Array(count(size)));
  }

  /** Fills `out` with uniform numbers in [0, 1): the same as `random(out.length, dtype)`. Returns `out`. */
  fillUniform<A extends Float32Array | Float64Array>(out: A): A {
    const bits = this.#bits;
    if (out instanceof Float32Array) for (let i = 0; i < out.length; i++) out[i] = bits.nextFloat32();
    else bits.fillDoubles(out);
    return out;
  }

  /** Fills `out` with standard normal numbers: the same as `standardNormal(out.length, dtype)`. Returns `out`. */
  fillNormal<A extends Float32Array | Float64Array>(out: A): A {
    const bits = this.#bits;
    if (out instanceof Float32Array) for (let i = 0; i < out.length; i++) out[i] = standardNormalFloat32(bits);
    else for (let i = 0; i < out.length; i++) out[i] = standardNormal(bits);
    return out;
  }

  /**
   * Integers in [low, high), or in [0, low) without `high`. Bounds given as bigints may be as wide as 64 bits and give
   * bigints. Arrays of bounds give an array; they must be as long as each other, or as the last axis of `size`.
   */
  integers(
    low: number,
    high?: number,
    options?: { readonly endpoint?: boolean; readonly dtype?: IntegerDtype },
  ): number;
  integers(low: bigint, high?: bigint, options?: { readonly endpoint?: boolean }): bigint;
  integers<D extends IntegerDtype = 'int64'>(
    low: number | ArrayLike<number>,
    high: number | ArrayLike<number> | undefined,
    options: IntegersOptions<D> & { readonly size: Size },
  ): IntegerArrays[D];
  integers<D extends IntegerDtype = 'int64'>(
    low: number | ArrayLike<number>,
    high: ArrayLike<number>,
    options?: IntegersOptions<D>,
  ): IntegerArrays[D];
  integers<D extends IntegerDtype = 'int64'>(
    low: ArrayLike<number>,
    high?: number | ArrayLike<number>,
    options?: IntegersOptions<D>,
  ): IntegerArrays[D];
  integers(
    low: number | bigint | ArrayLike<number>,
    high?: number | bigint | ArrayLike<number>,
    options?: IntegersOptions,
  ): number | bigint | ArrayLike<number> {
    if (options === undefined && typeof low === 'number') {
      if (high === undefined) return this.#integer(0, low - 1);
      if (typeof high === 'number') return this.#integer(low, high - 1);
    }
    return this.#integersWith(low, high, options);
  }

  #integersWith(
    low: number | bigint | ArrayLike<number>,
    high: number | bigint | ArrayLike<number> | undefined,
    { size, endpoint = false, dtype = 'int64' }: IntegersOptions = {},
  ): number | bigint | ArrayLike<number> {
    const [from, to] = high === undefined ? [0, low] : [low, high];
    const beyond = endpoint ? 0 : 1;
    if (typeof from === 'bigint' || typeof to === 'bigint') {
      const first = toBigInt(from);
      const last = toBigInt(to) - BigInt(beyond);
      if (last < first) throw new RangeError(`integers needs low < high, but got low ${first} and high ${to}`);
      return first + bounded64(this.#bits, last - first);
    }
    const scalar = typeof from === 'number' && typeof to === 'number';
    const [lowest, highest] = integerLimits[dtype];
    const draw = this.#drawer(dtype);
    const drawOne = (first: number, last: number): number => {
      if (first < lowest || last > highest) {
        throw new RangeError(`integers: [${first}, ${last}] goes beyond ${dtype}, which holds [${lowest}, ${highest}]`);
      }
      return draw(first, last);
    };
    if (scalar && size === undefined) return drawOne(from, to - beyond);
    const length = size === undefined ? Math.max(lengthOf(from), lengthOf(to)) : count(size);
    const first = broadcast(from, length);
    const last = broadcast(to, length);
    const out = new integerArrays[dtype](length);
    for (let i = 0; i < length; i++) out[i] = drawOne(first(i), last(i) - beyond);
    return out;
  }

  /** How integers of a dtype are drawn from [first, last]. */
  #drawer(dtype: IntegerDtype): (first: number, last: number) => number {
    if (dtype === 'int64' || dtype === 'int32' || dtype === 'uint32')
      return (first, last) => this.#integer(first, last);
    const narrow = boundedNarrow(this.#bits, dtype === 'bool' ? 1 : dtype.endsWith('8') ? 8 : 16);
    return (first, last) => first + narrow(checkRange(first, last));
  }

  #integer(first: number, last: number): number {
    const range = checkRange(first, last);
    if (range <= 0xffffffff) return first + bounded32(this.#bits, range);
    return Number(BigInt(first) + bounded64(this.#bits, BigInt(range)));
  }

  /** Uniform in [low, high). Arrays of bounds give an array, as in {@link integers}. Default [0, 1). */
  uniform(low?: number, high?: number): number;
  uniform(low: number | ArrayLike<number>, high: number | ArrayLike<number>, size: Size): Float64Array;
  uniform(low: number | ArrayLike<number>, high: ArrayLike<number>): Float64Array;
  uniform(low: ArrayLike<number>, high?: number | ArrayLike<number>): Float64Array;
  uniform(
    low: number | ArrayLike<number> = 0,
    high: number | ArrayLike<number> = 1,
    size?: Size,
  ): number | Float64Array {
    const bits = this.#bits;
    if (size === undefined && typeof low === 'number' && typeof high === 'number') {
      return low + checkSpan(low, high) * bits.nextDouble();
    }
    const length = size === undefined ? Math.max(lengthOf(low), lengthOf(high)) : count(size);
    const lowest = broadcast(low, length);
    const highest = broadcast(high, length);
    const out = new Float64Array(length);
    for (let i = 0; i < length; i++) {
      const from = lowest(i);
      out[i] = from + checkSpan(from, highest(i)) * bits.nextDouble();
    }
    return out;
  }

  /** Normal with mean `loc` and standard deviation `scale`. Default standard. */
  normal(loc?: number, scale?: number): number;
  normal(loc: number, scale: number, size: Size): Float64Array;
  normal(loc = 0, scale = 1, size?: Size): number | Float64Array {
    if (!(scale >= 0)) throw new RangeError(`normal needs a scale of at least 0, but got ${scale}`);
    if (size === undefined) return loc + scale * standardNormal(this.#bits);
    return this.standardNormal(size).map((z) => loc + scale * z);
  }

  /** Normal with mean 0 and standard deviation 1. */
  standardNormal(): number;
  standardNormal(size: Size, dtype?: 'float64'): Float64Array;
  standardNormal(size: Size, dtype: 'float32'): Float32Array;
  standardNormal(size?: Size, dtype: 'float64' | 'float32' = 'float64'): number | Float64Array | Float32Array {
    if (size === undefined) return standardNormal(this.#bits);
    return this.fillNormal(dtype === 'float32' ? new Float32Array(count(size)) : new Float64Array(count(size)));
  }

  /** Exponential with mean `scale`. Default 1. */
  exponential(scale?: number): number;
  exponential(scale: number, size: Size): Float64Array;
  exponential(scale = 1, size?: Size): number | Float64Array {
    if (!(scale >= 0)) throw new RangeError(`exponential needs a scale of at least 0, but got ${scale}`);
    if (size === undefined) return scale * standardExponential(this.#bits);
    return Float64Array.from({ length: count(size) }, () => scale * standardExponential(this.#bits));
  }

  /** How many trials until the first success, of probability `p` in (0, 1], that one included. */
  geometric(p: number): number {
    if (!(p > 0 && p <= 1)) throw new RangeError(`geometric needs a probability in (0, 1], but got ${p}`);
    if (p < 1 / 3) return Math.ceil(-standardExponential(this.#bits) / Math.log1p(-p));
    const draw = this.#bits.nextDouble();
    let trials = 1;
    let probability = p;
    for (let sum = p; draw > sum; sum += probability) {
      probability *= 1 - p;
      trials++;
    }
    return trials;
  }

  /** Chooses among the integers below `values`, or among the elements of `values`. */
  choice(values: number, options?: Omit<ChoiceOptions, 'size'>): number;
  choice(values: number, options: ChoiceOptions & { readonly size: Size }): Float64Array;
  choice<T>(values: ArrayLike<T>, options?: Omit<ChoiceOptions, 'size'>): T;
  choice<T>(values: ArrayLike<T>, options: ChoiceOptions & { readonly size: Size }): T[];
  choice<T>(values: number | ArrayLike<T>, options: ChoiceOptions = {}): number | Float64Array | T | T[] {
    const population = typeof values === 'number' ? values : values.length;
    if (options.size === undefined) {
      const index = options.p === undefined ? this.integers(population) : this.#weighted(population, options.p)();
      return typeof values === 'number' ? index : values[index];
    }
    const indices = this.#chooseIndices(population, count(options.size), options);
    return typeof values === 'number' ? indices : Array.from(indices, (index) => values[index]);
  }

  #chooseIndices(
    population: number,
    length: number,
    { replace = true, p, shuffle = true }: ChoiceOptions,
  ): Float64Array {
    if (replace) {
      if (p === undefined) return this.integers(0, population, { size: length });
      const draw = this.#weighted(population, p);
      return Float64Array.from({ length }, draw);
    }
    const possible = p === undefined ? population : Array.from(p).filter((probability) => probability > 0).length;
    if (length > possible) {
      throw new RangeError(
        `choice cannot take ${length} different values out of ${possible}; set replace or take fewer`,
      );
    }
    if (p === undefined) return chooseDistinct(this.#bits, population, length, shuffle);
    checkProbabilities(population, p);
    return chooseDistinctWeighted(this.#bits, p, length);
  }

  #weighted(population: number, p: ArrayLike<number>): () => number {
    checkProbabilities(population, p);
    const cumulative = cumulate(p);
    return () => searchRight(cumulative, this.#bits.nextDouble());
  }

  /** Shuffles an array in place. */
  shuffle<T>(values: MutableArrayLike<T>): void {
    shuffleInPlace(this.#bits, values);
  }

  /** The integers below `values`, or the elements of `values`, in random order, as a new array. */
  permutation(values: number): Float64Array;
  permutation<T>(values: ArrayLike<T>): T[];
  permutation<T>(values: number | ArrayLike<T>): Float64Array | T[] {
    const copy = typeof values === 'number' ? Float64Array.from({ length: values }, (_, i) => i) : Array.from(values);
    shuffleInPlace<unknown>(this.#bits, copy);
    return copy;
  }

  /** A shuffled copy of a typed array, of the same type. */
  permuted<A extends MutableArrayLike<number> & { slice(): A }>(values: A): A {
    const copy = values.slice();
    shuffleInPlace(this.#bits, copy);
    return copy;
  }
}
