// Supervised fine-tuning: teaching a language model by example. What it takes and what it gives; the run itself is example-run.ts.

import { seedOf } from './example-settings.ts';
import { fineTune, type FineTuneOptions, type FineTuneResult, stateOf } from './fine-tuning.ts';
import { resumed } from './resume.ts';
import { readSftData, type SftFormat } from './sft-data.ts';
import { resolveSftOptions } from './sft-settings.ts';
import { SftTask } from './sft-task.ts';

/** Options of {@link trainSft}. Defaults are TRL's SFTConfig's where it has them. */
export interface TrainSftOptions extends FineTuneOptions {
  /** A file or folder of rows (JSON, JSONL, CSV, Parquet), or the rows themselves. */
  readonly dataset: string | readonly object[];
  /**
   * What a row holds: `prompt` and `completion`; `messages` (chat); or `text`. Default: what the first row holds.
   */
  readonly format?: SftFormat | undefined;
  /** Of AdamW. Default 2e-5. */
  readonly learningRate?: number | undefined;
  /**
   * Whether short texts share a row of `maxLength` tokens, where they do not see each other: less is filled up. Default false:
   * rows of like lengths make up a batch.
   */
  readonly packing?: boolean | undefined;
  /** Whether to learn completions and the assistant's messages only, and not what they answer. Default true. */
  readonly completionOnly?: boolean | undefined;
}

/** What a run came to. The losses are means over the tokens that were learned, in nats. */
export type SftResult = FineTuneResult;

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
 * @throws the signal's reason, if it comes while the dataset is read: nothing is written then
 * @throws DatasetError naming the row, if one lacks what its format needs or leaves nothing to learn
 * @throws CheckpointError if `resume` cannot be gone on from
 * @throws RangeError or TypeError for options that cannot be
 */
export async function trainSft(options: TrainSftOptions): Promise<SftResult> {
  const from = resumed(options);
  const settings = resolveSftOptions(options, seedOf(options.seed, from));
  const data = await readSftData(options, settings);
  const task = new SftTask(options, settings, data);
  return fineTune(task, settings, options, from, stateOf(from, 'sft', task.plan));
}
