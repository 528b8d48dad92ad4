// Unbiased integers in a range, by Lemire's multiply-and-reject method, as NumPy's Generator draws them.
// Source: D. Lemire, "Fast Random Integer Generation in an Interval", ACM TOMACS 2019; numpy/random/src/distributions.

import type { PCG64 } from './pcg64.ts';

const TWO_POW_32 = 2 ** 32;

/** An integer in [0, range]; range an integer in [0, 2^32). A range of 0 draws nothing. */
export function bounded32(bits: PCG64, range: number): number {
  if (range === 0) return 0;
  if (range === 0xffffffff) return bits.nextUint32();
  const count = range + 1;
  let random = bits.nextUint32();
  let leftover = Math.imul(random, count) >>> 0;
  if (leftover < count) {
    const threshold = (TWO_POW_32 - count) % count;
    while (leftover < threshold) {
      random = bits.nextUint32();
      leftover = Math.imul(random, count) >>> 0;
    }
  }
  // The high word of the 64-bit product: `leftover` is the low one exactly, so rounding mends the double's error.
  return ((random * count - leftover) / TWO_POW_32 + 0.5) >>> 0;
}

/** An integer in [0, range] by masking and rejecting, as NumPy's shuffles draw theirs; range an integer in [0, 2^32). */
export function masked32(bits: PCG64, range: number): number {
  if (range === 0) return 0;
  const mask = 0xffffffff >>> Math.clz32(range);
  for (;;) {
    const random = (bits.nextUint32() & mask) >>> 0;
    if (random <= range) return random;
  }
}

/** An integer in [0, range]; range below 2^64. Equal to {@link bounded32} for ranges below 2^32. */
export function bounded64(bits: PCG64, range: bigint): bigint {
  if (range <= 0xffffffffn) return BigInt(bounded32(bits, Number(range)));
  if (range === 0xffffffffffffffffn) return bits.nextUint64();
  const count = range + 1n;
  const threshold = ((1n << 64n) - count) % count;
  for (;;) {
    const product = bits.nextUint64() * count;
    if (BigInt.asUintN(64, product) >= threshold) return product >> 64n;
  }
}

/**
 * Draws integers of `width` bits (1, 8 or 16) in [0, range], cutting several out of each 32 random bits. NumPy draws small
 * dtypes so; the leftover bits are dropped when the returned function is.
 */
export function boundedNarrow(bits: PCG64, width: 1 | 8 | 16): (range: number) => number {
  const size = 1 << width;
  let buffer = 0;
  let left = 0;
  const next = (): number => {
    if (left === 0) {
      buffer = bits.nextUint32();
      left = 32 / width;
    } else {
      buffer >>>= width;
    }
    left--;
    return buffer & (size - 1);
  };
  return (range) => {
    if (range === 0) return 0;
    if (range === size - 1) return next();
    const count = range + 1;
    let product = next() * count;
    const threshold = (size - count) % count;
    while (product % size < threshold) product = next() * count;
    return Math.floor(product / size);
  };
}
