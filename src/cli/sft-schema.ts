// What a recipe of kind `sft` may say, and what is expected of it.

import * as z from 'zod';
import type { LoraConfig } from '../lm/index.ts';
import type { TrainSftOptions } from '../trainer/index.ts';
import { flag, fraction, natural, nonNegative, positive, positiveInteger, text } from './schema-fields.ts';

const orNone = 'a number above 0, or null for none';

const targets = "'all-linear', or a list of names such as [q_proj, v_proj]";
const loraFields = {
  r: positiveInteger.optional(),
  alpha: positive.optional(),
  dropout: fraction.optional(),
  targetModules: z
    .union([z.literal('all-linear'), z.array(text).min(1)], { error: targets })
    .readonly()
    .optional(),
  rsLora: flag.optional(),
} satisfies { readonly [K in keyof LoraConfig]-?: z.ZodType<LoraConfig[K]> };

/** What a program gives, and a recipe cannot. */
type FromPrograms = 'model' | 'tokenizer' | 'dataset' | 'evalDataset' | 'callbacks' | 'signal' | 'warn' | 'notes';

/** The options of trainSft. One that is missing here does not compile, nor does one that trainSft has not. */
export const sftOptions = {
  format: z.enum(['chat', 'prompt-completion', 'text'], { error: "'chat', 'prompt-completion' or 'text'" }).optional(),
  epochs: positiveInteger.optional(),
  maxSteps: positiveInteger.optional(),
  batchSize: positiveInteger.optional(),
  gradientAccumulation: positiveInteger.optional(),
  learningRate: nonNegative.optional(),
  lrSchedule: z.enum(['constant', 'linear', 'cosine'], { error: "'constant', 'linear' or 'cosine'" }).optional(),
  warmupSteps: natural.optional(),
  weightDecay: nonNegative.optional(),
  maxGradNorm: z.number({ error: orNone }).positive({ error: orNone }).nullable().optional(),
  maxLength: positiveInteger.optional(),
  packing: flag.optional(),
  completionOnly: flag.optional(),
  testSize: positive.optional(),
  evalInterval: positiveInteger.optional(),
  saveInterval: positiveInteger.optional(),
  seed: natural.optional(),
  savePath: text.optional(),
  runDirectory: text.optional(),
  resume: text.optional(),
} satisfies { readonly [K in Exclude<keyof TrainSftOptions, FromPrograms>]-?: z.ZodType<TrainSftOptions[K]> };

/** A recipe for supervised fine-tuning. */
export const sftRecipeSchema = z
  .strictObject(
    {
      kind: z.literal('sft', { error: "'sft'" }),
      /** The folder of a Hugging Face model, or its name on the Hub. */
      model: z.string({ error: 'the folder of a model' }).min(1, { error: 'the folder of a model' }),
      /** A file or folder of rows. */
      dataset: z.string({ error: 'the path of a dataset' }).min(1, { error: 'the path of a dataset' }),
      evalDataset: text.optional(),
      /** Trains adapters alone; they are added to the model's weights in the end. */
      lora: z.strictObject(loraFields, { error: 'a mapping such as { r: 8, alpha: 16 }' }).optional(),
      ...sftOptions,
    },
    { error: 'a mapping of keys, such as model: models/tiny' },
  )
  .refine(({ epochs, maxSteps }) => epochs === undefined || maxSteps === undefined, {
    path: ['maxSteps'],
    error: 'left out, for epochs is given and only one of the two may end a run',
  })
  .refine(({ testSize, evalDataset }) => testSize === undefined || evalDataset === undefined, {
    path: ['testSize'],
    error: 'left out, for evalDataset is given',
  });

/** A recipe that has been checked. */
export type SftRecipe = z.infer<typeof sftRecipeSchema>;
