// The settings of supervised fine-tuning, checked and filled in.

import { checkPositiveInteger } from './environments.ts';
import type { TrainSftOptions } from './sft.ts';

/** Options as the run uses them. */
export interface SftSettings {
  readonly epochs: number | undefined;
  readonly maxSteps: number | undefined;
  readonly batchSize: number;
  readonly gradientAccumulation: number;
  readonly learningRate: number;
  readonly lrSchedule: 'constant' | 'linear' | 'cosine';
  readonly warmupSteps: number;
  readonly weightDecay: number;
  readonly maxGradNorm: number | null;
  readonly maxLength: number;
  readonly packing: boolean;
  readonly completionOnly: boolean;
  readonly testSize: number | undefined;
  readonly evalInterval: number | undefined;
  readonly saveInterval: number | undefined;
  readonly seed: number;
}

/** @throws RangeError or TypeError for settings that cannot be */
export function resolveSftOptions(options: TrainSftOptions, seed: number): SftSettings {
  const { model, tokenizer, epochs, maxSteps, testSize, evalInterval, saveInterval } = options;
  const { maxPositions, vocabSize } = model.config;
  if (epochs !== undefined && maxSteps !== undefined) {
    throw new TypeError('give epochs or maxSteps, not both: only one can end a run');
  }
  if (testSize !== undefined && options.evalDataset !== undefined) {
    throw new TypeError('give evalDataset or testSize, not both: one says what to evaluate on');
  }
  if (tokenizer.vocabSize > vocabSize) {
    throw new RangeError(
      `the tokenizer has ${tokenizer.vocabSize} tokens, but the model only ${vocabSize}: they do not belong together`,
    );
  }
  const { maxLength = Math.min(1024, maxPositions) } = options;
  if (maxLength > maxPositions) {
    throw new RangeError(`maxLength is ${maxLength}, but the model reads at most ${maxPositions} tokens`);
  }
  const settings: SftSettings = {
    epochs: maxSteps === undefined ? (epochs ?? 3) : undefined,
    maxSteps,
    batchSize: options.batchSize ?? 8,
    gradientAccumulation: options.gradientAccumulation ?? 1,
    learningRate: options.learningRate ?? 2e-5,
    lrSchedule: options.lrSchedule ?? 'linear',
    warmupSteps: options.warmupSteps ?? 0,
    weightDecay: options.weightDecay ?? 0,
    maxGradNorm: options.maxGradNorm === undefined ? 1 : options.maxGradNorm,
    maxLength,
    packing: options.packing ?? false,
    completionOnly: options.completionOnly ?? true,
    testSize,
    evalInterval,
    saveInterval,
    seed,
  };
  for (const name of [
    'epochs',
    'maxSteps',
    'batchSize',
    'gradientAccumulation',
    'maxLength',
    'evalInterval',
    'saveInterval',
  ] as const) {
    const value = settings[name];
    if (value !== undefined) checkPositiveInteger(name, value);
  }
  const { warmupSteps, maxGradNorm } = settings;
  if (!(Number.isInteger(warmupSteps) && warmupSteps >= 0)) {
    throw new RangeError(`warmupSteps is ${warmupSteps}, but must be a whole number of 0 or more`);
  }
  if (maxGradNorm !== null && !(maxGradNorm > 0)) {
    throw new RangeError(`maxGradNorm is ${maxGradNorm}, but must be above 0, or null for none`);
  }
  if (maxLength < 2) throw new RangeError('maxLength is 1, but it takes two tokens for one to be predicted');
  return settings;
}
