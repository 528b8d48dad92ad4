// One run over a dataset, whatever is learned from it: step, write down, evaluate, save, until something ends it.

import { basename, join } from 'node:path';
import type { PretrainedModel } from '../lm/index.ts';
import type { StateDict } from '../nn/index.ts';
import { drawMedia } from '../plots/index.ts';
import { NonFiniteError } from '../rl/index.ts';
import { defaultRunDirectory, type MetricsRow } from '../tracking/index.ts';
import { RunLog } from '../tracking/run-log.ts';
import { memoryUsed } from './memory-used.ts';
import { type CallbackAnswer, stopReason } from './callbacks.ts';
import { checkPositiveInteger } from './environments.ts';
import { trainingError } from './errors.ts';
import { type ExampleState, readExampleWeights, writeExampleCheckpoint } from './example-checkpoint.ts';
import type {
  ExampleEvaluation,
  ExampleCallbacks,
  ExampleOptions,
  ExampleProgress,
  ExampleResult,
  ExampleStoppedBy,
} from './example-options.ts';
import type { ExampleSettings } from './example-settings.ts';
import { ExampleSteps, streamOf } from './example-steps.ts';
import type { ExampleTask } from './example-task.ts';
import type { KeptCheckpoints } from './kept-checkpoints.ts';
import { planEpoch, type Sized } from './length-buckets.ts';
import {
  activationBytes,
  beginBudget,
  checkBudget,
  type MemoryBudget,
  memoryBudget,
  trainedBytes,
} from './memory-budget.ts';
import type { Resumed } from './resume.ts';
import { ResultRows } from './result-rows.ts';
import { openRunPlace } from './run-place.ts';
import { trainedParameters } from './training-files.ts';

/** The options of a run, and where it goes on. */
export type ExampleRunOptions = ExampleOptions & {
  readonly resumed: Resumed;
  /** Of the checkpoint that it goes on from; undefined for one that begins. */
  readonly state: ExampleState | undefined;
};

/** Why a run ends. */
interface Stop {
  readonly by: ExampleStoppedBy;
  readonly reason?: string;
}

/** A run of a task. */
export class ExampleRun<Row extends Sized> {
  readonly #task: ExampleTask<Row>;
  readonly #settings: ExampleSettings;
  readonly #options: ExampleRunOptions;
  readonly #callbacks: readonly ExampleCallbacks[];
  readonly #steps: ExampleSteps<Row>;
  readonly #totalSteps: number;
  readonly #stepsPerEpoch: number;
  readonly #written: RunLog;
  readonly #savePath: string;
  readonly #kept: KeptCheckpoints;
  /** Where the checkpoint stood that the run goes on from. */
  readonly #before: { readonly step: number; readonly tokens: number; readonly seconds: number };
  readonly #resultRows: ResultRows;
  readonly #trainLoss: number[] = [];
  readonly #evaluations: ExampleEvaluation[] = [];
  /** The weights of the best evaluation, if there were others since. */
  #best: StateDict | undefined;
  #step = 0;
  #tokens = 0;
  /** What the latest step tells, until it is written down: an evaluation may have to come first. */
  #told: ExampleState['told'] = null;
  #started = performance.now();
  #isPrepared = false;
  #modelFolder = '';
  /** Whether the last checkpoint has all that was learned and written down. */
  #isSaved = false;
  #stop: Stop | undefined;
  readonly #memory: MemoryBudget;

  constructor(task: ExampleTask<Row>, settings: ExampleSettings, options: ExampleRunOptions) {
    this.#task = task;
    this.#settings = settings;
    this.#options = options;
    const { callbacks = [], state, resumed, trackers, warn, keepCheckpoints } = options;
    const { batchSize, gradientAccumulation, seed } = settings;
    this.#callbacks = Array.isArray(callbacks) ? callbacks : [callbacks as ExampleCallbacks];
    this.#stepsPerEpoch = Math.ceil(task.rows.length / (batchSize * gradientAccumulation));
    this.#totalSteps = settings.maxSteps ?? settings.epochs! * this.#stepsPerEpoch;
    if (typeof keepCheckpoints === 'number') checkPositiveInteger('keepCheckpoints', keepCheckpoints);

    // Before any of it is taken.
    const parameters = task.model.parameters();
    this.#memory = memoryBudget({
      parameters,
      copies: task.keepBest ? trainedBytes(parameters) : 0,
      activations: activationBytes(task.model.config, task.pass),
      others: task.others?.flatMap((model) => model.parameters()),
    });
    if (options.memoryCheck ?? true) checkBudget(this.#memory, task.kind);
    this.#steps = new ExampleSteps(task, settings, this.#totalSteps);
    const name = `${task.kind}-${task.model.config.modelType}`;
    const { continues, runDirectory = defaultRunDirectory(name, seed) } = resumed;
    this.#before = { step: state?.step ?? 0, tokens: state?.tokens ?? 0, seconds: state?.seconds ?? 0 };
    if (state !== undefined) {
      const checkpoint = resumed.checkpoint!;
      this.#best = readExampleWeights(checkpoint, task.model, this.#steps.optimizer);
      this.#step = state.step;
      this.#tokens = state.tokens;
      this.#told = state.told;
      this.#steps.skipped = state.skipped;
      this.#isSaved = !checkpoint.endsWith('_best');
      this.#trainLoss.push(...state.losses);
      this.#evaluations.push(...state.evaluations);
    }
    const place = openRunPlace({
      runDirectory: task.dryRun ? null : runDirectory,
      savePath: options.savePath,
      keepCheckpoints,
      resumed,
      before: state,
    });
    const { directory } = place;
    this.#savePath = place.savePath;
    this.#kept = place.kept;
    this.#modelFolder = place.checkpoint;
    this.#resultRows = new ResultRows(directory);
    // A step that has told nothing yet is told of again.
    const resumesAfter = continues ? this.#step - (this.#told === null ? 0 : 1) : null;
    this.#written = new RunLog({ directory, trackers, name, config: this.#config(), resumesAfter, warn });
  }

  /** @throws TrainingDivergedError or TrainingFailedError, once what was learned is saved */
  async train(): Promise<ExampleResult> {
    this.#started = performance.now();
    try {
      beginBudget(this.#memory);
      await this.#call('onStart', (callbacks) => callbacks.onStart?.({ memory: this.#memory }));
      await this.#unlessGivenUp(() => this.#learnAll());
      this.#stop ??= { by: this.#settings.maxSteps === undefined ? 'epochs' : 'maxSteps' };
      if (!this.#isSaved && this.#isPrepared) await this.#save();
      const { model } = this.#task;
      if (this.#best !== undefined) model.loadStateDict(this.#best, { strict: false });
      model.eval();
      return await this.#finish();
    } catch (error) {
      throw await this.#rescued(error);
    }
  }

  /** If the signal comes meanwhile, the run stands where the last optimizer step left it. */
  async #unlessGivenUp(work: () => Promise<void>): Promise<void> {
    const { signal } = this.#options;
    try {
      await work();
    } catch (error) {
      if (!signal?.aborted || error !== signal.reason) throw error;
      this.#stop = { by: 'signal' };
    }
  }

  async #learnAll(): Promise<void> {
    const { rows, lengths } = this.#task;
    const { batchSize, gradientAccumulation, seed } = this.#settings;
    const { signal } = this.#options;
    await this.#task.prepare?.(signal);
    this.#isPrepared = true;
    if (this.#told !== null) await this.#endStep(this.#told);
    this.#stop ??= this.#outOfPatience();
    while (this.#step < this.#totalSteps && this.#stop === undefined) {
      const epoch = Math.floor(this.#step / this.#stepsPerEpoch);
      const steps = planEpoch(rows, batchSize * gradientAccumulation, lengths, streamOf(seed, epoch));
      for (const step of steps.slice(this.#step % this.#stepsPerEpoch)) {
        signal?.throwIfAborted();
        this.#told = await this.#learn(step);
        await this.#endStep(this.#told);
        if (this.#step === this.#totalSteps || this.#stop !== undefined) break;
      }
    }
  }

  /** Evaluates and saves, where that is due, and writes down what a step has told. */
  async #endStep(told: NonNullable<ExampleState['told']>): Promise<void> {
    const { evalInterval = this.#stepsPerEpoch, saveInterval } = this.#settings;
    const isEvaluated = this.#step === this.#totalSteps || this.#step % evalInterval === 0;
    const evaluation = isEvaluated ? await this.#evaluate() : undefined;
    const { tokens, seconds, tokensPerSecond } = this.#progress();
    const row = { ...told, ...prefixed(evaluation), tokens, tokensPerSecond, seconds, memory: memoryUsed() };
    this.#written.append('metrics', row);
    this.#told = null;
    this.#isSaved = false;
    this.#resultRows.addMetrics(row);
    if (evaluation !== undefined) await this.#remember(evaluation);
    await this.#call('onStep', (callbacks) => callbacks.onStep?.(this.#progress(), row));
    if (evaluation !== undefined) {
      const { loss } = evaluation;
      await this.#call('onEvaluate', (callbacks) => callbacks.onEvaluate?.(loss, this.#progress(), evaluation));
      this.#stop ??= this.#outOfPatience();
    }
    if (saveInterval !== undefined && this.#step % saveInterval === 0) await this.#save();
  }

  async close(): Promise<void> {
    await this.#written.close();
    this.#task.dispose();
    this.#steps.dispose();
  }

  /** One optimizer step. */
  async #learn(rows: readonly Row[]): Promise<NonNullable<ExampleState['told']>> {
    const { metrics, tokens } = await this.#steps.take(rows, this.#step, this.#options.signal);
    this.#step++;
    this.#isSaved = false;
    this.#tokens += tokens;
    this.#trainLoss.push(metrics.loss);
    const epoch = this.#step / this.#stepsPerEpoch;
    return { step: this.#step, epoch, ...metrics };
  }

  /** Undefined if there is nothing to evaluate on. */
  async #evaluate(): Promise<ExampleEvaluation | undefined> {
    const { evalRows } = this.#task;
    if (evalRows.length === 0) return undefined;
    return { step: this.#step, ...(await this.#task.evaluate(evalRows, this.#options.signal)) };
  }

  /** Keeps the weights of the best evaluation, where that is asked for. */
  async #remember(evaluation: ExampleEvaluation): Promise<void> {
    const isBest = this.#evaluations.every(({ loss }) => evaluation.loss < loss);
    this.#evaluations.push(evaluation);
    if (!isBest || !this.#task.keepBest) return;
    this.#best = copyOf(this.#task.model);
    await this.#save('best');
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

  async #save(name = `step_${this.#step}`): Promise<void> {
    const { kind, model, plan, extra = {}, dryRun } = this.#task;
    const { directory } = this.#written;
    if (dryRun) return;
    directory?.flushRows();
    const path = join(this.#savePath, `${kind}_${name}`);
    const isBest = name === 'best';
    const saved = { name: basename(path), score: this.#score };
    const state: ExampleState = {
      seed: this.#settings.seed,
      plan,
      step: this.#step,
      tokens: this.#tokens,
      seconds: this.#seconds,
      told: this.#told,
      skipped: this.#steps.skipped,
      losses: this.#trainLoss,
      evaluations: this.#evaluations.map((evaluation) => ({ ...evaluation })),
      extra,
      rows: directory?.rowEnds() ?? {},
      checkpoints: isBest ? [...this.#kept.saved] : this.#kept.with(saved),
    };
    const saveModel = (folder: string): Promise<void> => this.#task.saveModel(folder);
    await writeExampleCheckpoint(path, {
      kind,
      model,
      optimizer: this.#steps.optimizer,
      state,
      best: this.#best,
      saveModel,
    });
    this.#modelFolder = path;
    if (!isBest) {
      this.#isSaved = true;
      this.#kept.add(saved);
    }
    await this.#call('onCheckpoint', (callbacks) => callbacks.onCheckpoint?.(path, this.#progress()));
  }

  /** What checkpoints are compared by; null for one whose weights were not evaluated. */
  get #score(): number | null {
    const { step, loss } = this.#evaluations.at(-1) ?? { step: -1, loss: 0 };
    return step === this.#step && Number.isFinite(loss) ? -loss : null;
  }

  /** Saves what there is, and says where. A run that has learned nothing has nothing to save: its error is passed on as it is. */
  async #rescued(error: unknown): Promise<unknown> {
    const diverged = error instanceof NonFiniteError;
    let lost: unknown;
    if (!this.#isSaved && this.#isPrepared && (diverged || this.#step > this.#before.step)) {
      try {
        await this.#save();
      } catch (reason) {
        lost = this.#isSaved ? undefined : reason;
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
    return trainingError(error, step, resume);
  }

  async #finish(): Promise<ExampleResult> {
    const { directory } = this.#written;
    let more: object = {};
    if (this.#stop!.by !== 'signal') {
      await this.#unlessGivenUp(async () => {
        more = (await this.#task.finish?.(directory?.path ?? null, this.#options.signal)) ?? {};
      });
    }
    const { by: stoppedBy, reason: stopReason } = this.#stop!;
    this.#writeSummary(stoppedBy, { stopReason, ...more });
    // Who interrupts a run does not want to wait for its pictures.
    if (directory !== null && stoppedBy !== 'signal') await drawMedia(directory.path, this.#options.warn);
    const { tokens, seconds, evalLoss } = this.#progress();
    return this.#resultRows.metricsTo({
      trainLoss: this.#trainLoss,
      evalLoss,
      evaluations: this.#evaluations,
      steps: this.#step,
      tokens,
      seconds,
      seed: this.#settings.seed,
      runDirectory: directory?.path ?? null,
      modelFolder: this.#modelFolder,
      stoppedBy,
      ...(stopReason === undefined ? {} : { stopReason }),
    });
  }

  async #call(name: keyof ExampleCallbacks, invoke: (callbacks: ExampleCallbacks) => unknown): Promise<void> {
    for (const callbacks of this.#callbacks) {
      const reason = stopReason((await invoke(callbacks)) as CallbackAnswer, name);
      if (reason !== undefined) this.#stop ??= { by: 'callback', reason };
    }
  }

  #progress(): ExampleProgress {
    const seconds = this.#seconds;
    const learned = seconds - this.#before.seconds;
    return {
      steps: this.#step,
      totalSteps: this.#totalSteps,
      epochs: this.#step / this.#stepsPerEpoch,
      loss: this.#trainLoss.at(-1) ?? null,
      evalLoss: this.#evaluations.at(-1)?.loss ?? null,
      tokens: this.#tokens,
      tokensPerSecond: learned > 0 ? (this.#tokens - this.#before.tokens) / learned : 0,
      seconds,
    };
  }

  /** Since the run began, without the time in which no process ran it. */
  get #seconds(): number {
    return this.#before.seconds + (performance.now() - this.#started) / 1000;
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
    const { resumed, savePath, keepCheckpoints, notes } = this.#options;
    return {
      kind,
      model: model.config.raw,
      ...config,
      examples: rows.length,
      evalExamples: evalRows.length,
      totalSteps: this.#totalSteps,
      ...this.#settings,
      savePath,
      keepCheckpoints,
      resume: resumed.checkpoint,
      memory: this.#memory,
      ...notes,
    };
  }
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
