// What a recipe may say under `tracking`: where else a run is shown, besides its directory.

import * as z from 'zod';
import {
  MlflowTracker,
  type MlflowOptions,
  TensorBoardTracker,
  type TensorBoardOptions,
  type Tracker,
  WandbTracker,
  type WandbOptions,
} from '../tracking/index.ts';
import { natural, text } from './schema-fields.ts';

const TRACKERS = ['tensorboard', 'wandb', 'mlflow'] as const;
const names = "'tensorboard', 'wandb' or 'mlflow'";
const list = 'a list of texts';

const tensorBoardFields = {
  directory: text.optional(),
  completions: natural.optional(),
} satisfies { readonly [K in keyof TensorBoardOptions]-?: z.ZodType<TensorBoardOptions[K]> };

const wandbFields = {
  project: text.optional(),
  entity: text.optional(),
  runName: text.optional(),
  group: text.optional(),
  tags: z.array(text, { error: list }).readonly().optional(),
  mode: z.enum(['offline', 'online'], { error: "'offline' or 'online'" }).optional(),
  directory: text.optional(),
  completions: natural.optional(),
} satisfies { readonly [K in keyof WandbOptions]-?: z.ZodType<WandbOptions[K]> };

const noPassword =
  'an address without a password, which goes into MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD';
const mlflowFields = {
  uri: text.refine((uri) => !/^\w+:\/\/[^/]*@/.test(uri), { error: noPassword }).optional(),
  experiment: text.optional(),
  runName: text.optional(),
  tags: z.record(z.string(), text, { error: 'a mapping of texts' }).optional(),
  completions: natural.optional(),
} satisfies { readonly [K in keyof MlflowOptions]-?: z.ZodType<MlflowOptions[K]> };

const trackerName = z.enum(TRACKERS, { error: names });
const oneTracker = z.union(
  [
    trackerName,
    z.discriminatedUnion(
      'name',
      [
        z.strictObject({ name: z.literal('tensorboard'), ...tensorBoardFields }),
        z.strictObject({ name: z.literal('wandb'), ...wandbFields }),
        z.strictObject({ name: z.literal('mlflow'), ...mlflowFields }),
      ],
      { error: `a mapping with the name ${names}` },
    ),
  ],
  { error: `${names}, or a mapping such as { name: wandb, project: mine }` },
);

/** One tracker, or a list of them. */
export const trackingSchema = z.union([oneTracker, z.array(oneTracker)], {
  error: `${names}, a mapping such as { name: wandb, project: mine }, or a list of these`,
});

/** What a recipe says of trackers. */
export type Tracking = z.infer<typeof trackingSchema>;

/** New trackers, for one run. @throws TypeError for an address of MLflow that is none */
export function trackersFor(tracking: Tracking | undefined): Tracker[] {
  if (tracking === undefined) return [];
  return [tracking].flat().map((one) => {
    const { name, ...options } = typeof one === 'string' ? { name: one } : one;
    switch (name) {
      case 'tensorboard':
        return new TensorBoardTracker(options as TensorBoardOptions);
      case 'wandb':
        return new WandbTracker(options as WandbOptions);
      case 'mlflow':
        return new MlflowTracker(options as MlflowOptions);
    }
  });
}
