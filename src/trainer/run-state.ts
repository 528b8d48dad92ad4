// What a checkpoint keeps of any run that acts in environments, beside weights and moments.

import * as z from 'zod';
import { savedCheckpointSchema } from './kept-checkpoints.ts';

const count = z.int().min(0);

/** Any number, also one that is not finite: JSON has none of those, and says null, which is NaN here. */
export const anyNumber = z.union([
  z.number(),
  z.null().transform(() => Number.NaN),
  z.custom<number>((value) => typeof value === 'number'),
]);

/** The fields of {@link RunState}. */
export const runStateShape = {
  steps: count,
  updates: count,
  /** Spent on it, in all of its processes together. */
  seconds: z.number(),
  /** As in EpisodeCounts. */
  episodes: count,
  runningReward: z.number(),
  recentReturns: z.array(anyNumber).readonly(),
  recentLengths: z.array(count).readonly(),
  /** Where the run directory's files of rows ended. */
  rows: z.strictObject({ metrics: count, episodes: count, completions: count }).partial(),
  /** Those that the run has written, this one included. */
  checkpoints: z.array(savedCheckpointSchema),
};

const schema = z.strictObject(runStateShape);

/** Where a run stands between two updates. */
export type RunState = z.infer<typeof schema>;
