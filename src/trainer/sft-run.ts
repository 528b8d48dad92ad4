// One run of supervised fine-tuning: step, write down, evaluate, save, until something ends it.

import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { AdamW, constantSchedule, cosineSchedule, linearSchedule } from '../nn/index.ts';
import { Generator, SeedSequence } from '../random/index.ts';
import { type CallbackAnswer, stopReason } from './callbacks.ts';
import { TrainingDivergedError } from './errors.ts';
import { defaultRunDirectory, type MetricsRow, RunDirectory } from './run-directory.ts';
import type { SftCallbacks, SftProgress, SftResult, SftStoppedBy, TrainSftOptions } from './sft.ts';
import {
  bucketLengths,
  microbatches,
  packedRows,
  planEpoch,
  separateRows,
  type TokenizedExample,
  type SftRow,
} from './sft-batches.ts';
import { readSftCheckpoint, seedOfCheckpoint, type SftState, writeSftCheckpoint } from './sft-checkpoint.ts';
import { readSftData, type SftData } from './sft-data.ts';
import { SftLoss } from './sft-loss.ts';
import { resolveSftOptions, type SftSettings } from './sft-settings.ts';

/** Why a run ends. */
interface Stop {
  readonly by: SftStoppedBy;
  readonly reason?: string;
}

/** A loss or norm that is no number. */
class NotFiniteError extends Error {
  override readonly name = 'NonFiniteError';
  readonly metric: string;

  constructor(metric: string, value: number) {
    super(`${metric} became ${value}: often a learning rate that is too high (try a tenth of it, and warmupSteps)`);
    this.metric = metric;
  }
}

/** A run, made ready by `prepare`. */
export class SftRun {
  readonly #options: TrainSftOptions;
  readonly #settings: SftSettings;
  readonly #callbacks: readonly SftCallbacks[];
  readonly #rows: readonly SftRow[];
  readonly #evalRows: readonly SftRow[];
  /** What rows are filled up to. */
  readonly #lengths: readonly number[];
  readonly #plan: SftState['plan'];
  readonly #loss: SftLoss;
  readonly #optimizer: AdamW;
  readonly #totalSteps: number;
  readonly #stepsPerEpoch: number;
  readonly #directory: RunDirectory | null;
  readonly #savePath: string;
  readonly #metrics: MetricsRow[] = [];
  readonly #trainLoss: number[] = [];
  readonly #evaluations: { step: number; loss: number }[] = [];
  #step = 0;
  #tokens = 0;
  /** Tokens that were read before this run went on. */
  #tokensBefore = 0;
  #started = performance.now();
  #modelFolder = '';
  #stop: Stop | undefined;

  static async prepare(options: TrainSftOptions): Promise<SftRun> {
    const seed = options.seed ?? (options.resume === undefined ? randomSeed() : seedOfCheckpoint(options.resume));
    const settings = resolveSftOptions(options, seed);
    return new SftRun(options, settings, await readSftData(options, settings));
  }

  private constructor(options: TrainSftOptions, settings: SftSettings, data: SftData) {
    this.#options = options;
    this.#settings = settings;
    const { model, callbacks = [] } = options;
    const { batchSize, gradientAccumulation, maxLength, packing, seed } = settings;
    this.#callbacks = Array.isArray(callbacks) ? callbacks : [callbacks as SftCallbacks];
    const rowsOf = (examples: readonly TokenizedExample[]): SftRow[] =>
      packing ? packedRows(examples, maxLength) : separateRows(examples);
    this.#rows = rowsOf(data.train);
    this.#evalRows = rowsOf(data.test);
    this.#lengths = bucketLengths([...this.#rows, ...this.#evalRows], maxLength);
    this.#plan = { batchSize, gradientAccumulation, maxLength, packing, seed, ...fingerprint(data.train) };
    this.#stepsPerEpoch = Math.ceil(this.#rows.length / (batchSize * gradientAccumulation));
    this.#totalSteps = settings.maxSteps ?? settings.epochs! * this.#stepsPerEpoch;

    const parameters = model.parameters().filter(({ frozen }) => !frozen);
    const { learningRate, weightDecay } = settings;
    const groups = [
      { parameters: parameters.filter(({ shape }) => shape.length > 1), weightDecay },
      { parameters: parameters.filter(({ shape }) => shape.length <= 1), weightDecay: 0 },
    ].filter((group) => group.parameters.length > 0);
    this.#optimizer = new AdamW(groups, { learningRate });
    this.#loss = new SftLoss(model, {
      batchSize: Math.min(batchSize, Math.max(this.#rows.length, this.#evalRows.length)),
      lengths: this.#lengths,
      packing,
      accumulate: gradientAccumulation > 1,
    });

    if (options.resume !== undefined) {
      const state = readSftCheckpoint(options.resume, { model, optimizer: this.#optimizer }, this.#plan);
      this.#step = state.step;
      this.#tokens = state.tokens;
      this.#tokensBefore = state.tokens;
      this.#trainLoss.push(...state.losses);
      this.#evaluations.push(...state.evaluations);
      this.#modelFolder = options.resume;
    }
    const { runDirectory = defaultRunDirectory(`sft-${model.config.modelType}`, seed) } = options;
    this.#directory = runDirectory === null ? null : new RunDirectory(runDirectory);
    this.#savePath = options.savePath ?? this.#directory?.checkpoints ?? 'models';
    this.#directory?.writeConfig(this.#config(data));
  }

  async train(): Promise<SftResult> {
    const { evalInterval = this.#stepsPerEpoch, saveInterval } = this.#settings;
    this.#started = performance.now();
    let savedAt = this.#options.resume === undefined ? -1 : this.#step;
    while (this.#step < this.#totalSteps && this.#stop === undefined) {
      const epoch = Math.floor(this.#step / this.#stepsPerEpoch);
      const steps = planEpoch(this.#rows, this.#rowsPerStep, this.#lengths, this.#epochStream(epoch));
      for (const rows of steps.slice(this.#step % this.#stepsPerEpoch)) {
        const metrics = await this.#learn(rows);
        const last = this.#step === this.#totalSteps;
        const evalLoss = last || this.#step % evalInterval === 0 ? await this.#evaluate() : null;
        await this.#note(metrics, evalLoss);
        if (saveInterval !== undefined && this.#step % saveInterval === 0) {
          await this.#save();
          savedAt = this.#step;
        }
        if (this.#options.signal?.aborted) this.#stop ??= { by: 'signal' };
        if (last || this.#stop !== undefined) break;
      }
    }
    this.#stop ??= { by: this.#settings.maxSteps === undefined ? 'epochs' : 'maxSteps' };
    if (savedAt !== this.#step) await this.#save();
    this.#options.model.eval();
    return this.#finish(this.#stop);
  }

  close(): void {
    this.#directory?.close();
    this.#loss.dispose();
    this.#optimizer.dispose();
  }

  get #rowsPerStep(): number {
    return this.#settings.batchSize * this.#settings.gradientAccumulation;
  }

  /** The random numbers of an epoch follow from its number, so that a run can go on in the middle of it. */
  #epochStream(epoch: number): Generator {
    return new Generator(new SeedSequence(this.#settings.seed, { spawnKey: [epoch] }));
  }

  /** One optimizer step. */
  async #learn(rows: readonly SftRow[]): Promise<MetricsRow> {
    const { gradientAccumulation, maxGradNorm } = this.#settings;
    // The mean over all tokens of the step, however they are spread over its batches.
    const scale = 1 / rows.reduce((sum, { learned }) => sum + learned, 0);
    if (gradientAccumulation > 1) this.#optimizer.zeroGrad();
    let loss = 0;
    for (const batch of microbatches(rows, this.#settings.batchSize)) loss += await this.#loss.learn(batch, scale);
    const learningRate = this.#schedule();
    if (!Number.isFinite(loss)) await this.#diverged('loss', loss);
    const gradNorm = this.#optimizer.step({ maxGradNorm: maxGradNorm ?? Number.POSITIVE_INFINITY }).gradNorm!;
    if (!Number.isFinite(gradNorm)) await this.#diverged('gradNorm', gradNorm);
    this.#step++;
    this.#tokens += rows.reduce((sum, { length }) => sum + length, 0);
    this.#trainLoss.push(loss);
    return { step: this.#step, epoch: this.#step / this.#stepsPerEpoch, loss, learningRate, gradNorm };
  }

  /** Sets the next step's learning rate. */
  #schedule(): number {
    const { lrSchedule, warmupSteps, learningRate } = this.#settings;
    const schedule = { constant: constantSchedule, linear: linearSchedule, cosine: cosineSchedule }[lrSchedule];
    const factor = schedule(this.#step, { warmupSteps, totalSteps: this.#totalSteps });
    this.#optimizer.setLearningRates(factor);
    return learningRate * factor;
  }

  /** The mean loss over the tokens to evaluate on; null if there are none. */
  async #evaluate(): Promise<number | null> {
    if (this.#evalRows.length === 0) return null;
    let [sum, learned] = [0, 0];
    for (const batch of microbatches(this.#evalRows, this.#settings.batchSize)) {
      sum += await this.#loss.score(batch);
      for (const row of batch) learned += row.learned;
    }
    return sum / learned;
  }

  async #note(metrics: MetricsRow, evalLoss: number | null): Promise<void> {
    if (evalLoss !== null) this.#evaluations.push({ step: this.#step, loss: evalLoss });
    const { tokens, seconds, tokensPerSecond } = this.#progress();
    const row = { ...metrics, ...(evalLoss === null ? {} : { evalLoss }), tokens, tokensPerSecond, seconds };
    this.#metrics.push(row);
    this.#directory?.appendMetrics(row);
    await this.#call('onStep', (callbacks) => callbacks.onStep?.(this.#progress(), row));
    if (evalLoss !== null) {
      await this.#call('onEvaluate', (callbacks) => callbacks.onEvaluate?.(evalLoss, this.#progress()));
    }
  }

  async #save(): Promise<void> {
    const path = join(this.#savePath, `sft_step_${this.#step}`);
    const { model, tokenizer } = this.#options;
    const state: SftState = {
      seed: this.#settings.seed,
      plan: this.#plan,
      step: this.#step,
      tokens: this.#tokens,
      losses: this.#trainLoss,
      evaluations: this.#evaluations,
    };
    await writeSftCheckpoint(path, { model, tokenizer, optimizer: this.#optimizer, state });
    this.#modelFolder = path;
    await this.#call('onCheckpoint', (callbacks) => callbacks.onCheckpoint?.(path, this.#progress()));
  }

  async #diverged(metric: string, value: number): Promise<never> {
    const error = new NotFiniteError(metric, value);
    await this.#save();
    this.#writeSummary('diverged', error.message);
    throw new TrainingDivergedError(error, this.#step + 1, this.#modelFolder);
  }

  #finish(stop: Stop): SftResult {
    this.#writeSummary(stop.by, stop.reason);
    const { tokens, seconds, evalLoss } = this.#progress();
    return {
      model: this.#options.model,
      trainLoss: this.#trainLoss,
      evalLoss,
      evaluations: this.#evaluations,
      metrics: this.#metrics,
      steps: this.#step,
      tokens,
      seconds,
      seed: this.#settings.seed,
      runDirectory: this.#directory?.path ?? null,
      modelFolder: this.#modelFolder,
      stoppedBy: stop.by,
      ...(stop.reason === undefined ? {} : { stopReason: stop.reason }),
    };
  }

  async #call(name: keyof SftCallbacks, invoke: (callbacks: SftCallbacks) => unknown): Promise<void> {
    for (const callbacks of this.#callbacks) {
      const reason = stopReason((await invoke(callbacks)) as CallbackAnswer, name);
      if (reason !== undefined) this.#stop ??= { by: 'callback', reason };
    }
  }

  #progress(): SftProgress {
    const seconds = (performance.now() - this.#started) / 1000;
    return {
      steps: this.#step,
      totalSteps: this.#totalSteps,
      epochs: this.#step / this.#stepsPerEpoch,
      loss: this.#trainLoss.at(-1) ?? null,
      evalLoss: this.#evaluations.at(-1)?.loss ?? null,
      tokens: this.#tokens,
      tokensPerSecond: seconds > 0 ? (this.#tokens - this.#tokensBefore) / seconds : 0,
      seconds,
    };
  }

  #writeSummary(stoppedBy: SftStoppedBy | 'diverged', reason?: string): void {
    this.#directory?.writeSummary({
      stoppedBy,
      stopReason: reason,
      ...this.#progress(),
      seed: this.#settings.seed,
      checkpoint: this.#modelFolder,
    });
  }

  #config({ train, test, format }: SftData): object {
    const { dataset, evalDataset, resume, notes } = this.#options;
    const named = (rows: TrainSftOptions['evalDataset']): unknown =>
      typeof rows === 'object' ? `${rows.length} rows in memory` : rows;
    return {
      kind: 'sft',
      model: this.#options.model.config.raw,
      dataset: named(dataset),
      evalDataset: named(evalDataset),
      format,
      examples: train.length,
      evalExamples: test.length,
      totalSteps: this.#totalSteps,
      ...this.#settings,
      resume,
      ...notes,
    };
  }
}

/** Tells datasets apart. */
function fingerprint(examples: readonly TokenizedExample[]): { examples: number; crc32: number } {
  let sum = 0;
  for (const { ids, learned } of examples) {
    sum = crc32(new Uint8Array(ids.buffer, ids.byteOffset, ids.byteLength), sum);
    sum = crc32(learned, sum);
  }
  return { examples: examples.length, crc32: sum };
}

function randomSeed(): number {
  return new SeedSequence().generateState(1)[0]!;
}
