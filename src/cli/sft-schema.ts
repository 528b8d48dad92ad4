// What a recipe of kind `sft` may say, and what is expected of it.

import * as z from 'zod';
import type { TrainSftOptions } from '../trainer/index.ts';
import { datasetOptions, datasetRecipe, datasetSources } from './dataset-schema.ts';
import { flag } from './schema-fields.ts';

/** What a program gives, and a recipe cannot. */
type FromPrograms =
  | 'model'
  | 'tokenizer'
  | 'dataset'
  | 'evalDataset'
  | 'callbacks'
  | 'trackers'
  | 'signal'
  | 'warn'
  | 'notes';

/** The options of trainSft. One that is missing here does not compile, nor does one that trainSft has not. */
export const sftOptions = {
  ...datasetOptions,
  format: z.enum(['chat', 'prompt-completion', 'text'], { error: "'chat', 'prompt-completion' or 'text'" }).optional(),
  packing: flag.optional(),
  completionOnly: flag.optional(),
  lora: datasetSources.lora,
  resume: datasetSources.resume,
} satisfies { readonly [K in Exclude<keyof TrainSftOptions, FromPrograms>]-?: z.ZodType<TrainSftOptions[K]> };

/** A recipe for supervised fine-tuning. */
export const sftRecipeSchema = datasetRecipe(
  z.strictObject(
    { kind: z.literal('sft', { error: "'sft'" }), ...datasetSources, ...sftOptions },
    { error: 'a mapping of keys, such as model: models/tiny' },
  ),
);
