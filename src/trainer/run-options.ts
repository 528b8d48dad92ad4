// What a run of trainAgent takes, what it gives, and what it is at any time. The run itself is run.ts.

import { SeedSequence } from '../random/index.ts';
import type { Episode } from '../rl/index.ts';
import type { MetricsRow, Tracker } from '../tracking/index.ts';
import type { EpisodeEnd, RunCallbacks, TrainProgress } from './callbacks.ts';
import type { CheckpointDetails } from './checkpoint.ts';
import { checkPositiveInteger, type EnvTroubleOptions } from './environments.ts';
import type { EpisodeCounts } from './episode-log.ts';
import { memoryUsed } from './memory-used.ts';
import type { Resumed } from './resume.ts';
import type { RunState } from './run-state.ts';

/** Options of every run. */
export interface RunOptions extends EnvTroubleOptions {
  /** Episodes to train for. Default 1000, if `totalSteps` is not given. */
  readonly maxEpisodes?: number | undefined;
  /** Steps to train for, all environments together, in place of `maxEpisodes`. Rollouts are finished, so it may be a few more. */
  readonly totalSteps?: number | undefined;
  /** Where checkpoints go, as `<algorithm>_<env>_episode_<n>`. Default: `checkpoints/` of the run directory, or `models/` without one. */
  readonly savePath?: string | undefined;
  /** Episodes between lines of progress given to `log`. Default: none. */
  readonly logInterval?: number | undefined;
  /** The latest checkpoints that stay, beside the one with the best mean return of 100 episodes; null for all. Default 3. */
  readonly keepCheckpoints?: number | null | undefined;
  /**
   * A run's directory, or one of its checkpoints, to go on from: with the same options, to the last bit as if that run had never ended.
   * `seed` may be left out; limits and an algorithm's settings may be others. Of a directory, the latest checkpoint that is undamaged is
   * taken (one that never saved any begins again), and its files grow on; a checkpoint goes on in a run of its own, unless `runDirectory`
   * names the run that it is the latest of.
   */
  readonly resume?: string | undefined;
  /** Receives lines of progress. Default `console.log`. */
  readonly log?: ((line: string) => void) | undefined;
  /** Everything drawn in this run comes from it (but the networks' first weights). Default: from the operating system. */
  readonly seed?: number | undefined;
  /** Ends the run when the mean return of the latest 100 episodes reaches this. Default: never. */
  readonly stopAtMeanReturn?: number | undefined;
  /** Ends the run, with a checkpoint, as soon as can be: a rollout or update under way is given up, and made again by a run that goes on. */
  readonly signal?: AbortSignal | undefined;
  /** Whether a run that needs more memory than is free is refused before it begins. Default true. */
  readonly memoryCheck?: boolean | undefined;
  /** Where config, metrics, checkpoints and summary go; null for nowhere. Default `runs/<env>-<date>-<seed>`. */
  readonly runDirectory?: string | null | undefined;
  /** Told of what is written down, such as a `TensorBoardTracker`; each serves one run. None of them can stop the run. */
  readonly trackers?: readonly Tracker[] | undefined;
  /** Receives warnings. Default `console.warn`. */
  readonly warn?: ((message: string) => void) | undefined;
  /** Anything that shall stand in config.json too, such as the recipe. */
  readonly notes?: Readonly<Record<string, unknown>> | undefined;
}

/** What ended a run. */
export type StoppedBy = 'maxEpisodes' | 'totalSteps' | 'stopAtMeanReturn' | 'maxKl' | 'callback' | 'signal';

/** What every run comes to. */
export interface RunResult {
  /**
   * After each episode, in the order in which they ended: 0.95 times the one before (0 at first) plus 0.05 times the return,
   * unless that is not finite. Of a run that went on in its own directory, this list and those below begin with the run; otherwise, with
   * what it went on from. They are read from the directory when they are asked for, if there is one; then what is not finite is NaN in
   * lists, and null in `metrics`.
   */
  readonly runningRewards: readonly number[];
  /** The sum of each episode's rewards, as the environment gave them. */
  readonly episodeReturns: readonly number[];
  /** In steps: tokens, where a language model writes. */
  readonly episodeLengths: readonly number[];
  /** One row an update, as in metrics.jsonl. */
  readonly metrics: readonly MetricsRow[];
  /** How many have ended, before the run went on too. */
  readonly episodes: number;
  /** Of those of the latest 100 episodes whose returns are finite; null if there is none. */
  readonly meanReturn: number | null;
  /** Steps of all environments together. */
  readonly steps: number;
  readonly updates: number;
  readonly seconds: number;
  readonly seed: number;
  /** Null if there is none. */
  readonly runDirectory: string | null;
  /** The last checkpoint. */
  readonly checkpoint: string;
  readonly stoppedBy: StoppedBy;
  /** What the callback that ended the run said, or how far the policy had gone. */
  readonly stopReason?: string;
}

/** Why a run ends. */
export interface Stop {
  readonly by: StoppedBy;
  readonly reason?: string;
}

/** An episode as a rollout tells of it; the run counts it. */
export type EndedEpisode<E extends EpisodeEnd> = Omit<E, 'episode' | 'globalStep' | 'runningReward'> &
  Pick<Episode, 'return' | 'length' | 'endedAt'>;

/** What a run is, besides its options. */
export interface RunFacts<R, M, E extends EpisodeEnd> {
  /** Of the environment. */
  readonly name: string;
  /** As checkpoints are named. */
  readonly algorithm: string;
  readonly seed: number;
  readonly callbacks: RunCallbacks<R, M, E> | readonly RunCallbacks<R, M, E>[] | undefined;
  /** Episodes between checkpoints; undefined for the default of the kind of run. */
  readonly saveInterval: number | undefined;
  readonly resumed: Resumed;
}

/** What holds between two updates. */
export type Standing = Pick<RunState, 'steps' | 'updates' | 'seconds'> & EpisodeCounts;

/** When a run is over. */
export function limitOf({ maxEpisodes, totalSteps }: RunOptions): { unit: 'steps' | 'episodes'; count: number } {
  if (totalSteps !== undefined) {
    if (maxEpisodes !== undefined)
      throw new TypeError('give maxEpisodes or totalSteps, not both: only one can end a run');
    checkPositiveInteger('totalSteps', totalSteps);
    return { unit: 'steps', count: totalSteps };
  }
  checkPositiveInteger('maxEpisodes', maxEpisodes ?? 1000);
  return { unit: 'episodes', count: maxEpisodes ?? 1000 };
}

/** An update's row of metrics.jsonl. @param metrics what it has besides the counters */
export function metricsRow(progress: TrainProgress, metrics: Readonly<Record<string, number>>): MetricsRow {
  const { updates, steps, episodes, meanReturn, meanLength, runningReward, seconds, stepsPerSecond } = progress;
  return {
    update: updates,
    globalStep: steps,
    episodes,
    episodicReturn: meanReturn,
    episodicLength: meanLength,
    runningReward,
    ...metrics,
    seconds,
    stepsPerSecond,
    memory: memoryUsed(),
  };
}

/** Gives `log` the line of every `logInterval`-th episode. */
export function logEpisode({ logInterval, log = console.log }: RunOptions, end: EpisodeEnd): void {
  const { episode, runningReward, length } = end;
  if (logInterval === undefined || episode % logInterval !== 0) return;
  const told = `running reward ${runningReward.toFixed(2)}, return ${end.return.toFixed(2)}`;
  log(`episode ${episode}: ${told}, ${length} steps`);
}

/** 0 where no time has passed. */
export function perSecond(count: number, seconds: number): number {
  return seconds > 0 ? count / seconds : 0;
}

/** What the description of an agent says of a run's counters. */
export function countersOf(standing: Standing): NonNullable<CheckpointDetails['counters']> {
  const { seconds: _seconds, ...counters } = standing;
  return counters;
}

/** What config.json says of every run. */
export function settingsOf(
  options: RunOptions,
  { seed, saveInterval, resumed }: Pick<RunFacts<never, never, never>, 'seed' | 'saveInterval' | 'resumed'>,
): object {
  const { savePath, keepCheckpoints, stopAtMeanReturn, notes } = options;
  const { unit, count } = limitOf(options);
  return {
    seed,
    [unit === 'steps' ? 'totalSteps' : 'maxEpisodes']: count,
    saveInterval,
    savePath,
    keepCheckpoints,
    resume: resumed.checkpoint,
    stopAtMeanReturn,
    ...notes,
  };
}

/** From the operating system. */
export function randomSeed(): number {
  return new SeedSequence().generateState(1)[0]!;
}
