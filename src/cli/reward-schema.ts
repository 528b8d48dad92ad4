// What a recipe of kind `reward` may say, and what is expected of it.

import * as z from 'zod';
import type { TrainRewardOptions } from '../trainer/index.ts';
import { datasetOptions, datasetRecipe, datasetSources, preferenceOptions } from './dataset-schema.ts';
import { flag, nonNegative, positiveInteger, text } from './schema-fields.ts';

/** What a program gives, and a recipe cannot, or calls by another name: model, dataset, resume. */
type FromPrograms =
  | 'modelName'
  | 'model'
  | 'tokenizer'
  | 'datasetsPath'
  | 'evalDataset'
  | 'lora'
  | 'resumeCheckpoint'
  | 'callbacks'
  | 'trackers'
  | 'signal'
  | 'warn'
  | 'notes';

/** The options of trainReward. One that is missing here does not compile, nor does one that trainReward has not. */
export const rewardOptions = {
  ...datasetOptions,
  ...preferenceOptions,
  rewardModelPath: text.optional(),
  train: z.enum(['head', 'lora', 'full'], { error: "'head', 'lora' or 'full'" }).optional(),
  mergeAdapters: flag.optional(),
  centerRewardsCoefficient: nonNegative.optional(),
  patience: positiveInteger.nullable().optional(),
  threshold: nonNegative.optional(),
  normalizeBefore: flag.optional(),
  normalizeAfter: flag.optional(),
  normalizeSamples: positiveInteger.optional(),
  dryRun: flag.optional(),
} satisfies { readonly [K in Exclude<keyof TrainRewardOptions, FromPrograms>]-?: z.ZodType<TrainRewardOptions[K]> };

/** A recipe for a reward model. */
export const rewardRecipeSchema = datasetRecipe(
  z.strictObject(
    { kind: z.literal('reward', { error: "'reward'" }), ...datasetSources, ...rewardOptions },
    { error: 'a mapping of keys, such as model: models/tiny' },
  ),
);
