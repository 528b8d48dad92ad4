// The settings that all trainers on datasets share, checked and filled in.

import { checkNonFinitePolicy, type NonFinitePolicy } from '../rl/index.ts';
import { checkPositiveInteger } from './environments.ts';
import type { Resumed } from './resume.ts';
import { randomSeed } from './run-options.ts';

/** Options as a run uses them. */
export interface ExampleSettings {
  readonly epochs: number | undefined;
  readonly maxSteps: number | undefined;
  readonly batchSize: number;
  readonly gradientAccumulation: number;
  readonly learningRate: number;
  readonly lrSchedule: 'constant' | 'linear' | 'cosine';
  readonly warmupSteps: number;
  readonly weightDecay: number;
  readonly maxGradNorm: number | null;
  readonly onNonFinite: NonFinitePolicy;
  readonly maxLength: number;
  readonly testSize: number | undefined;
  readonly evalInterval: number | undefined;
  readonly saveInterval: number | undefined;
  readonly seed: number;
}

/** Settings as they were given; what is undefined is left to the defaults. */
type Given = { readonly [Name in keyof ExampleSettings]?: ExampleSettings[Name] | undefined };

/** The defaults that differ from trainer to trainer. */
export type ExampleDefaults = Pick<
  ExampleSettings,
  'batchSize' | 'learningRate' | 'lrSchedule' | 'warmupSteps' | 'weightDecay' | 'testSize'
> & { readonly epochs: number };

/** @throws RangeError or TypeError for settings that cannot be */
export function resolveExampleOptions(
  given: Given & { readonly evalDataset?: unknown },
  { epochs: defaultEpochs, testSize: defaultTestSize, ...defaults }: ExampleDefaults,
  { vocabSize, maxPositions }: { readonly vocabSize: number; readonly maxPositions: number },
  tokenizer: { readonly vocabSize: number },
  seed: number,
): ExampleSettings {
  const { epochs, maxSteps, evalDataset, evalInterval, saveInterval } = given;
  // 0 stands for none.
  const { testSize = evalDataset === undefined ? defaultTestSize : 0 } = given;
  if (epochs !== undefined && maxSteps !== undefined) {
    throw new TypeError('give epochs or maxSteps, not both: only one can end a run');
  }
  if (testSize && evalDataset !== undefined) {
    throw new TypeError('give evalDataset or testSize, not both: one says what to evaluate on');
  }
  if (tokenizer.vocabSize > vocabSize) {
    throw new RangeError(
      `the tokenizer has ${tokenizer.vocabSize} tokens, but the model only ${vocabSize}: they do not belong together`,
    );
  }
  const { maxLength = Math.min(1024, maxPositions) } = given;
  if (maxLength > maxPositions) {
    throw new RangeError(`maxLength is ${maxLength}, but the model reads at most ${maxPositions} tokens`);
  }
  const settings: ExampleSettings = {
    epochs: maxSteps === undefined ? (epochs ?? defaultEpochs) : undefined,
    maxSteps,
    batchSize: given.batchSize ?? defaults.batchSize,
    gradientAccumulation: given.gradientAccumulation ?? 1,
    learningRate: given.learningRate ?? defaults.learningRate,
    lrSchedule: given.lrSchedule ?? defaults.lrSchedule,
    warmupSteps: given.warmupSteps ?? defaults.warmupSteps,
    weightDecay: given.weightDecay ?? defaults.weightDecay,
    maxGradNorm: given.maxGradNorm === undefined ? 1 : given.maxGradNorm,
    onNonFinite: given.onNonFinite ?? 'stop',
    maxLength,
    testSize: testSize === 0 ? undefined : testSize,
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
  checkNonFinitePolicy(settings.onNonFinite);
  if (maxLength < 2) throw new RangeError('maxLength is 1, but it takes two tokens for one to be predicted');
  return settings;
}

/** The seed of a run: as given, else that of the run that goes on, else one from the operating system. */
export function seedOf(seed: number | undefined, resumed: Resumed): number {
  return seed ?? resumed.seed ?? randomSeed();
}
