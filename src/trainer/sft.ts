// Supervised fine-tuning: teaching a language model by example. What it takes and what it gives; the run itself is sft-run.ts.

import type { MaybePromise } from '../env/index.ts';
import type { CausalLM } from '../lm/index.ts';
import type { Tokenizer } from '../lm/index.ts';
import type { CallbackAnswer } from './callbacks.ts';
import type { MetricsRow } from './run-directory.ts';
import type { SftFormat } from './sft-data.ts';
import { SftRun } from './sft-run.ts';

/** Where a run stands. */
export interface SftProgress {
  /** Optimizer steps done, those before a resumed run included. */
  readonly steps: number;
  /** Steps of the whole run. */
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
  /** Since the run began or went on. */
  readonly seconds: number;
}

/** What to call when. All are optional, and may return a promise; `false` or `{ stop: why }` ends the run, with a checkpoint. */
export interface SftCallbacks {
  /** After every step. */
  onStep?(progress: SftProgress, metrics: MetricsRow): MaybePromise<CallbackAnswer>;
  /** After the model was evaluated. */
  onEvaluate?(evalLoss: number, progress: SftProgress): MaybePromise<CallbackAnswer>;
  /** After a checkpoint was written. */
  onCheckpoint?(path: string, progress: SftProgress): MaybePromise<CallbackAnswer>;
}

/** Options of {@link trainSft}. Defaults are TRL's SFTConfig's where it has them. */
export interface TrainSftOptions {
  /** Trained in place: all of its parameters that are not frozen. */
  readonly model: CausalLM;
  readonly tokenizer: Tokenizer;
  /** A file or folder of rows (JSON, JSONL, CSV, Parquet), or the rows themselves. */
  readonly dataset: string | readonly object[];
  /**
   * What a row holds: `prompt` and `completion`; `messages` (chat); or `text`. Default: what the first row holds.
   */
  readonly format?: SftFormat | undefined;
  /** How often to go through the dataset. Default 3, if `maxSteps` is not given. */
  readonly epochs?: number | undefined;
  /** Optimizer steps to train for, in place of `epochs`. */
  readonly maxSteps?: number | undefined;
  /** Rows computed at once. Default 8. */
  readonly batchSize?: number | undefined;
  /** Batches that make up one step: `batchSize` times this are its rows. Default 1. */
  readonly gradientAccumulation?: number | undefined;
  /** Of AdamW. Default 2e-5. */
  readonly learningRate?: number | undefined;
  /** What becomes of the learning rate: it stays, or sinks to 0 in a straight line or along half a cosine. Default linear. */
  readonly lrSchedule?: 'constant' | 'linear' | 'cosine' | undefined;
  /** Steps during which the learning rate rises from 0. Default 0. */
  readonly warmupSteps?: number | undefined;
  /** Of matrices and tables; biases and norms do not decay. Default 0. */
  readonly weightDecay?: number | undefined;
  /** Gradients are scaled down to this global norm; null for none. Default 1. */
  readonly maxGradNorm?: number | null | undefined;
  /** Tokens after which a row is cut off. Default 1024, or the model's context where that is shorter. */
  readonly maxLength?: number | undefined;
  /**
   * Whether short texts share a row of `maxLength` tokens, where they do not see each other: less is filled up. Default false:
   * rows of like lengths make up a batch.
   */
  readonly packing?: boolean | undefined;
  /** Whether to learn completions and the assistant's messages only, and not what they answer. Default true. */
  readonly completionOnly?: boolean | undefined;
  /** Rows to evaluate on, as `dataset`. */
  readonly evalDataset?: string | readonly object[] | undefined;
  /** Share (below 1) or number of rows of `dataset` to keep back and evaluate on. Default: none. */
  readonly testSize?: number | undefined;
  /** Steps between evaluations. Default: after each epoch. There is one at the end in any case. */
  readonly evalInterval?: number | undefined;
  /** Steps between checkpoints. Default: only one at the end. */
  readonly saveInterval?: number | undefined;
  /** Decides the order of the rows, and which are kept back. Default: from the operating system. */
  readonly seed?: number | undefined;
  /** Where checkpoints go, as `sft_step_<n>`. Default: `checkpoints/` of the run directory, or `models/` without one. */
  readonly savePath?: string | undefined;
  /** Where config, metrics, checkpoints and summary go; null for nowhere. Default `runs/sft-<model type>-<date>-<seed>`. */
  readonly runDirectory?: string | null | undefined;
  /** A checkpoint to go on from; other options must be those of its run. Its losses then equal those of a run without a break. */
  readonly resume?: string | undefined;
  readonly callbacks?: SftCallbacks | readonly SftCallbacks[] | undefined;
  /** Ends the run, with a checkpoint, after the step under way. */
  readonly signal?: AbortSignal | undefined;
  /** Receives warnings. Default `console.warn`. */
  readonly warn?: ((message: string) => void) | undefined;
  /** Anything that shall stand in config.json too, such as the recipe. */
  readonly notes?: Readonly<Record<string, unknown>> | undefined;
}

/** What ended a run. */
export type SftStoppedBy = 'epochs' | 'maxSteps' | 'callback' | 'signal';

/** What a run came to. */
export interface SftResult {
  /** The model that was given, trained, in evaluation mode. */
  readonly model: CausalLM;
  /** Each step's mean loss over the tokens that were learned, in nats, before the step; those before a resumed run included. */
  readonly trainLoss: readonly number[];
  /** The last evaluation's; null if there was none. */
  readonly evalLoss: number | null;
  readonly evaluations: readonly { readonly step: number; readonly loss: number }[];
  /** One row a step, as in metrics.jsonl. */
  readonly metrics: readonly MetricsRow[];
  readonly steps: number;
  /** Tokens read, without what only fills rows up. */
  readonly tokens: number;
  readonly seconds: number;
  readonly seed: number;
  /** Null if there is none. */
  readonly runDirectory: string | null;
  /** The last checkpoint: a Hugging Face folder, from which a run can also go on. */
  readonly modelFolder: string;
  readonly stoppedBy: SftStoppedBy;
  /** What the callback that ended the run said. */
  readonly stopReason?: string;
}

/**
 * Fine-tunes a language model on examples.
 *
 * @example
 * const { modelFolder } = await trainSft({
 *   model: await fromPretrained('models/tiny'),
 *   tokenizer: await Tokenizer.fromPretrained('models/tiny'),
 *   dataset: [{ prompt: 'The capital of France is', completion: ' Paris.' }],
 *   epochs: 20,
 * });
 *
 * @throws TrainingDivergedError if the loss or the gradients' norm is not finite; the last good weights are saved first
 * @throws DatasetError naming the row, if one lacks what its format needs or leaves nothing to learn
 * @throws CheckpointError if `resume` cannot be gone on from
 * @throws RangeError or TypeError for options that cannot be
 */
export async function trainSft(options: TrainSftOptions): Promise<SftResult> {
  const run = await SftRun.prepare(options);
  try {
    return await run.train();
  } finally {
    run.close();
  }
}
