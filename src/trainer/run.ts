// What all runs of trainAgent have in common: play, learn, write down, until something ends it. If something fails on the way, what
// was learned is saved before the error is passed on.

import { basename, join } from 'node:path';
import { drawingOf, type Env } from '../env/index.ts';
import { drawMedia } from '../plots/index.ts';
import { NonFiniteError, type Steps } from '../rl/index.ts';
import { defaultRunDirectory, type MetricsRow, type RowPositions } from '../tracking/index.ts';
import { fileName } from '../tracking/run-directory.ts';
import { RunLog } from '../tracking/run-log.ts';
import {
  type CallbackAnswer,
  type EpisodeEnd,
  type RunCallbacks,
  stopReason,
  type TrainProgress,
} from './callbacks.ts';
import type { CheckpointDetails } from './checkpoint.ts';
import { checkPositiveInteger } from './environments.ts';
import { EpisodeLog, WINDOW } from './episode-log.ts';
import { trainingError } from './errors.ts';
import type { KeptCheckpoints } from './kept-checkpoints.ts';
import { beginBudget, type BudgetKind, checkBudget, type MemoryBudget } from './memory-budget.ts';
import type { PPOAgent } from './ppo-agent.ts';
import { type ReplayRecorder, replayRecorder } from './replay-recorder.ts';
import {
  countersOf,
  type EndedEpisode,
  limitOf,
  logEpisode,
  metricsRow,
  perSecond,
  type RunFacts,
  type RunOptions,
  type RunResult,
  settingsOf,
  type Standing,
  type Stop,
  type StoppedBy,
} from './run-options.ts';
import { ResultRows } from './result-rows.ts';
import { openRunPlace } from './run-place.ts';
import type { RunState } from './run-state.ts';
import { Snapshot } from './snapshot.ts';
import type { Trained } from './training-files.ts';

/** A run, set up by the constructor. `R` is what it learns from, `M` what an update tells, `E` what is told of an episode. */
export abstract class Run<R extends Steps, M extends object, E extends EpisodeEnd = EpisodeEnd> {
  protected readonly limit: { readonly unit: 'steps' | 'episodes'; readonly count: number };
  protected readonly callbacks: readonly RunCallbacks<R, M, E>[];
  protected readonly log = new EpisodeLog();
  protected steps = 0;
  protected updates = 0;
  readonly #options: RunOptions;
  readonly #facts: RunFacts<R, M, E>;
  /** Undefined until nothing can be wrong any more. */
  #written: RunLog | undefined;
  /** As `#written`. */
  #resultRows: ResultRows | undefined;
  /** Undefined where nothing is recorded. */
  #replays: ReplayRecorder | undefined;
  #savePath = 'models';
  #kept: KeptCheckpoints | undefined;
  #standing: Standing = { steps: 0, updates: 0, seconds: 0, ...this.log.counts };
  /** Where the files of rows end with what belongs to the updates so far. */
  #rows: RowPositions = {};
  /** The row of an update that could not be written down. */
  #unwritten: MetricsRow | undefined;
  /** The state that the run goes on from. */
  #before: RunState | undefined;
  #started = performance.now();
  /** Steps that were taken before this run went on. */
  #stepsBefore = 0;
  #checkpoint = '';
  /** The update after which the last checkpoint was written. */
  #savedAt = -1;
  /** Whether weights may have changed since the last checkpoint or the beginning. */
  #learned = false;
  #stop: Stop | undefined;
  /** Of what the update under way began with. */
  #snapshot: Snapshot | undefined;
  /** Whether an update has failed that could not be undone. */
  #isSpoiled = false;

  constructor(options: RunOptions, facts: RunFacts<R, M, E>) {
    this.#options = options;
    this.#facts = facts;
    const { callbacks = [], saveInterval } = facts;
    this.callbacks = Array.isArray(callbacks) ? callbacks : [callbacks as RunCallbacks<R, M, E>];
    this.limit = limitOf(options);
    if (saveInterval !== undefined) checkPositiveInteger('saveInterval', saveInterval);
    const { keepCheckpoints } = options;
    if (typeof keepCheckpoints === 'number') checkPositiveInteger('keepCheckpoints', keepCheckpoints);
  }

  /** Plays, counts the steps, and tells `note` of each episode. */
  protected abstract collect(): Promise<R>;
  /**
   * Improves the policy.
   *
   * @param fraction of the run that was over when the rollout began
   * @param signal gives it up, in the middle: its reason is thrown
   */
  protected abstract learn(rollout: R, fraction: number, signal?: AbortSignal): Promise<M>;
  /** What an update's row of metrics.jsonl has besides the counters. */
  protected abstract rowOf(metrics: M, rollout: R): Readonly<Record<string, number>>;
  /** Writes a checkpoint. */
  protected abstract write(path: string): Promise<void>;
  /** How to go on from the checkpoint at `path`, as the end of an error's message. */
  protected abstract howToGoOn(path: string): string;
  /** Keeps what holds now, between two updates, for a checkpoint that must continue exactly. Weights and moments are kept as they are. */
  protected abstract mark(): void;
  /** What an update changes. */
  protected abstract get trained(): Trained;
  abstract close(): Promise<void>;
  /** What it takes; see {@link memoryBudget}. */
  protected abstract readonly memory: MemoryBudget;
  protected readonly budgetKind: BudgetKind = 'agent';

  /** Creates the run's directory. The last thing that a constructor does, when nothing can be wrong any more. */
  protected open(config: () => object): void {
    if (this.#options.memoryCheck ?? true) checkBudget(this.memory, this.budgetKind);
    this.#mark();
    const { savePath, keepCheckpoints, trackers, warn } = this.#options;
    const { name, resumed, seed } = this.#facts;
    const { continues, runDirectory = defaultRunDirectory(name, seed) } = resumed;
    const place = openRunPlace({ runDirectory, savePath, keepCheckpoints, resumed, before: this.#before });
    const { directory } = place;
    this.#savePath = place.savePath;
    this.#kept = place.kept;
    this.#checkpoint = place.checkpoint;
    const resumesAfter = continues ? this.steps : null;
    this.#resultRows = new ResultRows(directory);
    this.#written = new RunLog({ directory, trackers, name, config: config(), resumesAfter, warn });
  }

  /** Begins to record episodes, if the run has a directory and the environment can be drawn. Comes after {@link open}. */
  protected recordEpisodes(agent: PPOAgent, makeOne: (() => Env) | null): void {
    const { directory } = this.written;
    if (directory === null || makeOne === null || drawingOf(this.#facts.name) === undefined) return;
    const folder = join(directory.path, 'replays');
    const { seed } = this.#facts;
    this.#replays = replayRecorder({ agent, env: makeOne(), folder, seed, episodes: this.log.count });
  }

  /** Where the run is written down. */
  protected get written(): RunLog {
    return this.#written!;
  }

  protected get stopped(): boolean {
    return this.#stop !== undefined;
  }

  /** Episodes between checkpoints where options do not say. */
  protected get defaultSaveInterval(): number {
    return 100;
  }

  /** Ends the run early. */
  protected get signal(): AbortSignal | undefined {
    return this.#options.signal;
  }

  /** Goes on from where a checkpoint stood. Comes before {@link open}. */
  protected goOnFrom(state: RunState): void {
    this.steps = state.steps;
    this.updates = state.updates;
    this.log.counts = state;
    this.#stepsBefore = state.steps;
    this.#savedAt = state.updates;
    this.#before = state;
  }

  /** What a checkpoint keeps of every run. */
  protected get runState(): RunState {
    return {
      ...this.#standing,
      rows: this.#rows,
      checkpoints: this.#kept!.with({ name: basename(this.#nextCheckpoint), score: this.#score }),
    };
  }

  /** @throws TrainingDivergedError or TrainingFailedError, once what was learned is saved */
  protected async run(): Promise<RunResult> {
    this.#started = performance.now();
    try {
      this.#mark();
      this.#rows = this.written.directory?.rowEnds() ?? {};
      if (this.#before !== undefined) this.#checkLimits();
      beginBudget(this.memory);
      await this.#call('onStart', (callbacks) => callbacks.onStart?.({ memory: this.memory }));
      while (this.#stop === undefined) await this.#iterate();
      if (this.#savedAt !== this.updates) await this.#save();
      // A run that goes on has none from where it was broken off.
      if (this.#stop.by !== 'signal') await this.#replays?.record(this.log.count);
      this.#writeSummary(this.#stop.by, this.#stop.reason);
    } catch (error) {
      throw await this.#rescued(error);
    } finally {
      await this.#replays?.close();
    }
    const result = this.#result(this.#stop);
    const { directory } = this.written;
    // Who interrupts a run does not want to wait for its pictures; it has them when it has gone on to its end.
    if (directory !== null && result.stoppedBy !== 'signal') await drawMedia(directory.path, this.#options.warn);
    return result;
  }

  async #iterate(): Promise<void> {
    const fraction = this.#fraction();
    const saved = this.#savesDue();
    await this.#call('onRolloutStart', (callbacks) => callbacks.onRolloutStart?.(this.#progress()));
    if (this.#stop !== undefined) return;
    const rollout = await this.#unlessGivenUp(() => this.collect());
    if (rollout === undefined) return;
    await this.#call('onRolloutEnd', (callbacks) => callbacks.onRolloutEnd?.(this.#progress(), rollout));
    if (this.#stop !== undefined) return;
    await this.#call('onUpdateStart', (callbacks) => callbacks.onUpdateStart?.(this.#progress()));
    if (this.#stop !== undefined) return;

    this.#learned = true;
    const metrics = await this.#learn(rollout, fraction);
    if (metrics === undefined) return;
    this.updates++;
    this.#mark();
    this.#unwritten = metricsRow(this.#progress(), this.rowOf(metrics, rollout));
    this.#writeRow();
    await this.#call('onUpdateEnd', (callbacks) => callbacks.onUpdateEnd?.(this.#progress(), metrics));

    await this.#replays?.afterUpdate(this.log.count);
    this.#checkLimits();
    if (this.#savesDue() > saved && this.#stop === undefined) await this.#save();
    if (this.signal?.aborted) this.#stop ??= { by: 'signal' };
  }

  #mark(): void {
    this.#standing = { steps: this.steps, updates: this.updates, seconds: this.#seconds, ...this.log.counts };
    this.mark();
  }

  /** Undefined if the signal came meanwhile: then the run stands where the last update left it. */
  async #unlessGivenUp<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      this.signal?.throwIfAborted();
      return await work();
    } catch (error) {
      if (!this.signal?.aborted || error !== this.signal.reason) throw error;
    }
    this.steps = this.#standing.steps;
    this.#resultRows!.dropEpisodes(this.log.count - this.#standing.episodes);
    this.log.counts = this.#standing;
    this.written.cutRows(this.#rows);
    this.#stop ??= { by: 'signal' };
    return undefined;
  }

  /** An update that fails or is given up in the middle is undone, unless that takes too much memory; then it is not given up. */
  async #learn(rollout: R, fraction: number): Promise<M | undefined> {
    this.#snapshot ??= new Snapshot(this.trained);
    const undo = this.#snapshot.take() ? this.#snapshot : undefined;
    const signal = undo && this.signal;
    try {
      const metrics = await this.#unlessGivenUp(() => this.learn(rollout, fraction, signal));
      if (metrics === undefined) undo?.restore();
      return metrics;
    } catch (error) {
      this.#isSpoiled = undo === undefined;
      undo?.restore();
      throw error;
    }
  }

  /** Again, if it could not be written at once. */
  #writeRow(): void {
    const row = this.#unwritten;
    if (row === undefined) return;
    this.written.append('metrics', row);
    this.#unwritten = undefined;
    this.#resultRows!.addMetrics(row);
    this.#rows = this.written.directory?.rowEnds() ?? {};
  }

  get #saveInterval(): number {
    return this.#facts.saveInterval ?? this.defaultSaveInterval;
  }

  #savesDue(): number {
    return Math.floor(this.log.count / this.#saveInterval);
  }

  /** Writes an episode of the rollout under way down, before its steps are added to `steps`. */
  protected note({ endedAt, ...episode }: EndedEpisode<E>): void {
    this.log.add(episode);
    this.#resultRows!.addEpisode(episode);
    const { count, runningReward } = this.log;
    const globalStep = this.steps + endedAt;
    const end = { ...episode, episode: count, globalStep, runningReward } as unknown as E;
    this.writeEpisode(end);
    for (const { onEpisodeEnd } of this.callbacks) this.answer(onEpisodeEnd?.(end), 'onEpisodeEnd');
    logEpisode(this.#options, end);
  }

  /** Where episodes are written down. */
  protected get episodeFile(): 'episodes' | 'completions' {
    return 'episodes';
  }

  /** Adds an episode's line to episodes.jsonl. */
  protected writeEpisode({ episode, globalStep, return: total, length, envIndex }: E): void {
    const { seconds } = this.#progress();
    this.written.append('episodes', { episode, globalStep, return: total, length, envIndex, seconds });
  }

  #checkLimits(): void {
    const { stopAtMeanReturn } = this.#options;
    if (this.#fraction() >= 1) this.#stop ??= { by: this.limit.unit === 'steps' ? 'totalSteps' : 'maxEpisodes' };
    const { count, meanReturn } = this.log;
    if (stopAtMeanReturn === undefined || count < WINDOW || meanReturn === null) return;
    if (meanReturn >= stopAtMeanReturn) this.#stop ??= { by: 'stopAtMeanReturn' };
  }

  async #save(): Promise<void> {
    this.#writeRow();
    // A checkpoint says where the rows end: they are on the disk before it is.
    this.written.directory?.flushRows();
    const path = this.#nextCheckpoint;
    await this.write(path);
    this.#checkpoint = path;
    this.#savedAt = this.updates;
    this.#kept!.add({ name: basename(path), score: this.#score });
    await this.#call('onCheckpoint', (callbacks) => callbacks.onCheckpoint?.(path, this.#progress()));
  }

  get #nextCheckpoint(): string {
    const { algorithm, name } = this.#facts;
    return join(this.#savePath, `${algorithm}_${fileName(name)}_episode_${this.#standing.episodes}`);
  }

  /** What checkpoints are compared by. */
  get #score(): number | null {
    const mean = this.log.meanReturn;
    return mean !== null && Number.isFinite(mean) ? mean : null;
  }

  /** Saves what there is, and says where. A run that has learned nothing has nothing to save: its error is passed on as it is. */
  async #rescued(error: unknown): Promise<unknown> {
    const diverged = error instanceof NonFiniteError;
    let lost: unknown;
    if (this.#learned && this.#savedAt !== this.updates) {
      try {
        if (this.#isSpoiled) throw new Error('they are of half an update, which a model so large cannot undo');
        await this.#save();
      } catch (reason) {
        lost = this.#savedAt === this.updates ? undefined : reason;
      }
    }
    try {
      this.#writeSummary(diverged ? 'diverged' : 'failed', error instanceof Error ? error.message : String(error));
    } catch {
      // A disk that is full may be what failed in the first place: that error is told.
    }
    if (!this.#learned && this.#checkpoint === '') return error;
    const saved = { checkpoint: this.#checkpoint, goOn: this.howToGoOn(this.#checkpoint), lost };
    return trainingError(error, this.updates + 1, saved);
  }

  #result(stop: Stop): RunResult {
    const numbers = {
      episodes: this.log.count,
      meanReturn: this.log.meanReturn,
      steps: this.steps,
      updates: this.updates,
      seconds: this.#progress().seconds,
      seed: this.#facts.seed,
      runDirectory: this.written.directory?.path ?? null,
      checkpoint: this.#checkpoint,
      stoppedBy: stop.by,
      ...(stop.reason === undefined ? {} : { stopReason: stop.reason }),
    };
    const before = this.#facts.resumed.continues ? 0 : (this.#before?.runningReward ?? 0);
    const rows = this.#resultRows!;
    return rows.metricsTo(rows.episodesTo(numbers, this.episodeFile, before));
  }

  #writeSummary(stoppedBy: StoppedBy | 'diverged' | 'failed', reason?: string): void {
    const { fraction: _fraction, ...progress } = this.#progress();
    this.written.writeSummary({
      stoppedBy,
      stopReason: reason,
      ...progress,
      seed: this.#facts.seed,
      checkpoint: this.#checkpoint,
    });
  }

  async #call(name: string, invoke: (callbacks: RunCallbacks<R, M, E>) => unknown): Promise<void> {
    for (const callbacks of this.callbacks) {
      const answer = invoke(callbacks);
      this.answer((answer instanceof Promise ? await answer : answer) as CallbackAnswer, name);
    }
  }

  /** What the description of an agent says of the counters. */
  protected get counters(): NonNullable<CheckpointDetails['counters']> {
    return countersOf(this.#standing);
  }

  /** What config.json says of every run. */
  protected get settings(): object {
    const facts = { ...this.#facts, saveInterval: this.#saveInterval };
    return { ...settingsOf(this.#options, facts), memory: this.memory };
  }

  /** Ends the run, with a checkpoint of what holds now. */
  protected end(stop: Stop): void {
    this.#stop ??= stop;
  }

  /** Ends the run if a callback's answer says so. */
  protected answer(answer: CallbackAnswer, name: string): void {
    const reason = stopReason(answer, name);
    if (reason !== undefined) this.#stop ??= { by: 'callback', reason };
  }

  #fraction(): number {
    const done = this.limit.unit === 'steps' ? this.steps : this.log.count;
    return Math.min(1, done / this.limit.count);
  }

  #progress(): TrainProgress {
    const seconds = this.#seconds;
    return {
      steps: this.steps,
      episodes: this.log.count,
      updates: this.updates,
      fraction: this.#fraction(),
      seconds,
      stepsPerSecond: perSecond(this.steps - this.#stepsBefore, seconds - (this.#before?.seconds ?? 0)),
      meanReturn: this.log.meanReturn,
      meanLength: this.log.meanLength,
      runningReward: this.log.runningReward,
    };
  }

  /** Since the run began, without the time in which no process ran it. */
  get #seconds(): number {
    return (this.#before?.seconds ?? 0) + (performance.now() - this.#started) / 1000;
  }
}
