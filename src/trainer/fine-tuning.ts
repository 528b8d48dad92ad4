// What trainSft and trainDpo have in common: a language model that is trained in place, all of it or adapters beside it.

import { applyLora, type CausalLM, type LoraConfig, type Tokenizer } from '../lm/index.ts';
import { type ExampleState, readExampleState } from './example-checkpoint.ts';
import type { ExampleOptions, ExampleResult } from './example-options.ts';
import { ExampleRun } from './example-run.ts';
import type { ExampleDefaults, ExampleSettings } from './example-settings.ts';
import type { ExampleTask } from './example-task.ts';
import type { Sized } from './length-buckets.ts';
import type { Resumed } from './resume.ts';

/** Options of trainers that fine-tune a language model on a dataset. Defaults are TRL's where it has them. */
export interface FineTuneOptions extends ExampleOptions {
  /** Trained in place: all of its parameters that are not frozen. */
  readonly model: CausalLM;
  readonly tokenizer: Tokenizer;
  /**
   * Puts adapters into the model, which alone are trained, as `applyLora` does with the run's seed. They stay in it, and checkpoints
   * hold them alone; `mergeLora` adds them to the weights. Default: none.
   */
  readonly lora?: LoraConfig | undefined;
  /** How often to go through the dataset. Default 3, if `maxSteps` is not given. */
  readonly epochs?: number | undefined;
  /** Rows computed at once. Default 8. */
  readonly batchSize?: number | undefined;
  /** What becomes of the learning rate: it stays, or sinks to 0 in a straight line or along half a cosine. Default linear. */
  readonly lrSchedule?: 'constant' | 'linear' | 'cosine' | undefined;
  /** Steps during which the learning rate rises from 0. Default 0. */
  readonly warmupSteps?: number | undefined;
  /** Of matrices and tables; biases and norms do not decay. Default 0. */
  readonly weightDecay?: number | undefined;
  /** Tokens after which a text is cut off. Default 1024, or the model's context where that is shorter. */
  readonly maxLength?: number | undefined;
  /** Share (below 1) or number of rows of `dataset` to keep back and evaluate on. Default: none. */
  readonly testSize?: number | undefined;
  /** Decides the order of the rows, and which are kept back. Default: from the operating system. */
  readonly seed?: number | undefined;
  /**
   * A run's directory, or one of its checkpoints, to go on from, to the last bit as if that run had never ended; other options must be
   * those of the run. Of a directory, the latest checkpoint that is undamaged is taken (one that never saved any begins again), and its
   * files grow on; a checkpoint goes on in a run of its own, unless `runDirectory` names the run that it is the latest of.
   */
  readonly resume?: string | undefined;
}

/** What a run came to. */
export interface FineTuneResult extends ExampleResult {
  /** The model that was given, trained, in evaluation mode. */
  readonly model: CausalLM;
}

/** The defaults of {@link FineTuneOptions}; the learning rate is each trainer's own. */
export const FINE_TUNE_DEFAULTS = {
  epochs: 3,
  batchSize: 8,
  lrSchedule: 'linear',
  warmupSteps: 0,
  weightDecay: 0,
  testSize: undefined,
} as const satisfies Omit<ExampleDefaults, 'learningRate'>;

/** Where the run stood that goes on; undefined for a new one. @throws CheckpointError if it cannot go on */
export function stateOf(
  { checkpoint }: Resumed,
  kind: 'sft' | 'dpo',
  plan: ExampleState['plan'],
): ExampleState | undefined {
  return checkpoint === undefined ? undefined : readExampleState(checkpoint, kind, plan);
}

/**
 * Puts adapters into the model, if there shall be some, trains to the end, and frees what it took.
 *
 * @param task has compiled nothing of the model yet
 * @param state see {@link stateOf}
 */
export async function fineTune<Row extends Sized>(
  task: ExampleTask<Row>,
  settings: ExampleSettings,
  options: FineTuneOptions,
  resumed: Resumed,
  state: ExampleState | undefined,
): Promise<FineTuneResult> {
  const { model, lora } = options;
  if (lora !== undefined) applyLora(model, lora, { seed: settings.seed });
  const run = new ExampleRun(task, settings, { ...options, resumed, state });
  try {
    return Object.assign(await run.train(), { model });
  } finally {
    await run.close();
  }
}
