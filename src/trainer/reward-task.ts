// Training a reward model, as a task for a run over a dataset.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { EqualScoresError, hasAdapters, mergeLora, type RewardModel } from '../lm/index.ts';
import type { Judged } from '../plots/index.ts';
import type { ExampleState } from './example-checkpoint.ts';
import { type ExampleMetrics, type ExampleTask, sourceName } from './example-task.ts';
import { bucketLengths, microbatches } from './length-buckets.ts';
import { type PassShape, readingPass } from './memory-budget.ts';
import type { TrainRewardOptions } from './reward.ts';
import type { Comparison, PreferenceSplit } from './reward-data.ts';
import { RewardLoss } from './reward-loss.ts';
import { RewardMetrics } from './reward-metrics.ts';
import type { RewardSettings } from './reward-settings.ts';
import { placeTexts, sharedRow } from './shared-rows.ts';

/** Scoring the best of several texts highest. */
export class RewardTask implements ExampleTask<Comparison> {
  readonly kind = 'reward';
  readonly model: RewardModel['model'];
  readonly rows: readonly Comparison[];
  readonly evalRows: readonly Comparison[];
  readonly lengths: readonly number[];
  readonly pass: PassShape;
  readonly plan: ExampleTask<Comparison>['plan'];
  readonly config: object;
  readonly keepBest: boolean;
  readonly stopping: ExampleTask<Comparison>['stopping'];
  readonly dryRun: boolean;
  /** Where the finished model was saved; null in a dry run, and if it was not finished. */
  modelPath: string | null = null;
  readonly #reward: RewardModel;
  readonly #settings: RewardSettings;
  readonly #options: TrainRewardOptions;
  readonly #loss: RewardLoss;
  /** Whether that is to be done before the first step. */
  readonly #normalizes: boolean;
  #lowestLoss: number;
  /** Of the evaluation with that loss; undefined if it was not one of this run's. */
  #judged: readonly Judged[] | undefined;

  /**
   * @param reward with the layers frozen that are not trained
   * @param before where the run stood that goes on
   */
  constructor(
    reward: RewardModel,
    data: PreferenceSplit<Comparison>,
    settings: RewardSettings,
    options: TrainRewardOptions,
    before: ExampleState | undefined,
  ) {
    const { batchSize, gradientAccumulation, patience, threshold, dryRun } = settings;
    const { train, test, together } = placeTexts(
      data,
      ({ candidates }) => ({ ...sharedRow(candidates), texts: candidates.length }),
      reward.model.config.hiddenSize,
    );
    const rows = [...train, ...test];
    this.model = reward.model;
    this.rows = train;
    this.evalRows = test;
    // A head alone sees no lengths.
    const lengths = bucketLengths(rows);
    this.lengths = settings.train === 'head' ? lengths.slice(-1) : lengths;
    this.plan = planOf(train, settings);
    this.config = { dataset: sourceName(options.datasetsPath), evalDataset: sourceName(options.evalDataset) };
    this.keepBest = test.length > 0;
    this.stopping = patience === null ? undefined : { patience, threshold };
    this.dryRun = dryRun;
    this.#reward = reward;
    this.#settings = settings;
    this.#options = options;
    this.#normalizes = settings.normalizeBefore && before === undefined;
    this.#lowestLoss = Math.min(...(before?.evaluations ?? []).map(({ loss }) => loss));
    const batch = Math.min(batchSize, Math.max(train.length, test.length));
    const numCandidates = Math.max(...rows.map(({ candidates }) => candidates.length));
    const time = this.lengths.at(-1) ?? 0;
    this.pass =
      settings.train === 'head'
        ? readingPass(numCandidates * rows.length, time)
        : { rows: together ? batch : numCandidates * batch, time, scores: 0 };
    this.#loss = new RewardLoss(reward.model, {
      batchSize: batch,
      numCandidates,
      together,
      lengths: this.lengths,
      accumulate: gradientAccumulation > 1,
      centerRewardsCoefficient: settings.centerRewardsCoefficient,
      bias: () => reward.bias,
    });
  }

  get extra(): { readonly bias: number[] } {
    return { bias: [this.#reward.bias] };
  }

  /** Normalises the rewards, and computes what a head alone reads. */
  async prepare(signal?: AbortSignal): Promise<void> {
    this.model.eval();
    if (this.#normalizes) await this.#normalize(signal);
    if (this.#settings.train === 'head') await this.#loss.prepare([...this.rows, ...this.evalRows], signal);
  }

  async learn(rows: readonly Comparison[], signal?: AbortSignal): Promise<{ metrics: ExampleMetrics; tokens: number }> {
    const metrics = new RewardMetrics();
    let loss = 0;
    let tokens = 0;
    for (const batch of microbatches(rows, this.#settings.batchSize)) {
      signal?.throwIfAborted();
      const found = await this.#loss.learn(batch, 1 / rows.length, signal);
      loss += found.loss;
      metrics.add(batch, found.rewards);
      for (const { candidates } of batch) for (const ids of candidates) tokens += ids.length;
    }
    return { metrics: metrics.means(loss), tokens };
  }

  async evaluate(rows: readonly Comparison[], signal?: AbortSignal): Promise<ExampleMetrics> {
    const metrics = new RewardMetrics();
    const judged: Judged[] = [];
    let loss = 0;
    for (const batch of microbatches(rows, this.#settings.batchSize)) {
      signal?.throwIfAborted();
      const found = await this.#loss.score(batch, 1 / rows.length, signal);
      loss += found.loss;
      metrics.add(batch, found.rewards);
      for (const [i, { best }] of batch.entries()) judged.push({ rewards: [...found.rewards[i]!], best });
    }
    if (loss < this.#lowestLoss) {
      this.#lowestLoss = loss;
      this.#judged = judged;
    }
    return metrics.means(loss);
  }

  async saveModel(folder: string): Promise<void> {
    await this.#save(folder);
  }

  /** Adds adapters to the weights, unless they are to be kept, normalises the rewards, and saves the model. */
  async finish(directory: string | null, signal?: AbortSignal): Promise<object> {
    const { mergeAdapters, normalizeAfter } = this.#settings;
    if (directory !== null && this.evalRows.length > 0) await this.#writeJudged(directory, signal);
    if (mergeAdapters && hasAdapters(this.model)) {
      mergeLora(this.model);
      this.#reward.dispose();
    }
    if (mergeAdapters) this.model.unfreeze();
    if (normalizeAfter) await this.#normalize(signal);
    if (this.dryRun) return {};
    this.modelPath =
      this.#options.rewardModelPath ?? join(directory ?? 'models', directory === null ? 'reward' : 'model');
    await this.#save(this.modelPath);
    return { rewardModel: this.modelPath };
  }

  /** What the model that the run ends with says of the rows kept back, before normalising: `gymformer plot` looks at its calibration. */
  async #writeJudged(directory: string, signal: AbortSignal | undefined): Promise<void> {
    // The best evaluation may have come before this run went on from a checkpoint.
    if (this.#judged === undefined) {
      this.#lowestLoss = Number.POSITIVE_INFINITY;
      await this.evaluate(this.evalRows, signal);
    }
    writeFileSync(join(directory, 'calibration.json'), `${JSON.stringify({ comparisons: this.#judged })}\n`);
  }

  /** Gives rewards mean 0 and variance 1 on some texts of the dataset; where all score alike, they stay as they are, with a warning. */
  async #normalize(signal: AbortSignal | undefined): Promise<void> {
    const { warn = console.warn } = this.#options;
    try {
      await this.#reward.normalize(referenceSample(this.rows, this.#settings), { signal });
    } catch (error) {
      if (!(error instanceof EqualScoresError)) throw error;
      warn(`rewards are not normalised: ${error.message}`);
    }
  }

  async #save(folder: string): Promise<void> {
    await this.#reward.savePretrained(folder, { baseModel: this.#options.modelName });
  }

  dispose(): void {
    this.#loss.dispose();
  }
}

/** The texts on which rewards are normalised: those of the first comparisons, evenly over the dataset. */
function referenceSample(rows: readonly Comparison[], { normalizeSamples }: RewardSettings): Int32Array[] {
  const texts = rows.flatMap(({ candidates }) => candidates);
  const step = Math.max(1, texts.length / normalizeSamples);
  return Array.from({ length: Math.min(texts.length, normalizeSamples) }, (_, i) => texts[Math.floor(i * step)]!);
}

/** What a run that goes on must agree with; it tells datasets apart. */
export function planOf(rows: readonly Comparison[], settings: RewardSettings): ExampleTask<Comparison>['plan'] {
  const { batchSize, gradientAccumulation, maxLength, seed, train } = settings;
  let check = 0;
  for (const { candidates, best, margin } of rows) {
    check = crc32(`${best} ${margin}`, check);
    for (const { buffer, byteOffset, byteLength } of candidates) {
      check = crc32(new Uint8Array(buffer, byteOffset, byteLength), check);
    }
  }
  return { batchSize, gradientAccumulation, maxLength, seed, train, examples: rows.length, crc32: check };
}
