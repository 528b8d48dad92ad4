// What a recipe of kind `dpo` may say, and what is expected of it.

import * as z from 'zod';
import type { TrainDpoOptions } from '../trainer/index.ts';
import { datasetOptions, datasetRecipe, datasetSources, preferenceOptions } from './dataset-schema.ts';
import { fraction, positive, text } from './schema-fields.ts';

/** What a program gives, and a recipe cannot. */
type FromPrograms =
  | 'model'
  | 'tokenizer'
  | 'dataset'
  | 'evalDataset'
  | 'referenceModel'
  | 'callbacks'
  | 'trackers'
  | 'signal'
  | 'warn'
  | 'notes';

const losses = "'sigmoid', 'hinge', 'ipo' or 'robust'";

/** The options of trainDpo. One that is missing here does not compile, nor does one that trainDpo has not. */
export const dpoOptions = {
  ...datasetOptions,
  ...preferenceOptions,
  beta: positive.optional(),
  lossType: z.enum(['sigmoid', 'hinge', 'ipo', 'robust'], { error: losses }).optional(),
  labelSmoothing: fraction.optional(),
  lora: datasetSources.lora,
  resume: datasetSources.resume,
} satisfies { readonly [K in Exclude<keyof TrainDpoOptions, FromPrograms>]-?: z.ZodType<TrainDpoOptions[K]> };

/** A recipe for direct preference optimization. */
export const dpoRecipeSchema = datasetRecipe(
  z.strictObject(
    {
      kind: z.literal('dpo', { error: "'dpo'" }),
      ...datasetSources,
      ...dpoOptions,
      /** The folder of the model that the policy is held to. Default: the model itself, as it was. */
      referenceModel: text.optional(),
    },
    { error: 'a mapping of keys, such as model: models/tiny' },
  ),
);
