// What the methods of Generator check and read of their arguments.

/** A length, or a shape; arrays come back flat, in C order. */
export type Size = number | readonly number[];

/** How many numbers a size asks for. Throws RangeError if it is not made of non-negative integers. */
export function count(size: Size): number {
  const length = typeof size === 'number' ? size : size.reduce((product, axis) => product * axis, 1);
  if (!(Number.isSafeInteger(length) && length >= 0)) {
    throw new RangeError(`size must be made of non-negative integers, but got ${JSON.stringify(size)}`);
  }
  return length;
}

/** How long an array of bounds is; 1 for a single bound. */
export function lengthOf(bound: number | ArrayLike<number>): number {
  return typeof bound === 'number' ? 1 : bound.length;
}

/** Reads a bound at any index: the same number always, or an array over and over. */
export function broadcast(bound: number | ArrayLike<number>, length: number): (index: number) => number {
  if (typeof bound === 'number') return () => bound;
  if (bound.length === length) return (index) => bound[index];
  if (bound.length === 0 || length % bound.length !== 0) {
    throw new RangeError(`An array of ${bound.length} bounds does not fit ${length} values`);
  }
  return (index) => bound[index % bound.length];
}

/** How far integers reach above `first`. Throws RangeError unless both are integers in order. */
export function checkRange(first: number, last: number): number {
  const range = last - first;
  if (!(range >= 0 && range === Math.floor(range) && first === Math.floor(first) && range <= Number.MAX_SAFE_INTEGER)) {
    throw new RangeError(
      `integers needs integers with low < high, but got [${first}, ${last}]; use bigints beyond 2^53`,
    );
  }
  return range;
}

/** The width of a real interval. Throws RangeError unless both bounds are finite and in order. */
export function checkSpan(low: number, high: number): number {
  const span = high - low;
  if (!(span >= 0 && span < Number.POSITIVE_INFINITY)) {
    throw new RangeError(`uniform needs finite bounds with low <= high, but got ${low} and ${high}`);
  }
  return span;
}

/** Throws RangeError unless there is one probability for each of `population` values and they sum to 1. */
export function checkProbabilities(population: number, p: ArrayLike<number>): void {
  if (p.length !== population) throw new RangeError(`p has ${p.length} probabilities for ${population} values`);
  let sum = 0;
  for (let i = 0; i < p.length; i++) {
    if (!(p[i] >= 0)) throw new RangeError(`Probabilities must not be negative, but p[${i}] is ${p[i]}`);
    sum += p[i];
  }
  // NumPy's tolerance: the square root of float64's epsilon.
  if (!(Math.abs(sum - 1) <= 2 ** -26)) throw new RangeError(`Probabilities must sum to 1, but sum to ${sum}`);
}

/** A bound as a bigint. Throws TypeError for arrays. */
export function toBigInt(bound: number | bigint | ArrayLike<number>): bigint {
  if (typeof bound === 'object') throw new TypeError('integers takes arrays of numbers only, not along with bigints');
  return BigInt(bound);
}
