// The kinds of values that recipes are made of. `error` completes the sentence "... but must be ...".

import * as z from 'zod';
import type { EnvTroubleOptions } from '../trainer/index.ts';

/** A finite number. */
export const number = z.number({ error: 'a finite number' });

/** A finite number of 0 or more. */
export const nonNegative = z.number({ error: 'a number of 0 or more' }).min(0, { error: 'a number of 0 or more' });

/** A finite number above 0. */
export const positive = z.number({ error: 'a number above 0' }).positive({ error: 'a number above 0' });

/** A number from 0 to 1. */
export const fraction = z
  .number({ error: 'a number from 0 to 1' })
  .min(0, { error: 'a number from 0 to 1' })
  .max(1, { error: 'a number from 0 to 1' });

/** A whole number of 1 or more. */
export const positiveInteger = z
  .int({ error: 'a whole number of 1 or more' })
  .min(1, { error: 'a whole number of 1 or more' });

/** A whole number of 0 or more. */
export const natural = z.int({ error: 'a whole number of 0 or more' }).min(0, { error: 'a whole number of 0 or more' });

/** True or false. */
export const flag = z.boolean({ error: 'true or false' });

/** A text that is not empty. */
export const text = z.string({ error: 'a text' }).min(1, { error: 'a text' });

/** What to do when a reward fails. */
export const rewardErrors = z.union([z.literal('throw'), z.strictObject({ fallback: number })], {
  error: "'throw', or { fallback: a number }",
});

/** What to do when an environment fails. */
export const envTroubleOptions = {
  onEnvError: z.enum(['stop', 'reset'], { error: "'stop' or 'reset'" }).optional(),
  envTimeoutMs: positive.optional(),
} satisfies { readonly [K in keyof EnvTroubleOptions]-?: z.ZodType<EnvTroubleOptions[K]> };
