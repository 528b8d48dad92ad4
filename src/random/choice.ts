// Choosing and shuffling, with the draws that NumPy's Generator makes. Source: numpy/random/_generator.pyx.

import { bounded32, masked32 } from './bounded.ts';
import type { PCG64 } from './pcg64.ts';

/** What can be shuffled in place: anything indexed and writable. */
export interface MutableArrayLike<T> {
  readonly length: number;
  [index: number]: T;
}

/**
 * Shuffles `values` in place (Fisher and Yates, from the end), down to the element at `first`. NumPy's shuffles and
 * permutations draw by masking, those within its `choice` by multiplying; so `draw` is given.
 */
export function shuffleInPlace<T>(bits: PCG64, values: MutableArrayLike<T>, first = 1, draw = masked32): void {
  for (let i = values.length - 1; i >= first; i--) {
    const j = draw(bits, i);
    const held = values[j];
    values[j] = values[i];
    values[i] = held;
  }
}

/** `count` different indices below `population`, each set equally likely; in random order if `shuffle`. */
export function chooseDistinct(bits: PCG64, population: number, count: number, shuffle: boolean): Float64Array {
  const cutoff = shuffle ? 50 : 20;
  if (population > 10000 && count > Math.floor(population / cutoff)) {
    const all = Float64Array.from({ length: population }, (_, i) => i);
    shuffleInPlace(bits, all, Math.max(population - count, 1), bounded32);
    return all.slice(population - count);
  }
  // Floyd's algorithm: Bentley and Floyd, "A Sample of Brilliance", CACM 1987.
  const chosen = new Set<number>();
  for (let last = population - count; last < population; last++) {
    const index = bounded32(bits, last);
    chosen.add(chosen.has(index) ? last : index);
  }
  const indices = Float64Array.from(chosen);
  if (shuffle) shuffleInPlace(bits, indices, 1, bounded32);
  return indices;
}

/** `count` different indices, drawn by their probabilities. */
export function chooseDistinctWeighted(bits: PCG64, probabilities: ArrayLike<number>, count: number): Float64Array {
  const weights = Float64Array.from(probabilities);
  const found: number[] = [];
  while (found.length < count) {
    const draws = Array.from({ length: count - found.length }, () => bits.nextDouble());
    for (const index of found) weights[index] = 0;
    const cumulative = cumulate(weights);
    found.push(...new Set(draws.map((draw) => searchRight(cumulative, draw))));
  }
  return Float64Array.from(found);
}

/** The running sums of `weights`, scaled so that the last is 1. */
export function cumulate(weights: ArrayLike<number>): Float64Array {
  let sum = 0;
  const cumulative = Float64Array.from(weights, (weight) => (sum += weight));
  for (let i = 0; i < cumulative.length; i++) cumulative[i] /= sum;
  return cumulative;
}

/** The first index whose element exceeds `value`. */
export function searchRight(sorted: Float64Array, value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (value < sorted[middle]) high = middle;
    else low = middle + 1;
  }
  return low;
}
