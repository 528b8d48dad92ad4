// The settings of algorithms, as recipes give them, with what is expected of each.

import * as z from 'zod';
import type { GRPOConfig, PPOConfig, REINFORCEConfig, RLOOConfig } from '../rl/index.ts';
import { flag, fraction, nonNegative, number, positive, positiveInteger } from './schema-fields.ts';

const schedule = z.enum(['constant', 'linear'], { error: "'constant' or 'linear'" });
const orNone = 'a number above 0, or null for none';
const nullablePositive = z.number({ error: orNone }).positive({ error: orNone }).nullable();
const orAll = 'a whole number of 1 or more, or -1 for all';
const onNonFinite = z.enum(['stop', 'skip'], { error: "'stop' or 'skip'" }).optional();
const batch = z.int({ error: orAll }).refine((size) => size >= 1 || size === -1, { error: orAll });

// A field of PPOConfig that is missing here does not compile, nor does one that PPOConfig has not.
const ppoFields = {
  lrActor: nonNegative.optional(),
  lrCritic: nonNegative.optional(),
  lrSchedule: schedule.optional(),
  gamma: fraction.optional(),
  gaeLambda: fraction.optional(),
  rolloutSteps: positiveInteger.optional(),
  updateEpochs: positiveInteger.optional(),
  minibatchSize: batch.optional(),
  epsClip: positive.optional(),
  epsClipSchedule: schedule.optional(),
  normalizeAdvantages: flag.optional(),
  valueClip: nullablePositive.optional(),
  valueCoef: nonNegative.optional(),
  entropyCoef: number.optional(),
  maxGradNorm: nullablePositive.optional(),
  targetKl: nullablePositive.optional(),
  adamEpsilon: positive.optional(),
  onNonFinite,
} satisfies { readonly [K in keyof PPOConfig]-?: z.ZodType<PPOConfig[K]> };

const criticFree = {
  learningRate: nonNegative.optional(),
  lrSchedule: schedule.optional(),
  updateEpochs: positiveInteger.optional(),
  minibatchSize: batch.optional(),
  epsClip: positive.optional(),
  epsClipHigh: positive.optional(),
  entropyCoef: number.optional(),
  maxGradNorm: nullablePositive.optional(),
  klCoef: nonNegative.optional(),
  adamEpsilon: positive.optional(),
  onNonFinite,
};
const grpoFields = {
  ...criticFree,
  lossType: z.enum(['grpo', 'bnpo', 'dapo', 'drGrpo'], { error: "'grpo', 'bnpo', 'dapo' or 'drGrpo'" }).optional(),
  maxLength: positiveInteger.optional(),
  scaleRewards: z.enum(['group', 'batch', 'none'], { error: "'group', 'batch' or 'none'" }).optional(),
} satisfies { readonly [K in keyof GRPOConfig]-?: z.ZodType<GRPOConfig[K]> };
const rlooFields = { ...criticFree, normalizeAdvantages: flag.optional() } satisfies {
  readonly [K in keyof RLOOConfig]-?: z.ZodType<RLOOConfig[K]>;
};
const reinforceFields = { ...criticFree, gamma: fraction.optional(), baselineDecay: fraction.optional() } satisfies {
  readonly [K in keyof REINFORCEConfig]-?: z.ZodType<REINFORCEConfig[K]>;
};

/** An algorithm for language models by its name, with its settings. */
export const algorithmSchema = z.discriminatedUnion(
  'name',
  [
    z.strictObject({ name: z.literal('ppo'), ...ppoFields }),
    z.strictObject({ name: z.literal('grpo'), ...grpoFields }),
    z.strictObject({ name: z.literal('rloo'), ...rlooFields }),
    z.strictObject({ name: z.literal('reinforce'), ...reinforceFields }),
  ],
  {
    error: ({ code }) =>
      code === 'invalid_union'
        ? "'ppo', 'grpo', 'rloo' or 'reinforce'"
        : 'a mapping such as { name: ppo, lrActor: 1e-4 }',
  },
);

/** Validates the `ppo` part of a recipe. */
export const ppoSchema = z.strictObject(ppoFields, { error: 'a mapping such as { lrActor: 3e-4, gamma: 0.99 }' });
