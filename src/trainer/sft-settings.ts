// The settings of supervised fine-tuning, checked and filled in.

import { type ExampleSettings, resolveExampleOptions } from './example-settings.ts';
import type { TrainSftOptions } from './sft.ts';

/** Options as the run uses them. */
export interface SftSettings extends ExampleSettings {
  readonly packing: boolean;
  readonly completionOnly: boolean;
}

/** TRL's, where it has them. */
const DEFAULTS = {
  epochs: 3,
  batchSize: 8,
  learningRate: 2e-5,
  lrSchedule: 'linear',
  warmupSteps: 0,
  weightDecay: 0,
  testSize: undefined,
} as const;

/** @throws RangeError or TypeError for settings that cannot be */
export function resolveSftOptions(options: TrainSftOptions, seed: number): SftSettings {
  const { model, tokenizer, packing = false, completionOnly = true } = options;
  return { ...resolveExampleOptions(options, DEFAULTS, model.config, tokenizer, seed), packing, completionOnly };
}
