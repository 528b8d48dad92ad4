// What a recipe may say. Each field's `error` says what is expected of it; the reader of recipes adds where and what was found.

import * as z from 'zod';
import { ppoSchema } from './algorithm-schema.ts';
import { envTroubleOptions, flag, natural, number, positiveInteger, text } from './schema-fields.ts';
import { trackingSchema } from './tracking-schema.ts';

const networkSchema = z.strictObject(
  {
    /** Units a hidden layer. Default 64. */
    hiddenDim: positiveInteger.optional(),
    /** Hidden layers. Default 2. */
    hiddenLayers: natural.optional(),
    /** Default tanh. */
    activation: z.enum(['tanh', 'relu'], { error: "'tanh' or 'relu'" }).optional(),
  },
  { error: 'a mapping such as { hiddenDim: 64, activation: tanh }' },
);

const evaluationSchema = z.strictObject(
  {
    /** Episodes to play after training; 0 for none. Default 100. */
    episodes: natural.optional(),
    /** Seed of the first environment. Default: the run's seed + 1000. */
    seed: natural.optional(),
    /** Whether to take the likeliest action rather than to draw one. Default true. */
    deterministic: flag.optional(),
  },
  { error: 'a mapping such as { episodes: 100 }' },
);

/** A recipe: all that one training run is told. */
export const recipeSchema = z
  .strictObject(
    {
      /** The id of an environment. */
      env: z.string({ error: 'the id of an environment, such as CartPole-v1' }).min(1, {
        error: 'the id of an environment, such as CartPole-v1',
      }),
      /** Arguments of the environment. */
      envOptions: z.record(z.string(), z.unknown(), { error: "a mapping of the environment's arguments" }).optional(),
      network: networkSchema.optional(),
      ppo: ppoSchema.optional(),
      /** Steps to train for, all environments together. Give this or maxEpisodes. */
      totalSteps: positiveInteger.optional(),
      /** Episodes to train for. */
      maxEpisodes: positiveInteger.optional(),
      /** Steps after which an episode is cut off, if the environment does not do so earlier. */
      maxTimesteps: positiveInteger.optional(),
      /** Environments stepped side by side. Default 1. */
      numEnvs: positiveInteger.optional(),
      updateInterval: positiveInteger.optional(),
      /** Episodes between checkpoints. Default 100. */
      saveInterval: positiveInteger.optional(),
      seed: natural.optional(),
      /** Whether to write an episode to `replays/` now and then, of an environment that can be drawn. Default true. */
      recordEpisodes: flag.optional(),
      normalizeObservation: flag.optional(),
      normalizeReward: flag.optional(),
      /** Stops as soon as the mean return of the latest 100 episodes reaches this. */
      stopAtMeanReturn: number.optional(),
      /** Whether a run that needs more memory than is free is refused. Default true. */
      memoryCheck: flag.optional(),
      /** What to do when the environment fails. */
      ...envTroubleOptions,
      evaluation: evaluationSchema.optional(),
      /** Where else the run is shown. */
      tracking: trackingSchema.optional(),
      /** Where the run's files go. Default runs/<env>-<date>-<seed>. */
      runDirectory: text.optional(),
    },
    { error: 'a mapping of keys, such as env: CartPole-v1' },
  )
  .refine((recipe) => recipe.totalSteps === undefined || recipe.maxEpisodes === undefined, {
    path: ['maxEpisodes'],
    error: 'left out, for totalSteps is given and only one of the two may end a run',
  });

/** A recipe that has been checked. */
export type Recipe = z.infer<typeof recipeSchema>;
