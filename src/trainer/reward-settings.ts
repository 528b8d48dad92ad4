// The settings of reward models' training, checked and filled in.

import type { ModelConfig, Tokenizer } from '../lm/index.ts';
import { checkPositiveInteger } from './environments.ts';
import { type ExampleSettings, resolveExampleOptions } from './example-settings.ts';
import type { TrainRewardOptions } from './reward.ts';

/** Options as the run uses them. */
export interface RewardSettings extends ExampleSettings {
  readonly train: 'head' | 'lora' | 'full';
  readonly mergeAdapters: boolean;
  readonly centerRewardsCoefficient: number;
  readonly patience: number | null;
  readonly threshold: number;
  readonly normalizeBefore: boolean;
  readonly normalizeAfter: boolean;
  readonly normalizeSamples: number;
  readonly dryRun: boolean;
}

/** Those of the Python original. */
const DEFAULTS = {
  epochs: 100,
  batchSize: 32,
  learningRate: 1e-5,
  lrSchedule: 'cosine',
  warmupSteps: 500,
  weightDecay: 0.01,
  testSize: 0.2,
} as const;

/** @throws RangeError or TypeError for settings that cannot be */
export function resolveRewardOptions(
  { dryRun = false, ...options }: TrainRewardOptions & { readonly seed: number },
  model: ModelConfig,
  tokenizer: Tokenizer,
): RewardSettings {
  const { patience = 3, threshold = 0.001, centerRewardsCoefficient = 0, normalizeSamples = 256 } = options;
  const steps = dryRun ? { epochs: undefined, maxSteps: 1 } : {};
  const common = resolveExampleOptions({ ...options, ...steps }, DEFAULTS, model, tokenizer, options.seed);
  if (patience !== null) checkPositiveInteger('patience', patience);
  for (const [name, value] of Object.entries({ threshold, centerRewardsCoefficient })) {
    if (!(value >= 0)) throw new RangeError(`${name} is ${value}, but must be a number of 0 or more`);
  }
  if (!Number.isInteger(normalizeSamples) || normalizeSamples < 2) {
    throw new RangeError(`normalizeSamples is ${normalizeSamples}, but must be a whole number of 2 or more`);
  }
  const train = options.train ?? (options.lora === undefined ? 'head' : 'lora');
  const { mergeAdapters = true } = options;
  if (!mergeAdapters && train !== 'lora') {
    throw new TypeError(`mergeAdapters is false, but there are no adapters to keep: train is '${train}', not 'lora'`);
  }
  return {
    ...common,
    train,
    mergeAdapters,
    centerRewardsCoefficient,
    patience,
    threshold,
    normalizeBefore: options.normalizeBefore ?? true,
    normalizeAfter: options.normalizeAfter ?? true,
    normalizeSamples,
    dryRun,
  };
}
