// Direct preference optimization, as a task for a run over a dataset.

import { crc32 } from 'node:zlib';
import { type CausalLM, SequenceLogProbs, type Tokenizer } from '../lm/index.ts';
import type { DpoSettings, TrainDpoOptions } from './dpo.ts';
import { type CompletionPair, pairRow } from './dpo-data.ts';
import { type CompletionFound, type DpoBatch, DpoLoss, type PairLogProbs } from './dpo-loss.ts';
import { saveModel } from './training-files.ts';
import { type ExampleMetrics, type ExampleTask, sourceName } from './example-task.ts';
import { bucketLengths, microbatches } from './length-buckets.ts';
import { type PassShape, SCORES } from './memory-budget.ts';
import type { PreferenceSplit } from './reward-data.ts';
import { placeTexts } from './shared-rows.ts';

/** Making chosen completions likelier, and rejected ones less likely, than the reference has them. */
export class DpoTask implements ExampleTask<CompletionPair> {
  readonly kind = 'dpo';
  readonly model: CausalLM;
  readonly rows: readonly CompletionPair[];
  readonly evalRows: readonly CompletionPair[];
  readonly lengths: readonly number[];
  readonly pass: PassShape;
  readonly others: ExampleTask<CompletionPair>['others'];
  readonly plan: ExampleTask<CompletionPair>['plan'];
  readonly config: object;
  readonly #tokenizer: Tokenizer;
  readonly #settings: DpoSettings;
  readonly #referenceModel: CausalLM;
  /** Of training pairs, then of those to evaluate on: chosen, rejected. */
  #logProbs: readonly number[] | undefined;
  readonly #reference = new Map<CompletionPair, PairLogProbs>();
  readonly #loss: DpoLoss;

  /** @param logProbs what the reference says, if that is known from a checkpoint */
  constructor(
    options: TrainDpoOptions,
    settings: DpoSettings,
    data: PreferenceSplit<CompletionPair>,
    logProbs: readonly number[] | undefined,
  ) {
    const { model, tokenizer, dataset, evalDataset } = options;
    const { batchSize, gradientAccumulation } = settings;
    const { train, test, together } = placeTexts(
      data,
      (pair) => ({ ...pairRow(pair), texts: 2 }),
      model.config.hiddenSize,
    );
    const rows = [...train, ...test];
    this.model = model;
    this.rows = train;
    this.evalRows = test;
    this.lengths = bucketLengths(rows);
    this.plan = planOf(data, settings);
    this.config = { dataset: sourceName(dataset), evalDataset: sourceName(evalDataset) };
    this.#tokenizer = tokenizer;
    this.#settings = settings;
    this.#referenceModel = options.referenceModel ?? model;
    this.#logProbs = logProbs;
    this.others = options.referenceModel === undefined ? [] : [options.referenceModel];
    const batch = Math.min(batchSize, Math.max(train.length, test.length));
    this.pass = { rows: together ? batch : 2 * batch, time: this.lengths.at(-1) ?? 0, scores: SCORES.dpo };
    this.#loss = new DpoLoss(model, {
      ...settings,
      batchSize: batch,
      together,
      lengths: this.lengths,
      accumulate: gradientAccumulation > 1,
      reference: this.#reference,
    });
  }

  /** What the reference says of all completions. */
  async prepare(signal?: AbortSignal): Promise<void> {
    const rows = [...this.rows, ...this.evalRows];
    const found = (this.#logProbs ??= await referenceLogProbs(this.#referenceModel, rows, signal));
    rows.forEach((row, i) => this.#reference.set(row, [found[2 * i]!, found[2 * i + 1]!]));
  }

  get extra(): { readonly reference: number[] } {
    return { reference: [...(this.#logProbs ?? [])] };
  }

  async learn(
    rows: readonly CompletionPair[],
    signal?: AbortSignal,
  ): Promise<{ metrics: ExampleMetrics; tokens: number }> {
    const metrics = await this.#over(rows, (batch) => this.#loss.learn(batch, 1 / rows.length, signal), signal);
    const tokens = rows.reduce((sum, { chosen, rejected }) => sum + chosen.ids.length + rejected.ids.length, 0);
    return { metrics, tokens };
  }

  evaluate(rows: readonly CompletionPair[], signal?: AbortSignal): Promise<ExampleMetrics> {
    return this.#over(rows, (batch) => this.#loss.score(batch, 1 / rows.length, signal), signal);
  }

  saveModel(folder: string): Promise<void> {
    return saveModel(this.model, this.#tokenizer, folder);
  }

  dispose(): void {
    this.#loss.dispose();
  }

  /**
   * Under TRL's names. Means over pairs, or over tokens: of both completions (`entropy`), of one (`logits/...`), of the chosen one
   * (`meanTokenAccuracy`). A reward is `beta` times the log-probability less the reference's. Where a step has several batches, TRL
   * takes the mean of their means over tokens; here each token counts once.
   */
  async #over(
    rows: readonly CompletionPair[],
    compute: (batch: readonly CompletionPair[]) => Promise<DpoBatch>,
    signal: AbortSignal | undefined,
  ): Promise<ExampleMetrics> {
    const { batchSize, beta } = this.#settings;
    const [chosen, rejected] = [new CompletionTotals(), new CompletionTotals()];
    let [loss, right] = [0, 0];
    for (const batch of microbatches(rows, batchSize)) {
      signal?.throwIfAborted();
      const found = await compute(batch);
      loss += found.loss;
      for (const [i, [better, worse]] of found.pairs.entries()) {
        const [chosenReference, rejectedReference] = this.#reference.get(batch[i]!)!;
        const rewards = [
          chosen.add(better, beta * (better.logProb - chosenReference)),
          rejected.add(worse, beta * (worse.logProb - rejectedReference)),
        ] as const;
        if (rewards[0] > rewards[1]) right++;
      }
    }
    const n = rows.length;
    return {
      loss,
      'rewards/chosen': chosen.reward / n,
      'rewards/rejected': rejected.reward / n,
      'rewards/accuracies': right / n,
      'rewards/margins': (chosen.reward - rejected.reward) / n,
      'logps/chosen': chosen.logProb / n,
      'logps/rejected': rejected.logProb / n,
      'logits/chosen': chosen.logits / chosen.tokens,
      'logits/rejected': rejected.logits / rejected.tokens,
      entropy: (chosen.entropy + rejected.entropy) / (chosen.tokens + rejected.tokens),
      meanTokenAccuracy: chosen.likeliest / chosen.tokens,
    };
  }
}

/** Sums over completions. */
class CompletionTotals {
  reward = 0;
  logProb = 0;
  tokens = 0;
  entropy = 0;
  logits = 0;
  likeliest = 0;

  /** @returns the reward */
  add(found: CompletionFound, reward: number): number {
    this.reward += reward;
    for (const name of ['logProb', 'tokens', 'entropy', 'logits', 'likeliest'] as const) this[name] += found[name];
    return reward;
  }
}

/** The log-probabilities that a model, without its adapters, gives to the completions of all pairs: chosen, rejected, and so on. */
async function referenceLogProbs(
  model: CausalLM,
  rows: readonly CompletionPair[],
  signal: AbortSignal | undefined,
): Promise<number[]> {
  const reference = new SequenceLogProbs(model);
  try {
    const texts = rows.flatMap(({ chosen, rejected }) => [chosen, rejected]);
    const found = await reference.of(
      texts.map(({ ids, learned }) => ({
        tokens: ids,
        positions: Array.from(learned, (flag, i) => (flag === 1 ? i : -1)).filter((i) => i > 0),
      })),
      { signal },
    );
    return found.map((logProbs) => logProbs.reduce((sum, x) => sum + x, 0));
  } finally {
    reference.release();
  }
}

/** What a run that goes on must agree with; it tells datasets apart. */
export function planOf(
  { train, test }: PreferenceSplit<CompletionPair>,
  { batchSize, gradientAccumulation, maxLength, seed, beta, lossType, labelSmoothing }: DpoSettings,
): ExampleTask<CompletionPair>['plan'] {
  let check = 0;
  for (const { chosen, rejected } of [...train, ...test]) {
    for (const { ids, learned } of [chosen, rejected]) {
      check = crc32(new Uint8Array(ids.buffer, ids.byteOffset, ids.byteLength), check);
      check = crc32(learned, check);
    }
  }
  const sizes = { examples: train.length, evalExamples: test.length, crc32: check };
  return { batchSize, gradientAccumulation, maxLength, seed, beta, lossType, labelSmoothing, ...sizes };
}
