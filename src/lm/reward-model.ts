// A reward model: a text's worth as one number, by a Transformer with a head of one output on the text's last token.

import type { Tensor } from '../tensor/index.ts';
import type { ChatMessage } from './chat.ts';
import type { DownloadOptions } from './hub.ts';
import { RowModel } from './length-batches.ts';
import { hasAdapters, isAdapterFolder, loadLora, readLoraFacts, saveLora } from './lora.ts';
import type { CausalLM } from './models/causal-lm.ts';
import { ModelError } from './models/config.ts';
import type { SequenceClassifier } from './models/sequence-classifier.ts';
import {
  classifierFromCausalLM,
  classifierFromPretrained,
  modelFolder,
  type SaveOptions,
  savePretrained,
} from './pretrained.ts';
import { Tokenizer } from './tokenizer.ts';

/** What can be scored: a text, a conversation, or token ids. */
export type RewardInput = string | readonly ChatMessage[] | ArrayLike<number>;

/** Options of a {@link RewardModel}. */
export interface RewardModelOptions {
  /** Added to the head's output. Default: config.json's `reward_bias`, or 0. */
  readonly bias?: number | undefined;
  /** The most texts computed at once. Default 16. */
  readonly batchSize?: number | undefined;
  /**
   * Which end of texts beyond the model's context is cut off. Default: none, such texts are an error, for a reward of half a text
   * is seldom what is wanted.
   */
  readonly truncationSide?: 'left' | 'right' | undefined;
}

/** How {@link RewardModel.normalize} leaves the scores. */
export interface NormalizeOptions {
  /** Default 0. */
  readonly mean?: number | undefined;
  /** The standard deviation. Default 1. */
  readonly std?: number | undefined;
  /** Gives it up, between two batches: its reason is thrown, and nothing has changed. */
  readonly signal?: AbortSignal | undefined;
}

/** Rewards of which none differs from another by more than rounding errors: there is nothing to scale. */
export class EqualScoresError extends RangeError {}

/** Scores of less deviation, relative to the largest, differ by rounding errors. */
const LEAST_DEVIATION = 1e-6;

/** The bias of GPT-2's last norm, in which the score's can be kept. Llama's and Qwen 2's norms have none. */
const LAST_NORM_BIAS = 'transformer.ln_f.bias';
/** The key of config.json for a bias that no weight holds. */
const BIAS_KEY = 'reward_bias';

/** Options of {@link RewardModel.fromPretrained}. */
export interface OpenRewardOptions extends RewardModelOptions, DownloadOptions {
  /**
   * For a folder of adapters: the language model that they belong to, whose weights are then shared, not copied; its own adapters do not
   * take part. Default: the model that adapter_config.json names, opened anew.
   */
  readonly base?: CausalLM | undefined;
}

/** Options of {@link RewardModel.savePretrained}. */
export interface SaveRewardOptions extends Pick<SaveOptions, 'dtype' | 'maxShardBytes'> {
  /** Of adapters: the name or folder of the model that they belong to, for whoever opens them. */
  readonly baseModel?: string | undefined;
}

/**
 * A sequence classifier of one label with its tokenizer.
 *
 * A text's score is that of its last token that is not padding, where padding is the model's padding token, else the tokenizer's,
 * else the token that ends texts: transformers goes by the same rule. So a model that shares one token for both, as GPT-2 does,
 * does not see whether a text was ended.
 *
 * @example
 * const reward = await RewardModel.fromPretrained('models/reward');
 * const [kind, rude] = await reward.score(['How nice of you!', 'Go away.']);
 */
export class RewardModel {
  readonly model: SequenceClassifier;
  readonly tokenizer: Tokenizer;
  /** The token after which nothing is read; undefined if neither model nor tokenizer has one. */
  readonly padTokenId: number | undefined;
  readonly #batchSize: number;
  readonly #truncationSide: 'left' | 'right' | undefined;
  readonly #scores: RowModel;
  #bias: number;

  /**
   * Opens the folder of an `AutoModelForSequenceClassification` with one label and its tokenizer, or a model of the Hugging Face
   * Hub by its name; or a folder of adapters and a head, as {@link savePretrained} and PEFT save them.
   *
   * @throws ModelError if the model has another head or none, or belongs to another tokenizer; else as `fromPretrained`
   */
  static async fromPretrained(
    source: string,
    { base, bias, batchSize, truncationSide, ...download }: OpenRewardOptions = {},
  ): Promise<RewardModel> {
    const folder = await modelFolder(source, download);
    if (isAdapterFolder(folder)) {
      const { model, bias: saved } = await openAdapters(folder, base);
      const tokenizer = await Tokenizer.fromPretrained(folder);
      return new RewardModel(model, tokenizer, { bias: bias ?? saved, batchSize, truncationSide });
    }
    if (base !== undefined) {
      throw new ModelError(`'${folder}' holds a whole model, no adapters (adapter_config.json): leave base out`);
    }
    const model = await classifierFromPretrained(folder, { freshHead: false });
    const tokenizer = await Tokenizer.fromPretrained(folder);
    return new RewardModel(model, tokenizer, { bias, batchSize, truncationSide });
  }

  /** @throws ModelError if the model's head is not of one label, or the tokenizer has tokens that the model lacks */
  constructor(model: SequenceClassifier, tokenizer: Tokenizer, options: RewardModelOptions = {}) {
    const { config } = model;
    const { bias = biasOf(config.raw[BIAS_KEY], 'config.json'), batchSize = 16, truncationSide } = options;
    if (config.numLabels !== 1) {
      throw new ModelError(
        `this model gives a text ${config.numLabels} scores (num_labels), but a reward is one number: open it with ` +
          'classifierFromPretrained, or train a head of one label with trainReward',
      );
    }
    if (tokenizer.vocabSize > config.vocabSize) {
      throw new ModelError(
        `the tokenizer has ${tokenizer.vocabSize} tokens, but the model only ${config.vocabSize}: they do not belong together`,
      );
    }
    if (!Number.isInteger(batchSize) || batchSize < 1) {
      throw new RangeError(`batchSize is ${batchSize}, but must be a whole number of 1 or more`);
    }
    this.model = model;
    this.tokenizer = tokenizer;
    this.padTokenId = config.padTokenId ?? tokenizer.padTokenId ?? tokenizer.eosTokenId;
    this.#bias = bias;
    this.#batchSize = batchSize;
    this.#truncationSide = truncationSide;
    this.#scores = new RowModel((ids: Tensor, lengths: Tensor) => {
      model.eval();
      return model.forward(ids, lengths);
    });
  }

  /** What is added to the head's output. */
  get bias(): number {
    return this.#bias;
  }

  /**
   * The score of each text. Texts of like lengths are computed together; what else is scored with a text changes its score by
   * rounding errors at most.
   *
   * @param inputs texts, which get the tokenizer's usual special tokens and no end token; conversations, by the tokenizer's chat
   *   template; or ids of the tokenizer, as they are.
   * @throws RangeError naming the text, if it has no tokens, or more than the model reads
   */
  async score(
    inputs: readonly RewardInput[],
    { signal }: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<Float64Array> {
    const rows = inputs.map((input, i) => this.#fitting(this.encode(input), i));
    const { maxPositions } = this.model.config;
    const found = await this.#scores.over(rows, { batchSize: this.#batchSize, maxPositions, signal });
    return Float64Array.from(found, ([score]) => score! + this.#bias);
  }

  /** The tokens of which the last is scored. @throws RangeError for ids that the model does not know */
  encode(input: RewardInput): Int32Array {
    const ids = Int32Array.from(typeof input === 'string' ? this.tokenizer.encode(input) : this.#idsOf(input));
    let end = ids.length;
    while (end > 1 && ids[end - 1] === this.padTokenId) end--;
    return ids.subarray(0, end);
  }

  /**
   * Makes the scores of `samples` have the given mean and standard deviation, by scaling the head's weight and setting
   * {@link bias}. Comparisons of texts stay as they are. Ziegler et al. 2019, section 2.1.
   *
   * @returns mean and standard deviation (of the population) before
   * @throws EqualScoresError if all samples have the same score; RangeError if there are fewer than two, or a score is not finite
   */
  async normalize(
    samples: readonly RewardInput[],
    { mean = 0, std = 1, signal }: NormalizeOptions = {},
  ): Promise<{ mean: number; std: number }> {
    if (samples.length < 2)
      throw new RangeError(`normalising takes two samples or more, but there are ${samples.length}`);
    const scores = await this.score(samples, { signal });
    const before = scores.reduce((sum, score) => sum + score, 0) / scores.length;
    const deviation = Math.sqrt(scores.reduce((sum, score) => sum + (score - before) ** 2, 0) / scores.length);
    if (!Number.isFinite(deviation)) {
      throw new RangeError(`the scores of the ${scores.length} samples are not all finite: their mean is ${before}`);
    }
    const largest = scores.reduce((most, score) => Math.max(most, Math.abs(score)), 0);
    if (deviation <= LEAST_DEVIATION * largest) {
      throw new EqualScoresError(
        `the scores of all ${scores.length} samples are ${before}: there is nothing to normalise`,
      );
    }
    const gain = std / deviation;
    const { data } = this.model.score.weight.storage;
    for (let i = 0; i < data.length; i++) data[i]! *= gain;
    this.#bias = mean - gain * (before - this.#bias);
    return { mean: before, std: deviation };
  }

  /**
   * Saves the model and its tokenizer as a folder that Python opens with `AutoModelForSequenceClassification`, with equal scores.
   *
   * The heads of transformers have no bias. Where the last norm has one (GPT-2), the part of it that the head sees is raised by
   * {@link bias}; that changes this score and nothing else. Where it has none (Llama, Qwen 2), config.json has the bias as
   * `reward_bias`: Python's scores are lower by this constant, and this class adds it again.
   *
   * Of a model with adapters these and the head alone are saved, as PEFT does, with the bias in the metadata of the file of weights.
   */
  async savePretrained(folder: string, { baseModel, ...options }: SaveRewardOptions = {}): Promise<void> {
    if (hasAdapters(this.model)) {
      await saveLora(this.model, folder, { baseModel, metadata: { [BIAS_KEY]: String(this.#bias) } });
      await this.tokenizer.save(folder);
      return;
    }
    const raised = this.#raisedNorm();
    const config = { pad_token_id: this.padTokenId, [BIAS_KEY]: raised === undefined ? this.#bias : 0 };
    const replace = raised === undefined ? undefined : new Map([[LAST_NORM_BIAS, raised]]);
    await savePretrained(this.model, folder, { ...options, tokenizer: this.tokenizer, config, replace });
  }

  /** Frees the native programs; they are made anew when they are needed. Needed after adapters were added or merged. */
  dispose(): void {
    this.#scores.dispose();
  }

  /** The last norm's bias `b + bias w / |w|²`, whose product with the head's weight `w` is greater by `bias`. */
  #raisedNorm(): Float32Array | undefined {
    const norm = this.model.namedParameters().get(LAST_NORM_BIAS)?.storage.data;
    const head = this.model.score.weight.storage.data;
    const square = head.reduce((sum, w) => sum + w * w, 0);
    if (norm === undefined || square === 0) return undefined;
    return norm.map((b, i) => b + (this.#bias * head[i]!) / square);
  }

  #idsOf(input: readonly ChatMessage[] | ArrayLike<number>): ArrayLike<number> {
    if (isConversation(input)) return this.tokenizer.applyChatTemplate(input);
    const { vocabSize } = this.model.config;
    for (const id of Array.from(input)) {
      if (Number.isInteger(id) && id >= 0 && id < vocabSize) continue;
      throw new RangeError(`${id} is none of the model's ${vocabSize} tokens`);
    }
    return input;
  }

  #fitting(ids: Int32Array, row: number): Int32Array {
    const { maxPositions } = this.model.config;
    if (ids.length === 0) throw new RangeError(`text ${row} has no tokens, so there is none to score`);
    if (ids.length <= maxPositions) return ids;
    if (this.#truncationSide === undefined) {
      throw new RangeError(
        `text ${row} has ${ids.length} tokens, but the model reads ${maxPositions}: shorten it, or set truncationSide`,
      );
    }
    return this.#truncationSide === 'left' ? ids.slice(ids.length - maxPositions) : ids.slice(0, maxPositions);
  }
}

/** The classifier of a folder of adapters, and what is added to its scores. */
async function openAdapters(folder: string, base: CausalLM | undefined) {
  const { baseModel, metadata } = await readLoraFacts(folder);
  let model: SequenceClassifier;
  if (base !== undefined) model = classifierFromCausalLM(base, { numLabels: 1, shareWeights: true });
  else if (baseModel !== undefined) model = await classifierFromPretrained(baseModel, { numLabels: 1 });
  else {
    throw new ModelError(
      `'${folder}' holds adapters, and its adapter_config.json does not say of which model: give it as base`,
    );
  }
  await loadLora(model, folder);
  const saved = metadata?.[BIAS_KEY];
  return { model, bias: biasOf(saved === undefined ? 0 : Number(saved), `${folder}, metadata`) };
}

function isConversation(input: readonly ChatMessage[] | ArrayLike<number>): input is readonly ChatMessage[] {
  return typeof input[0] === 'object';
}

function biasOf(saved: unknown, where: string): number {
  const bias = saved ?? 0;
  if (typeof bias === 'number' && Number.isFinite(bias)) return bias;
  throw new ModelError(`${where}: ${BIAS_KEY} is ${JSON.stringify(saved)}, but must be a number`);
}
