// What the trainers that learn from a dataset (trainSft, trainReward, trainDpo) have in common: options, progress, callbacks, results.

import type { MaybePromise } from '../env/index.ts';
import type { NonFinitePolicy } from '../rl/index.ts';
import type { CallbackAnswer, RunStart } from './callbacks.ts';
import type { MetricsRow, Tracker } from '../tracking/index.ts';

/** Where a run stands. */
export interface ExampleProgress {
  /** Optimizer steps done, those before a resumed run included. */
  readonly steps: number;
  /** Steps of the whole run, if nothing ends it early. */
  readonly totalSteps: number;
  /** How often the dataset has been gone through; a fraction. */
  readonly epochs: number;
  /** The latest step's; null before the first. */
  readonly loss: number | null;
  /** The latest evaluation's; null before the first. */
  readonly evalLoss: number | null;
  /** Tokens read, without what only fills rows up. */
  readonly tokens: number;
  readonly tokensPerSecond: number;
  /** Since the run began, in all of its processes together. */
  readonly seconds: number;
}

/** What an evaluation found. */
export interface ExampleEvaluation {
  readonly step: number;
  readonly loss: number;
  readonly [metric: string]: number;
}

/** What to call when. All are optional, and may return a promise; `false` or `{ stop: why }` ends the run, with a checkpoint. */
export interface ExampleCallbacks {
  /** Before the first step. */
  onStart?(start: RunStart): MaybePromise<CallbackAnswer>;
  /** After every step. */
  onStep?(progress: ExampleProgress, metrics: MetricsRow): MaybePromise<CallbackAnswer>;
  /** After the model was evaluated. */
  onEvaluate?(evalLoss: number, progress: ExampleProgress, evaluation: ExampleEvaluation): MaybePromise<CallbackAnswer>;
  /** After a checkpoint was written. */
  onCheckpoint?(path: string, progress: ExampleProgress): MaybePromise<CallbackAnswer>;
}

/** Options of all that learn from a dataset. */
export interface ExampleOptions {
  /** Optimizer steps to train for, in place of `epochs`. */
  readonly maxSteps?: number | undefined;
  /** Batches that make up one step: `batchSize` times this are its rows. Default 1. */
  readonly gradientAccumulation?: number | undefined;
  /** Gradients are scaled down to this global norm; null for none. Default 1. */
  readonly maxGradNorm?: number | null | undefined;
  /** What to do with a step whose loss or gradients are not finite. Default `stop`. */
  readonly onNonFinite?: NonFinitePolicy | undefined;
  /** Rows to evaluate on, in the form of the dataset. */
  readonly evalDataset?: string | readonly object[] | undefined;
  /** Steps between evaluations. Default: after each epoch. There is one at the end in any case. */
  readonly evalInterval?: number | undefined;
  /** Whether a run that needs more memory than is free is refused before it begins. Default true. */
  readonly memoryCheck?: boolean | undefined;
  /** Steps between checkpoints. Default: only one at the end. */
  readonly saveInterval?: number | undefined;
  /** Where checkpoints go, as `<kind>_step_<n>`. Default: `checkpoints/` of the run directory, or `models/` without one. */
  readonly savePath?: string | undefined;
  /** The latest checkpoints that stay, beside the one whose evaluation found the lowest loss; null for all. Default 3. */
  readonly keepCheckpoints?: number | null | undefined;
  /** Where config, metrics, checkpoints and summary go; null for nowhere. Default `runs/<kind>-<model type>-<date>-<seed>`. */
  readonly runDirectory?: string | null | undefined;
  /** Told of what is written down, such as a `TensorBoardTracker`; each serves one run. None of them can stop the run. */
  readonly trackers?: readonly Tracker[] | undefined;
  readonly callbacks?: ExampleCallbacks | readonly ExampleCallbacks[] | undefined;
  /** Ends the run, with a checkpoint, as soon as can be: what has begun is given up after the batch under way, and made again later. */
  readonly signal?: AbortSignal | undefined;
  /** Receives warnings. Default `console.warn`. */
  readonly warn?: ((message: string) => void) | undefined;
  /** Anything that shall stand in config.json too, such as the recipe. */
  readonly notes?: Readonly<Record<string, unknown>> | undefined;
}

/** What ended a run. */
export type ExampleStoppedBy = 'epochs' | 'maxSteps' | 'patience' | 'callback' | 'signal';

/** What a run came to. */
export interface ExampleResult {
  /** Each step's loss, before the step; those before a resumed run included. */
  readonly trainLoss: readonly number[];
  /** The last evaluation's; null if there was none. */
  readonly evalLoss: number | null;
  readonly evaluations: readonly ExampleEvaluation[];
  /** One row a step, as in metrics.jsonl, from which they are read when they are asked for; without a directory, those since the run went on. */
  readonly metrics: readonly MetricsRow[];
  readonly steps: number;
  /** Tokens read, without what only fills rows up. */
  readonly tokens: number;
  readonly seconds: number;
  readonly seed: number;
  /** Null if there is none. */
  readonly runDirectory: string | null;
  /** The last checkpoint: a Hugging Face folder, from which a run can also go on; empty if the signal came before the first step. */
  readonly modelFolder: string;
  readonly stoppedBy: ExampleStoppedBy;
  /** What the callback that ended the run said. */
  readonly stopReason?: string;
}
