// What the spaces share when they sample: seeds for parts, and the checking of masks and probabilities.

import type { Generator } from '../../random/index.ts';
import type { SampleOptions, Space } from './space.ts';

/** Seeds for `count` parts, as Gymnasium draws them: below 2^31 - 1. */
export function drawSeeds(generator: Generator, count: number): number[] {
  return Array.from(generator.integers(0, 2147483647, { size: count }));
}

/** Throws TypeError if both a mask and probabilities are given. */
export function checkOptions(space: Space, { mask, probability }: SampleOptions): void {
  if (mask !== undefined && mask !== null && probability !== undefined && probability !== null) {
    throw new TypeError(`${space} can be sampled with a mask or with probabilities, but got both; leave one out`);
  }
}

/** The options for a part of a composite space. `pick` takes the part's share of a mask or of probabilities. */
export function partOptions(options: SampleOptions | undefined, pick: (whole: never) => unknown): SampleOptions {
  if (options?.mask !== undefined) return { mask: pick(options.mask as never) ?? undefined };
  if (options?.probability !== undefined) return { probability: pick(options.probability as never) ?? undefined };
  return {};
}

/** The indices that a mask of zeros and ones allows. Throws RangeError if it has another length or other values. */
export function allowedIndices(what: string, mask: ArrayLike<number>, length: number): number[] {
  if (mask.length !== length) {
    throw new RangeError(`${what} needs a mask of ${length} values, but got ${mask.length}`);
  }
  const allowed: number[] = [];
  for (let i = 0; i < length; i++) {
    if (mask[i] === 1) allowed.push(i);
    else if (mask[i] !== 0) throw new RangeError(`${what} needs a mask of zeros and ones, but got ${mask[i]} at ${i}`);
  }
  return allowed;
}

/** Throws RangeError unless there are `length` probabilities in [0, 1] that sum to 1 (within 1e-5). */
export function checkProbability(what: string, probability: ArrayLike<number>, length: number): void {
  if (probability.length !== length) {
    throw new RangeError(`${what} needs ${length} probabilities, but got ${probability.length}`);
  }
  let sum = 0;
  for (let i = 0; i < length; i++) {
    if (!(probability[i] >= 0 && probability[i] <= 1)) {
      throw new RangeError(`${what} needs probabilities in [0, 1], but got ${probability[i]} at ${i}`);
    }
    sum += probability[i];
  }
  if (!(Math.abs(sum - 1) <= 1e-5))
    throw new RangeError(`${what} needs probabilities that sum to 1, but they sum to ${sum}`);
}

/** Throws TypeError if a value is no space. */
export function checkSpace(what: string, value: unknown, isSpace: boolean): void {
  if (!isSpace) throw new TypeError(`${what} must be a Space, but got ${String(value)}`);
}
