export type { Size } from './arguments.ts';
export type {
  ChoiceOptions,
  GeneratorState,
  IntegerArrays,
  IntegersOptions,
} from './generator.ts';
export { Generator } from './generator.ts';
export type { PCG64State } from './pcg64.ts';
export { PCG64 } from './pcg64.ts';
export type { Entropy, SeedSequenceState } from './seed-sequence.ts';
export { SeedSequence } from './seed-sequence.ts';
export { defaultRng, npRandom } from './seeding.ts';
