// How generators begin. Sources: gymnasium.utils.seeding, numpy.random.default_rng.

import { Generator } from './generator.ts';
import { type Entropy, SeedSequence } from './seed-sequence.ts';

/**
 * A generator and the seed it was made of: the given one, or one from the operating system. Gymnasium's
 * `seeding.np_random`.
 *
 * @throws RangeError if the seed is negative or not whole.
 */
export function npRandom(seed?: number | bigint): [generator: Generator, seed: bigint] {
  const sequence = new SeedSequence(seed);
  return [new Generator(sequence), sequence.entropy as bigint];
}

/** A generator from any seed: NumPy's `default_rng`. */
export function defaultRng(seed?: Entropy | SeedSequence): Generator {
  return new Generator(seed instanceof SeedSequence ? seed : new SeedSequence(seed));
}
