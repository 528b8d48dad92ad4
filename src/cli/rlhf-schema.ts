// What a recipe of kind `rlhf` may say, and what is expected of it.

import * as z from 'zod';
import type { AdaptiveKl } from '../env/text/index.ts';
import { MODEL_TYPES } from '../lm/index.ts';
import { algorithmSchema } from './algorithm-schema.ts';
import { dpoOptions } from './dpo-schema.ts';
import { rewardOptions } from './reward-schema.ts';
import { flag, fraction, natural, nonNegative, number, positive, positiveInteger, text } from './schema-fields.ts';
import { sftOptions } from './sft-schema.ts';

const modelSchema = z.strictObject(
  {
    /** As in a config.json; the numbers of tokens are filled in. */
    config: z.looseObject(
      { model_type: z.enum(MODEL_TYPES, { error: `one of ${MODEL_TYPES.join(', ')}` }) },
      { error: 'a mapping of keys of config.json, such as { model_type: gpt2, n_embd: 128 }' },
    ),
    /** Tokens of a byte-level tokenizer that is trained on the sentences. Default 512. */
    vocabSize: positiveInteger.optional(),
  },
  { error: 'a mapping such as { config: { model_type: gpt2 } }' },
);

const datasetSchema = z.strictObject(
  {
    generator: z.literal('scenes', { error: "'scenes'" }),
    /** Sentences that the model learns to write. */
    count: positiveInteger,
    /** Others, whose first words are queries, for labels and for reinforcement learning alike. Default 2000. */
    queries: positiveInteger.optional(),
    /** Default: the run's. */
    seed: natural.optional(),
  },
  { error: 'a mapping such as { generator: scenes, count: 12000 }' },
);

const preferencesSchema = z.strictObject(
  {
    /** Queries that are labelled: so many rows. */
    count: positiveInteger,
    /** Answers to choose the best from. Default 4, as in OpenAI's labels. */
    candidates: z.int().min(2, { error: 'a whole number of 2 or more' }).optional(),
    /** The share of rows where another one than the best is called best. Default 0. */
    noise: fraction.optional(),
  },
  { error: 'a mapping such as { count: 2000, noise: 0.1 }' },
);

/** The stages that learn from a dataset; what the run settles itself is left out. */
const settled = { seed: true, runDirectory: true, savePath: true } as const;
const sftSchema = z
  .strictObject(sftOptions, { error: 'a mapping such as { maxSteps: 400, batchSize: 64 }' })
  .omit({ ...settled, format: true, resume: true });
const rewardSchema = z
  .strictObject(rewardOptions, { error: 'a mapping such as { train: full, epochs: 2 }' })
  .omit({ ...settled, rewardModelPath: true, labelTokenizer: true, dryRun: true });
const dpoSchema = z
  .strictObject(dpoOptions, { error: 'a mapping such as { beta: 0.1, epochs: 1 }, or null to leave it out' })
  .omit({ ...settled, labelTokenizer: true, resume: true });

const adaptive: z.ZodType<AdaptiveKl> = z.strictObject({ initial: positive, target: positive, horizon: positive });
const envSchema = z.strictObject(
  {
    klCoef: z
      .union([nonNegative, adaptive], { error: 'a number, or { initial: 0.2, target: 6, horizon: 1000 }' })
      .optional(),
    klEstimator: z.enum(['k1', 'k2', 'k3'], { error: "'k1', 'k2' or 'k3'" }).optional(),
    maxGeneration: positiveInteger.optional(),
    missingEosPenalty: number.optional(),
    truncateAt: z
      .strictObject(
        { token: text, after: natural.optional(), score: number.optional() },
        { error: "a mapping such as { token: '.', score: -1 }" },
      )
      .optional(),
    whitenRewards: flag.optional(),
  },
  { error: 'a mapping of options of RLHFEnv' },
);

const rlSchema = z.strictObject(
  {
    algorithm: algorithmSchema.optional(),
    numEnvs: positiveInteger.optional(),
    maxEpisodes: positiveInteger,
    updateInterval: positiveInteger.optional(),
    groupSize: positiveInteger.optional(),
    saveInterval: positiveInteger.optional(),
  },
  { error: 'a mapping such as { algorithm: { name: ppo }, maxEpisodes: 10000 }' },
);

const evaluationSchema = z.strictObject(
  {
    /** Texts of each model to measure, on queries of their own. Default 512. */
    texts: positiveInteger.optional(),
    /** How many to show. Default 4. */
    samples: natural.optional(),
  },
  { error: 'a mapping such as { texts: 512 }' },
);

/** A recipe that goes the whole way: a language model, preferences, a reward model, reinforcement learning; DPO beside it. */
export const rlhfRecipeSchema = z.strictObject(
  {
    kind: z.literal('rlhf', { error: "'rlhf'" }),
    dataset: datasetSchema,
    model: modelSchema,
    sft: sftSchema,
    preferences: preferencesSchema,
    reward: rewardSchema,
    envOptions: envSchema.optional(),
    rl: rlSchema,
    /** Null: none. */
    dpo: dpoSchema.nullable().optional(),
    evaluation: evaluationSchema.optional(),
    seed: natural.optional(),
    /** Where the run's files go. Default runs/rlhf-<date>-<seed>. */
    runDirectory: text.optional(),
  },
  { error: 'a mapping of keys, such as kind: rlhf' },
);

/** A recipe that has been checked. */
export type RlhfRecipe = z.infer<typeof rlhfRecipeSchema>;
