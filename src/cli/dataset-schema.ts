// What recipes of all kinds that learn from a dataset may say: sft, reward, dpo.

import * as z from 'zod';
import type { LoraConfig } from '../lm/index.ts';
import type { ExampleOptions } from '../trainer/index.ts';
import { flag, fraction, natural, nonNegative, positive, positiveInteger, text } from './schema-fields.ts';
import { trackingSchema } from './tracking-schema.ts';

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
type FromPrograms = 'evalDataset' | 'callbacks' | 'trackers' | 'signal' | 'warn' | 'notes';

// An option that the trainers share and that is missing here does not compile.
const shared = {
  maxSteps: positiveInteger.optional(),
  gradientAccumulation: positiveInteger.optional(),
  maxGradNorm: z.number({ error: orNone }).positive({ error: orNone }).nullable().optional(),
  onNonFinite: z.enum(['stop', 'skip'], { error: "'stop' or 'skip'" }).optional(),
  memoryCheck: flag.optional(),
  evalInterval: positiveInteger.optional(),
  saveInterval: positiveInteger.optional(),
  keepCheckpoints: positiveInteger.nullable().optional(),
  savePath: text.optional(),
  runDirectory: text.optional(),
} satisfies { readonly [K in Exclude<keyof ExampleOptions, FromPrograms>]-?: z.ZodType<ExampleOptions[K]> };

/** Options of the trainers on datasets. */
export const datasetOptions = {
  ...shared,
  epochs: positiveInteger.optional(),
  batchSize: positiveInteger.optional(),
  learningRate: nonNegative.optional(),
  lrSchedule: z.enum(['constant', 'linear', 'cosine'], { error: "'constant', 'linear' or 'cosine'" }).optional(),
  warmupSteps: natural.optional(),
  weightDecay: nonNegative.optional(),
  maxLength: positiveInteger.optional(),
  testSize: nonNegative.optional(),
  seed: natural.optional(),
};

/** Options of the trainers on preferences. */
export const preferenceOptions = {
  labelTokenizer: text.optional(),
  badRows: z.enum(['throw', 'skip'], { error: "'throw' or 'skip'" }).optional(),
  numSamples: positiveInteger.optional(),
};

/** Where model and data come from. */
export const datasetSources = {
  /** The folder of a Hugging Face model, or its name on the Hub. */
  model: z.string({ error: 'the folder of a model' }).min(1, { error: 'the folder of a model' }),
  /** A file or folder of rows. */
  dataset: z.string({ error: 'the path of a dataset' }).min(1, { error: 'the path of a dataset' }),
  evalDataset: text.optional(),
  /** Trains adapters alone; they are added to the model's weights in the end. */
  lora: z.strictObject(loraFields, { error: 'a mapping such as { r: 8, alpha: 16 }' }).optional(),
  /** A checkpoint to go on from. */
  resume: text.optional(),
  /** Where else the run is shown. */
  tracking: trackingSchema.optional(),
};

/** What every recipe of these kinds begins with. */
interface Sources {
  readonly epochs?: number | undefined;
  readonly maxSteps?: number | undefined;
  readonly testSize?: number | undefined;
  readonly evalDataset?: string | undefined;
}

/** The recipe with what no two options may say at once. */
export function datasetRecipe<Schema extends z.ZodType<Sources>>(schema: Schema): Schema {
  return schema
    .refine(({ epochs, maxSteps }) => epochs === undefined || maxSteps === undefined, {
      path: ['maxSteps'],
      error: 'left out, for epochs is given and only one of the two may end a run',
    })
    .refine(({ testSize, evalDataset }) => !testSize || evalDataset === undefined, {
      path: ['testSize'],
      error: 'left out, for evalDataset is given',
    });
}
