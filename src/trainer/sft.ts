// Supervised fine-tuning: teaching a language model by example. What it takes and what it gives; the run itself is example-run.ts.

import type { CausalLM, Tokenizer } from '../lm/index.ts';
import { readExampleState } from './example-checkpoint.ts';
import type { ExampleOptions, ExampleResult } from './example-options.ts';
import { ExampleRun } from './example-run.ts';
import { seedOf } from './example-settings.ts';
import { readSftData, type SftFormat } from './sft-data.ts';
import { resolveSftOptions } from './sft-settings.ts';
import { SftTask } from './sft-task.ts';

/** Options of {@link trainSft}. Defaults are TRL's SFTConfig's where it has them. */
export interface TrainSftOptions extends ExampleOptions {
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
  /** Rows computed at once. Default 8. */
  readonly batchSize?: number | undefined;
  /** Of AdamW. Default 2e-5. */
  readonly learningRate?: number | undefined;
  /** What becomes of the learning rate: it stays, or sinks to 0 in a straight line or along half a cosine. Default linear. */
  readonly lrSchedule?: 'constant' | 'linear' | 'cosine' | undefined;
  /** Steps during which the learning rate rises from 0. Default 0. */
  readonly warmupSteps?: number | undefined;
  /** Of matrices and tables; biases and norms do not decay. Default 0. */
  readonly weightDecay?: number | undefined;
  /** Tokens after which a row is cut off. Default 1024, or the model's context where that is shorter. */
  readonly maxLength?: number | undefined;
  /**
   * Whether short texts share a row of `maxLength` tokens, where they do not see each other: less is filled up. Default false:
   * rows of like lengths make up a batch.
   */
  readonly packing?: boolean | undefined;
  /** Whether to learn completions and the assistant's messages only, and not what they answer. Default true. */
  readonly completionOnly?: boolean | undefined;
  /** Share (below 1) or number of rows of `dataset` to keep back and evaluate on. Default: none. */
  readonly testSize?: number | undefined;
  /** Decides the order of the rows, and which are kept back. Default: from the operating system. */
  readonly seed?: number | undefined;
  /** A checkpoint to go on from; other options must be those of its run. Its losses then equal those of a run without a break. */
  readonly resume?: string | undefined;
}

/** What a run came to. The losses are means over the tokens that were learned, in nats. */
export interface SftResult extends ExampleResult {
  /** The model that was given, trained, in evaluation mode. */
  readonly model: CausalLM;
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
  const { model, resume } = options;
  const seed = seedOf(options.seed, resume);
  const settings = resolveSftOptions(options, seed);
  const task = new SftTask(options, settings, await readSftData(options, settings));
  const state = resume === undefined ? undefined : readExampleState(resume, 'sft', task.plan);
  const run = new ExampleRun(task, settings, { ...options, resume: state && { path: resume!, state } });
  try {
    return { model, ...(await run.train()) };
  } finally {
    run.close();
  }
}
