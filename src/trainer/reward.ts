// Training a reward model on preferences. What it takes and what it gives; the run itself is example-run.ts.

import {
  applyLora,
  CausalLM,
  classifierFromCausalLM,
  classifierFromPretrained,
  type LoraConfig,
  RewardModel,
  type SequenceClassifier,
  Tokenizer,
} from '../lm/index.ts';
import { modelFolder } from '../lm/pretrained.ts';
import { type ExampleState, readExampleState } from './example-checkpoint.ts';
import type { ExampleOptions, ExampleResult } from './example-options.ts';
import { ExampleRun } from './example-run.ts';
import { checkStored } from './memory-budget.ts';
import { resumed } from './resume.ts';
import { readPreferenceSplit, tokenizeComparisons } from './reward-data.ts';
import { type RewardSettings, resolveRewardOptions } from './reward-settings.ts';
import { planOf, RewardTask } from './reward-task.ts';

/** Options of {@link trainReward}. Names and defaults are those of the Python original where it has them. */
export interface TrainRewardOptions extends ExampleOptions {
  /**
   * The folder of a model and its tokenizer, or a name on the Hugging Face Hub: a language model, which gets a fresh head, or a reward
   * model to go on with. Or give `model` and `tokenizer`.
   */
  readonly modelName?: string | undefined;
  /** A language model, of which a copy is trained (but see `mergeAdapters`), or a classifier of one label, trained in place. */
  readonly model?: CausalLM | SequenceClassifier | undefined;
  readonly tokenizer?: Tokenizer | undefined;
  /**
   * A file or folder of preferences (JSON, JSONL, CSV, Parquet), or the rows themselves: OpenAI's labels (`query`, `sample0`, ...,
   * `best`), best of n (`prompt`, `samples`, `best`), or pairs (`chosen`, `rejected`, and maybe `prompt` and `margin`). Texts, messages,
   * or token ids.
   */
  readonly datasetsPath: string | readonly object[];
  /** Where the finished model goes. Default: `model/` of the run directory, or `models/reward` without one. */
  readonly rewardModelPath?: string | undefined;
  /** What made the token ids of a dataset, or its folder. Default: the model's tokenizer, if that is GPT-2's, as in OpenAI's labels. */
  readonly labelTokenizer?: Tokenizer | string | undefined;
  /** Whether a bad row of the dataset is an error, or left out and counted. Default throw. */
  readonly badRows?: 'throw' | 'skip' | undefined;
  /** How many candidates each row must have. Default: in OpenAI's labels as many as the first; else two or more. */
  readonly numSamples?: number | undefined;
  /**
   * What is trained: the head alone, over features that are computed once; adapters and the head; or everything. Default head, or lora
   * if `lora` is given.
   */
  readonly train?: 'head' | 'lora' | 'full' | undefined;
  /** What the adapters look like. */
  readonly lora?: LoraConfig | undefined;
  /**
   * Whether adapters are added to the weights in the end. If not, they and the head are all that is saved, as PEFT does, and a language
   * model given as `model` is not copied: the reward model shares its weights, which are frozen for both. Default true.
   */
  readonly mergeAdapters?: boolean | undefined;
  /** Share (below 1) or number of rows to keep back and evaluate on; 0 for none. Default 0.2, if there is no `evalDataset`. */
  readonly testSize?: number | undefined;
  /** Comparisons computed at once. Default 32. */
  readonly batchSize?: number | undefined;
  /** The most epochs. Default 100, of which early stopping usually leaves some out. */
  readonly epochs?: number | undefined;
  /** Steps during which the learning rate rises from 0. Default 500. */
  readonly warmupSteps?: number | undefined;
  /** Of matrices and tables; biases and norms do not decay. Default 0.01. */
  readonly weightDecay?: number | undefined;
  /** Of AdamW. Default 1e-5. */
  readonly learningRate?: number | undefined;
  /** What becomes of the learning rate. Default cosine: it sinks to 0 along half a cosine. */
  readonly lrSchedule?: 'constant' | 'linear' | 'cosine' | undefined;
  /** Rows with a text of more tokens are left out. Default 1024, or the model's context where that is shorter. */
  readonly maxLength?: number | undefined;
  /** Weight of the squared sum of a row's rewards in the loss, which keeps them around 0; TRL recommends 0.01. Default 0. */
  readonly centerRewardsCoefficient?: number | undefined;
  /** Evaluations in a row whose loss is not lower than the best by more than `threshold`, after which the run ends. Default 3. */
  readonly patience?: number | null | undefined;
  /** Default 0.001. */
  readonly threshold?: number | undefined;
  /** Whether rewards get mean 0 and variance 1 before training. Default true. Ziegler et al. 2019, section 2.1. */
  readonly normalizeBefore?: boolean | undefined;
  /** The same after training. Default true. */
  readonly normalizeAfter?: boolean | undefined;
  /** Texts of the training set on which rewards are normalised. Default 256. */
  readonly normalizeSamples?: number | undefined;
  /** Decides the fresh head, which rows are kept back, and the order of the others. Default 42, or that of the run that goes on. */
  readonly seed?: number | undefined;
  /** Whether to read and check everything, take one step and evaluate, but write nothing. Default false. */
  readonly dryRun?: boolean | undefined;
  /** A run's directory, or one of its checkpoints, to go on from, as `resume` of {@link trainSft}; other options must be those of the run. */
  readonly resumeCheckpoint?: string | undefined;
}

const DEFAULT_SEED = 42;

/** What a run came to. */
export interface RewardResult extends ExampleResult {
  /** The model with the best evaluation, normalised, unless the signal ended the run. */
  readonly rewardModel: RewardModel;
  /** Where it is saved; null in a dry run, and if the signal ended the run, which can go on. */
  readonly rewardModelPath: string | null;
  /** The best evaluation: `accuracy`, `meanReciprocalRank`, `loss` and more; null if there was none. */
  readonly bestEvaluation: ExampleResult['evaluations'][number] | null;
}

/**
 * Trains a reward model: of several texts, the one that people found best should score highest.
 *
 * @example
 * const { rewardModel, bestEvaluation } = await trainReward({
 *   modelName: 'openai-community/gpt2',
 *   datasetsPath: 'data/descriptiveness_offline_5k',
 *   rewardModelPath: 'models/reward_model',
 *   epochs: 3,
 * });
 * const [score] = await rewardModel.score(['The old stone bridge glowed in the evening light.']);
 *
 * @throws the signal's reason, if it comes while the dataset is read: nothing is written then
 * @throws DatasetError naming file and line, if a row has a label out of range, too few samples, no query, ...
 * @throws ModelError if the model has another head, or belongs to another tokenizer
 * @throws TrainingDivergedError if the loss or the gradients' norm is not finite; the last good weights are saved first
 * @throws CheckpointError if `resumeCheckpoint` cannot be gone on from
 * @throws RangeError or TypeError for options that cannot be
 */
export async function trainReward(options: TrainRewardOptions): Promise<RewardResult> {
  const { datasetsPath, resumeCheckpoint, warn, signal } = options;
  const from = resumed({ ...options, resume: resumeCheckpoint });
  let reward = await openModel(options);
  const { model, tokenizer } = reward;
  const settings = resolveRewardOptions(
    { ...options, seed: options.seed ?? from.seed ?? DEFAULT_SEED },
    model.config,
    tokenizer,
  );
  const { maxLength, testSize, seed } = settings;
  const examples = await readPreferenceSplit({ ...options, dataset: datasetsPath, tokenizer, testSize, seed });
  const data = await tokenizeComparisons(examples, (input) => reward.encode(input), { maxLength, warn, signal });
  let state: ExampleState | undefined;
  if (from.checkpoint !== undefined) {
    state = readExampleState(from.checkpoint, 'reward', planOf(data.train, settings));
    reward = new RewardModel(model, tokenizer, { bias: state.extra['bias']?.[0] });
  }
  chooseTrained(reward, settings, options);
  const task = new RewardTask(reward, data, settings, options, state);
  const run = new ExampleRun(task, settings, { ...options, resumed: from, state });
  try {
    const result = await run.train();
    const losses = result.evaluations.map(({ loss }) => loss);
    const bestEvaluation = result.evaluations[losses.indexOf(Math.min(...losses))] ?? null;
    return Object.assign(result, { rewardModel: reward, rewardModelPath: task.modelPath, bestEvaluation });
  } finally {
    await run.close();
  }
}

/** The model to train, with a head of one label. */
async function openModel(options: TrainRewardOptions): Promise<RewardModel> {
  const { modelName, model, tokenizer, seed = DEFAULT_SEED, mergeAdapters = true } = options;
  if (modelName !== undefined) {
    if (model !== undefined) throw new TypeError('give modelName or model, not both');
    const folder = await modelFolder(modelName);
    if (options.memoryCheck ?? true) checkStored(folder, 'reward');
    const classifier = await classifierFromPretrained(folder, { numLabels: 1, seed });
    return new RewardModel(classifier, tokenizer ?? (await Tokenizer.fromPretrained(folder)));
  }
  if (model === undefined || tokenizer === undefined) throw new TypeError('give modelName, or model and tokenizer');
  if (!(model instanceof CausalLM)) return new RewardModel(model, tokenizer);
  return new RewardModel(
    classifierFromCausalLM(model, { numLabels: 1, seed, shareWeights: !mergeAdapters }),
    tokenizer,
  );
}

/** Freezes what is not trained. */
function chooseTrained(reward: RewardModel, settings: RewardSettings, { lora }: TrainRewardOptions): void {
  const { model } = reward;
  switch (settings.train) {
    case 'head':
      model.freeze();
      model.score.unfreeze();
      break;
    case 'lora':
      // Programs that were compiled before know nothing of adapters.
      reward.dispose();
      applyLora(model, lora, { seed: settings.seed });
      break;
    case 'full':
      model.unfreeze();
      break;
  }
}
