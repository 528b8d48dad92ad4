// Direct preference optimization: from preferences to a policy, without a reward model. Rafailov et al. 2023, arXiv 2305.18290. What it
// takes and what it gives; the run itself is example-run.ts.

import { type CausalLM, hasAdapters, type Tokenizer } from '../lm/index.ts';
import type { DpoLossOptions } from '../rl/index.ts';
import { tokenizePairs } from './dpo-data.ts';
import { DpoTask, planOf } from './dpo-task.ts';
import { type ExampleSettings, resolveExampleOptions, seedOf } from './example-settings.ts';
import { FINE_TUNE_DEFAULTS, fineTune, type FineTuneOptions, type FineTuneResult, stateOf } from './fine-tuning.ts';
import { resumed } from './resume.ts';
import { readPreferenceSplit } from './reward-data.ts';

/** Options of {@link trainDpo}. Defaults are TRL's DPOConfig's where it has them. */
export interface TrainDpoOptions extends FineTuneOptions {
  /**
   * A file or folder of preferences (JSON, JSONL, CSV, Parquet), or the rows themselves: pairs (`chosen`, `rejected`, and maybe
   * `prompt`), best of n (`prompt`, `samples`, `best`), or OpenAI's labels (`query`, `sample0`, ..., `best`). Of several candidates, the
   * best is learned against each of the others.
   */
  readonly dataset: string | readonly object[];
  /**
   * What the policy is held to. Default: `model` as it is when training begins, or, if it has adapters, without them. Its
   * log-probabilities are computed once, before the first step, so that it costs no memory afterwards.
   */
  readonly referenceModel?: CausalLM | undefined;
  /** How closely the policy is held to the reference: the more, the closer. Default 0.1. */
  readonly beta?: number | undefined;
  /** `sigmoid` is DPO's own loss; see {@link DpoLossOptions}. Default sigmoid. */
  readonly lossType?: DpoLossOptions['lossType'] | undefined;
  /** The share of labels that are taken to be wrong, below 0.5; of `sigmoid` and `robust`. Default 0. */
  readonly labelSmoothing?: number | undefined;
  /** What made the token ids of a dataset, or its folder. Default: `tokenizer`, if that is GPT-2's, as in OpenAI's labels. */
  readonly labelTokenizer?: Tokenizer | string | undefined;
  /** Whether a bad row of the dataset is an error, or left out and counted. Default throw. */
  readonly badRows?: 'throw' | 'skip' | undefined;
  /** How many candidates each row must have. Default: in OpenAI's labels as many as the first; else two or more. */
  readonly numSamples?: number | undefined;
  /** Of AdamW. Default 1e-6. */
  readonly learningRate?: number | undefined;
}

/** Options as the run uses them. */
export type DpoSettings = ExampleSettings & DpoLossOptions;

/** What a run came to. Metrics have TRL's names: `rewards/margins`, `rewards/accuracies`, `logps/chosen` and so on. */
export type DpoResult = FineTuneResult;

const LOSS_TYPES = ['sigmoid', 'hinge', 'ipo', 'robust'] as const;

/**
 * Improves a language model by preferences: what was chosen becomes likelier, what was rejected less likely, than a reference has them.
 *
 * @example
 * const { modelFolder, metrics } = await trainDpo({
 *   model: await fromPretrained('models/tiny'),
 *   tokenizer: await Tokenizer.fromPretrained('models/tiny'),
 *   dataset: [{ prompt: 'The sky is', chosen: ' a deep, clear blue.', rejected: ' up.' }],
 *   learningRate: 1e-5,
 * });
 *
 * @throws the signal's reason, if it comes while the dataset is read: nothing is written then
 * @throws DatasetError naming file and line, if a row lacks something
 * @throws TrainingDivergedError if the loss or the gradients' norm is not finite; the last good weights are saved first
 * @throws CheckpointError if `resume` cannot be gone on from
 * @throws RangeError or TypeError for options that cannot be
 */
export async function trainDpo(options: TrainDpoOptions): Promise<DpoResult> {
  const { tokenizer, warn, signal } = options;
  const from = resumed(options);
  const settings = resolveDpoOptions(options, seedOf(options.seed, from));
  const examples = await readPreferenceSplit({ ...options, testSize: settings.testSize, seed: settings.seed });
  const data = await tokenizePairs(examples, { tokenizer, maxLength: settings.maxLength, warn, signal });
  const state = stateOf(from, 'dpo', planOf(data, settings));
  const task = new DpoTask(options, settings, data, state?.extra['reference']);
  return fineTune(task, settings, options, from, state);
}

function resolveDpoOptions(options: TrainDpoOptions, seed: number): DpoSettings {
  const { model, tokenizer, referenceModel, beta = 0.1, lossType = 'sigmoid', labelSmoothing = 0 } = options;
  if (!(beta > 0)) throw new RangeError(`beta is ${beta}, but must be above 0`);
  if (!LOSS_TYPES.includes(lossType)) {
    throw new TypeError(`lossType is '${String(lossType)}', but must be one of ${LOSS_TYPES.join(', ')}`);
  }
  if (!(labelSmoothing >= 0 && labelSmoothing < 0.5)) {
    throw new RangeError(`labelSmoothing is ${labelSmoothing}, but must be from 0 to below 0.5`);
  }
  if (labelSmoothing > 0 && lossType !== 'sigmoid' && lossType !== 'robust') {
    throw new TypeError(`labelSmoothing is of the losses sigmoid and robust, but lossType is ${lossType}`);
  }
  if (referenceModel !== undefined && hasAdapters(referenceModel)) {
    throw new TypeError('referenceModel has adapters: merge them first (mergeLora)');
  }
  if (referenceModel !== undefined && referenceModel.config.vocabSize !== model.config.vocabSize) {
    throw new RangeError(
      `referenceModel has ${referenceModel.config.vocabSize} tokens, but model ${model.config.vocabSize}: they must share a tokenizer`,
    );
  }
  const common = resolveExampleOptions(
    options,
    { ...FINE_TUNE_DEFAULTS, learningRate: 1e-6 },
    model.config,
    tokenizer,
    seed,
  );
  return { ...common, beta, lossType, labelSmoothing };
}
