// The settings of supervised fine-tuning, checked and filled in.

import { type ExampleSettings, resolveExampleOptions } from './example-settings.ts';
import { FINE_TUNE_DEFAULTS } from './fine-tuning.ts';
import type { TrainSftOptions } from './sft.ts';

/** Options as the run uses them. */
export interface SftSettings extends ExampleSettings {
  readonly packing: boolean;
  readonly completionOnly: boolean;
}

/** @throws RangeError or TypeError for settings that cannot be */
export function resolveSftOptions(options: TrainSftOptions, seed: number): SftSettings {
  const { model, tokenizer, packing = false, completionOnly = true } = options;
  return {
    ...resolveExampleOptions(options, { ...FINE_TUNE_DEFAULTS, learningRate: 2e-5 }, model.config, tokenizer, seed),
    packing,
    completionOnly,
  };
}
