// One run over a dataset, whatever is learned from it: step, write down, evaluate, save, until something ends it.

import { join } from 'node:path';
import type { PretrainedModel } from '../lm/index.ts';
import { AdamW, constantSchedule, cosineSchedule, linearSchedule, type StateDict } from '../nn/index.ts';
import { drawMedia } from '../plots/index.ts';
import { Generator, SeedSequence } from '../random/index.ts';
import { MOST_SKIPS } from '../rl/index.ts';
import { defaultRunDirectory, type MetricsRow, RunDirectory } from '../tracking/index.ts';
import { RunLog } from '../tracking/run-log.ts';
import { memoryUsed } from './memory-used.ts';
import { type CallbackAnswer, stopReason } from './callbacks.ts';
import { TrainingDivergedError, TrainingFailedError } from './errors.ts';
import {
  type ExampleKind,
  type ExampleState,
  readExampleWeights,
  writeExampleCheckpoint,
} from './example-checkpoint.ts';
import type {
  ExampleEvaluation,
  ExampleCallbacks,
  ExampleOptions,
  ExampleProgress,
  ExampleResult,
  ExampleStoppedBy,
} from './example-options.ts';
import type { ExampleSettings } from './example-settings.ts';
import { planEpoch, type Sized } from './length-buckets.ts';
import { trainedParameters } from './training-files.ts';

/** Numbers by name, the loss among them. */
export type ExampleMetrics = { readonly loss: number } & Readonly<Record<string, number>>;

/** What is learned, and how: all that differs from trainer to trainer. */
export interface ExampleTask<Row extends Sized> {
  readonly kind: ExampleKind;
  /** Its parameters that are not frozen are trained. */
  readonly model: PretrainedModel;
  readonly rows: readonly Row[];
  readonly evalRows: readonly Row[];
  /** What rows are filled up to. */
  readonly lengths: readonly number[];
  /** What a run that goes on must agree with. */
  readonly plan: ExampleState['plan'];
  /** What config.json says besides the settings. */
  readonly config: object;
  /** What a checkpoint needs to know besides. */
  readonly extra?: Readonly<Record<string, number[]>>;
  /** Whether the weights of the best evaluation are those to end with. Default false. */
  readonly keepBest?: boolean;
  /** Evaluations without a loss that is lower than the best by more than `threshold`, after which a run ends. */
  readonly stopping?: { readonly patience: number; readonly threshold: number } | undefined;
  /** Whether nothing is saved. Default false. */
  readonly dryRun?: boolean;
  /** Writes the gradients of a step's mean loss into the parameters (adding to them, with gradient accumulation). */
  learn(rows: readonly Row[]): Promise<{ readonly metrics: ExampleMetrics; readonly tokens: number }>;
  /** The means over rows. */
  evaluate(rows: readonly Row[]): Promise<ExampleMetrics>;
  saveModel(folder: string): Promise<void>;
  /** What is left to do when the weights are final; what it returns stands in summary.json. */
  finish?(directory: string | null): Promise<object>;
  dispose(): void;
}

/** The options of a run, and where it goes on. */
export type ExampleRunOptions = ExampleOptions & {
  readonly resume?: { readonly path: string; readonly state: ExampleState } | undefined;
};

/** Why a run ends. */
interface Stop {
  readonly by: ExampleStoppedBy;
  readonly reason?: string;
}

/** A loss or norm that is no number. */
class NotFiniteError extends Error {
  override readonly name = 'NonFiniteError';
  readonly metric: string;

  constructor(metric: string, value: number, skipped: number) {
    super(
      `${metric} became ${value}${skipped === 0 ? '' : `, after ${skipped} skipped steps in a row`}: ` +
        'often a learning rate that is too high (try a tenth of it, and warmupSteps)',
    );
    this.metric = metric;
  }
}

/** A run of a task. */
export class ExampleRun<Row extends Sized> {
  readonly #task: ExampleTask<Row>;
  readonly #settings: ExampleSettings;
  readonly #options: ExampleRunOptions;
  readonly #callbacks: readonly ExampleCallbacks[];
  readonly #optimizer: AdamW;
  readonly #totalSteps: number;
  readonly #stepsPerEpoch: number;
  readonly #written: RunLog;
  readonly #savePath: string;
  readonly #metrics: MetricsRow[] = [];
  readonly #trainLoss: number[] = [];
  readonly #evaluations: ExampleEvaluation[] = [];
  /** The weights of the best evaluation, if there were others since. */
  #best: StateDict | undefined;
  #step = 0;
  #tokens = 0;
  /** Tokens that were read before this run went on. */
  #tokensBefore = 0;
  #started = performance.now();
  #modelFolder = '';
  /** The step after which the last checkpoint was written. */
  #savedAt = -1;
  /** Steps that were taken before this run went on. */
  #stepBefore = 0;
  #stop: Stop | undefined;
  /** Steps that the optimizer has left out since the last that it took. */
  #skipped = 0;

  constructor(task: ExampleTask<Row>, settings: ExampleSettings, options: ExampleRunOptions) {
    this.#task = task;
    this.#settings = settings;
    this.#options = options;
    const { callbacks = [], resume } = options;
    const { batchSize, gradientAccumulation, seed, learningRate, weightDecay } = settings;
    this.#callbacks = Array.isArray(callbacks) ? callbacks : [callbacks as ExampleCallbacks];
    this.#stepsPerEpoch = Math.ceil(task.rows.length / (batchSize * gradientAccumulation));
    this.#totalSteps = settings.maxSteps ?? settings.epochs! * this.#stepsPerEpoch;

    const parameters = [...trainedParameters(task.model).values()];
    const groups = [
      { parameters: parameters.filter(({ shape }) => shape.length > 1), weightDecay },
      { parameters: parameters.filter(({ shape }) => shape.length <= 1), weightDecay: 0 },
    ].filter((group) => group.parameters.length > 0);
    this.#optimizer = new AdamW(groups, { learningRate });
    if (resume !== undefined) {
      const { path, state } = resume;
      this.#best = readExampleWeights(path, task.model, this.#optimizer);
      this.#step = state.step;
      this.#tokens = state.tokens;
      this.#tokensBefore = state.tokens;
      this.#stepBefore = state.step;
      this.#savedAt = state.step;
      this.#trainLoss.push(...state.losses);
      this.#evaluations.push(...state.evaluations);
      this.#modelFolder = path;
    }
    const name = `${task.kind}-${task.model.config.modelType}`;
    const { runDirectory = defaultRunDirectory(name, seed), trackers, warn } = options;
    const isWritten = runDirectory !== null && !task.dryRun;
    const directory = isWritten ? RunDirectory.goingOn(runDirectory, resume?.path) : null;
    this.#written = new RunLog({ directory, trackers, name, config: this.#config(), warn });
    this.#savePath = options.savePath ?? directory?.checkpoints ?? 'models';
  }

  /** @throws TrainingDivergedError or TrainingFailedError, once what was learned is saved */
  async train(): Promise<ExampleResult> {
    this.#started = performance.now();
    try {
      this.#stop = this.#outOfPatience();
      await this.#learnAll();
      this.#stop ??= { by: this.#settings.maxSteps === undefined ? 'epochs' : 'maxSteps' };
      if (this.#savedAt !== this.#step) await this.#save();
      const { model } = this.#task;
      if (this.#best !== undefined) model.loadStateDict(this.#best, { strict: false });
      model.eval();
      return await this.#finish(this.#stop);
    } catch (error) {
      throw await this.#rescued(error);
    }
  }

  async #learnAll(): Promise<void> {
    const { evalInterval = this.#stepsPerEpoch, saveInterval } = this.#settings;
    const { rows, lengths } = this.#task;
    while (this.#step < this.#totalSteps && this.#stop === undefined) {
      const epoch = Math.floor(this.#step / this.#stepsPerEpoch);
      const steps = planEpoch(rows, this.#rowsPerStep, lengths, this.#epochStream(epoch));
      for (const step of steps.slice(this.#step % this.#stepsPerEpoch)) {
        const metrics = await this.#learn(step);
        const last = this.#step === this.#totalSteps;
        const evaluation = last || this.#step % evalInterval === 0 ? await this.#evaluate() : undefined;
        await this.#note(metrics, evaluation);
        if (evaluation !== undefined) this.#stop ??= this.#outOfPatience();
        if (saveInterval !== undefined && this.#step % saveInterval === 0) await this.#save();
        if (this.#options.signal?.aborted) this.#stop ??= { by: 'signal' };
        if (last || this.#stop !== undefined) break;
      }
    }
  }

  async close(): Promise<void> {
    await this.#written.close();
    this.#task.dispose();
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
  async #learn(rows: readonly Row[]): Promise<MetricsRow> {
    const { gradientAccumulation, maxGradNorm } = this.#settings;
    if (gradientAccumulation > 1) this.#optimizer.zeroGrad();
    const { metrics, tokens } = await this.#task.learn(rows);
    const learningRate = this.#schedule();
    let gradNorm = Number.NaN;
    let skippedSteps = 0;
    if (Number.isFinite(metrics.loss)) {
      gradNorm = this.#optimizer.step({ maxGradNorm: maxGradNorm ?? Number.POSITIVE_INFINITY }).gradNorm!;
    }
    if (Number.isFinite(gradNorm)) {
      this.#skipped = 0;
    } else {
      this.#skip(metrics.loss, gradNorm);
      skippedSteps = 1;
    }
    this.#step++;
    this.#tokens += tokens;
    this.#trainLoss.push(metrics.loss);
    const epoch = this.#step / this.#stepsPerEpoch;
    return { step: this.#step, epoch, ...metrics, learningRate, gradNorm, skippedSteps };
  }

  /** @throws NotFiniteError, unless the optimizer may leave a step out */
  #skip(loss: number, gradNorm: number): void {
    if (this.#settings.onNonFinite === 'stop' || this.#skipped === MOST_SKIPS) {
      throw Number.isFinite(loss)
        ? new NotFiniteError('gradNorm', gradNorm, this.#skipped)
        : new NotFiniteError('loss', loss, this.#skipped);
    }
    this.#skipped++;
  }

  /** Sets the next step's learning rate. */
  #schedule(): number {
    const { lrSchedule, warmupSteps, learningRate } = this.#settings;
    const schedule = { constant: constantSchedule, linear: linearSchedule, cosine: cosineSchedule }[lrSchedule];
    const factor = schedule(this.#step, { warmupSteps, totalSteps: this.#totalSteps });
    this.#optimizer.setLearningRates(factor);
    return learningRate * factor;
  }

  /** Undefined if there is nothing to evaluate on. */
  async #evaluate(): Promise<ExampleEvaluation | undefined> {
    const { evalRows, keepBest = false } = this.#task;
    if (evalRows.length === 0) return undefined;
    const evaluation = { step: this.#step, ...(await this.#task.evaluate(evalRows)) };
    const isBest = this.#evaluations.every(({ loss }) => evaluation.loss < loss);
    this.#evaluations.push(evaluation);
    if (!keepBest) return evaluation;
    if (isBest) {
      this.#best = copyOf(this.#task.model);
      await this.#save('best');
    }
    return evaluation;
  }

  /** Early stopping, as transformers' EarlyStoppingCallback has it. */
  #outOfPatience(): Stop | undefined {
    const { stopping } = this.#task;
    if (stopping === undefined) return undefined;
    const { patience, threshold } = stopping;
    let [best, waited] = [Number.POSITIVE_INFINITY, 0];
    for (const { loss } of this.#evaluations) {
      waited = best - loss > threshold ? 0 : waited + 1;
      best = Math.min(best, loss);
    }
    if (waited < patience) return undefined;
    return { by: 'patience', reason: `the evaluations' loss has not sunk for ${waited} times` };
  }

  async #note(metrics: MetricsRow, evaluation: ExampleEvaluation | undefined): Promise<void> {
    const { tokens, seconds, tokensPerSecond } = this.#progress();
    const row = { ...metrics, ...prefixed(evaluation), tokens, tokensPerSecond, seconds, memory: memoryUsed() };
    this.#metrics.push(row);
    this.#written.append('metrics', row);
    await this.#call('onStep', (callbacks) => callbacks.onStep?.(this.#progress(), row));
    if (evaluation !== undefined) {
      const { loss } = evaluation;
      await this.#call('onEvaluate', (callbacks) => callbacks.onEvaluate?.(loss, this.#progress(), evaluation));
    }
  }

  async #save(name = `step_${this.#step}`): Promise<void> {
    const { kind, model, plan, extra = {}, dryRun } = this.#task;
    if (dryRun) return;
    const path = join(this.#savePath, `${kind}_${name}`);
    const state: ExampleState = {
      seed: this.#settings.seed,
      plan,
      step: this.#step,
      tokens: this.#tokens,
      losses: this.#trainLoss,
      evaluations: this.#evaluations.map((evaluation) => ({ ...evaluation })),
      extra,
    };
    const saveModel = (folder: string): Promise<void> => this.#task.saveModel(folder);
    await writeExampleCheckpoint(path, { kind, model, optimizer: this.#optimizer, state, best: this.#best, saveModel });
    this.#modelFolder = path;
    if (name.startsWith('step_')) this.#savedAt = this.#step;
    await this.#call('onCheckpoint', (callbacks) => callbacks.onCheckpoint?.(path, this.#progress()));
  }

  /** Saves what there is, and says where. A run that has learned nothing has nothing to save: its error is passed on as it is. */
  async #rescued(error: unknown): Promise<unknown> {
    const diverged = error instanceof NotFiniteError;
    let lost: unknown;
    if (this.#savedAt !== this.#step && (diverged || this.#step > this.#stepBefore)) {
      try {
        await this.#save();
      } catch (reason) {
        lost = this.#savedAt === this.#step ? undefined : reason;
      }
    }
    try {
      const stopReason = error instanceof Error ? error.message : String(error);
      this.#writeSummary(diverged ? 'diverged' : 'failed', { stopReason });
    } catch {
      // A disk that is full may be what failed in the first place: that error is told.
    }
    if (this.#modelFolder === '' && lost === undefined && !diverged) return error;
    const option = this.#task.kind === 'reward' ? 'resumeCheckpoint' : 'resume';
    const resume = { checkpoint: this.#modelFolder, goOn: `Go on with { ${option}: '${this.#modelFolder}' }`, lost };
    const step = this.#step + 1;
    return diverged ? new TrainingDivergedError(error, step, resume) : new TrainingFailedError(error, step, resume);
  }

  async #finish(stop: Stop): Promise<ExampleResult> {
    const more = await this.#task.finish?.(this.#written.directory?.path ?? null);
    this.#writeSummary(stop.by, { stopReason: stop.reason, ...more });
    const { tokens, seconds, evalLoss } = this.#progress();
    const { directory } = this.#written;
    if (directory !== null) await drawMedia(directory.path, this.#options.warn);
    return {
      trainLoss: this.#trainLoss,
      evalLoss,
      evaluations: this.#evaluations,
      metrics: this.#metrics,
      steps: this.#step,
      tokens,
      seconds,
      seed: this.#settings.seed,
      runDirectory: this.#written.directory?.path ?? null,
      modelFolder: this.#modelFolder,
      stoppedBy: stop.by,
      ...(stop.reason === undefined ? {} : { stopReason: stop.reason }),
    };
  }

  async #call(name: keyof ExampleCallbacks, invoke: (callbacks: ExampleCallbacks) => unknown): Promise<void> {
    for (const callbacks of this.#callbacks) {
      const reason = stopReason((await invoke(callbacks)) as CallbackAnswer, name);
      if (reason !== undefined) this.#stop ??= { by: 'callback', reason };
    }
  }

  #progress(): ExampleProgress {
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

  #writeSummary(stoppedBy: ExampleStoppedBy | 'diverged' | 'failed', more: object): void {
    const { seed } = this.#settings;
    this.#written.writeSummary({
      stoppedBy,
      ...this.#progress(),
      seed,
      checkpoint: this.#modelFolder,
      ...more,
    });
  }

  #config(): object {
    const { kind, model, rows, evalRows, config } = this.#task;
    const { resume, notes } = this.#options;
    return {
      kind,
      model: model.config.raw,
      ...config,
      examples: rows.length,
      evalExamples: evalRows.length,
      totalSteps: this.#totalSteps,
      ...this.#settings,
      resume: resume?.path,
      ...notes,
    };
  }
}

/** A dataset for config.json: its path, or how many rows it has. */
export function sourceName(source: string | readonly object[] | undefined): string | undefined {
  return typeof source === 'object' ? `${source.length} rows in memory` : source;
}

function copyOf(model: PretrainedModel): StateDict {
  const trained = trainedParameters(model);
  return new Map([...trained].map(([name, { shape, storage }]) => [name, { shape, data: storage.data.slice() }]));
}

/** An evaluation's metrics as a line of metrics.jsonl names them: `evalLoss`. */
function prefixed(evaluation: ExampleEvaluation | undefined): MetricsRow {
  const metrics = Object.entries(evaluation ?? {}).filter(([name]) => name !== 'step');
  return Object.fromEntries(metrics.map(([name, value]) => [`eval${name[0]!.toUpperCase()}${name.slice(1)}`, value]));
}
