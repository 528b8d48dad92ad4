// The `ppo` part of a recipe: the fields of PPOConfig, with what is expected of each.

import * as z from 'zod';
import type { PPOConfig } from '../rl/index.ts';
import { flag, fraction, nonNegative, number, positive, positiveInteger } from './schema-fields.ts';

const schedule = z.enum(['constant', 'linear'], { error: "'constant' or 'linear'" });
const orNone = 'a number above 0, or null for none';
const nullablePositive = z.number({ error: orNone }).positive({ error: orNone }).nullable();
const orAll = 'a whole number of 1 or more, or -1 for all';
const batch = z.int({ error: orAll }).refine((size) => size >= 1 || size === -1, { error: orAll });

// A field of PPOConfig that is missing here does not compile, nor does one that PPOConfig has not.
const fields = {
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
} satisfies { readonly [K in keyof PPOConfig]-?: z.ZodType<PPOConfig[K]> };

/** Validates the `ppo` part of a recipe. */
export const ppoSchema = z.strictObject(fields, { error: 'a mapping such as { lrActor: 3e-4, gamma: 0.99 }' });
