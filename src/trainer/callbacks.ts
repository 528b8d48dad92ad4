// How a program watches a training run, and ends it.

import type { MaybePromise } from '../env/index.ts';
import type { ActionRows, PPOMetrics, Rollout, StepListener } from '../rl/index.ts';
import type { MemoryBudget } from './memory-budget.ts';

/** What a callback may answer: nothing to go on; `false`, or `{ stop: why }`, to end the run, with a checkpoint saved. */
export type CallbackAnswer = undefined | void | boolean | { readonly stop: string };

/** What is known of a run before it begins. */
export interface RunStart {
  /** An estimate. */
  readonly memory: MemoryBudget;
}

/** Where a run stands. */
export interface TrainProgress {
  /** Steps of all environments together. */
  readonly steps: number;
  /** Episodes that have ended. */
  readonly episodes: number;
  readonly updates: number;
  /** How much of the run is over, 0 to 1. */
  readonly fraction: number;
  /** Since the run began. */
  readonly seconds: number;
  /** Since the run began. */
  readonly stepsPerSecond: number;
  /** Over those of the latest 100 episodes whose returns are finite; null if there is none. */
  readonly meanReturn: number | null;
  /** Over the latest 100 episodes; null before the first has ended. */
  readonly meanLength: number | null;
  /** See {@link TrainResult.runningRewards}. */
  readonly runningReward: number;
}

/** An episode that has ended. */
export interface EpisodeEnd {
  /** Its number; 1 is the first that ended. */
  readonly episode: number;
  /** Steps of all environments together, when it ended. */
  readonly globalStep: number;
  /** The sum of its rewards as the environment gave them. */
  readonly return: number;
  /** In steps. */
  readonly length: number;
  /** The environment it ran in. */
  readonly envIndex: number;
  /** 0.95 times what it was, plus 0.05 times this return, unless that is not finite. */
  readonly runningReward: number;
}

/** The step of a vector environment, row by row as the environments stand in it. */
export type StepEvent = Parameters<StepListener>[0];

/**
 * What to call when. All are optional; those that may take time may return a promise. `R` is what is learned from, `M` what an update
 * tells, `E` what is told of an episode.
 */
export interface RunCallbacks<R, M, E extends EpisodeEnd = EpisodeEnd> {
  /** Before the first step. */
  onStart?(start: RunStart): MaybePromise<CallbackAnswer>;
  /** Before experience is collected. */
  onRolloutStart?(progress: TrainProgress): MaybePromise<CallbackAnswer>;
  /** After it was. */
  onRolloutEnd?(progress: TrainProgress, rollout: R): MaybePromise<CallbackAnswer>;
  /** Before the policy is improved. */
  onUpdateStart?(progress: TrainProgress): MaybePromise<CallbackAnswer>;
  /** After it was. */
  onUpdateEnd?(progress: TrainProgress, metrics: M): MaybePromise<CallbackAnswer>;
  /** After the step with which an episode ended. */
  onEpisodeEnd?(episode: E): CallbackAnswer;
  /** After a checkpoint was written. */
  onCheckpoint?(path: string, progress: TrainProgress): MaybePromise<CallbackAnswer>;
}

/** What an update tells, as in metrics.jsonl. */
export type UpdateMetrics = Readonly<Record<string, number>>;

/** {@link RunCallbacks} of a run that learns from steps: with PPO, or an algorithm of one's own. */
export interface TrainCallbacks<M = PPOMetrics> extends RunCallbacks<Rollout, M> {
  /** After every step. Its arrays are only good until it returns. */
  onStep?(step: StepEvent): CallbackAnswer;
}

/**
 * The callback of the Python original, called after each step of each environment.
 *
 * @param state the observation that was acted on, flattened (and normalised, if the run normalises)
 * @param action as the environment took it
 * @param reward as it was learned from
 * @param done whether the task ended
 * @param truncated whether time ran out
 * @param episode the number of the episode, from 1
 * @param runningReward see {@link TrainResult.runningRewards}
 */
export type StepCallback = (
  state: Float32Array,
  action: number | ActionRows,
  reward: number,
  done: boolean,
  truncated: boolean,
  episode: number,
  runningReward: number,
) => CallbackAnswer;

/** Why a callback wants the run to end; undefined if it does not. */
export function stopReason(answer: CallbackAnswer, callback: string): string | undefined {
  if (answer === false) return `${callback} returned false`;
  return typeof answer === 'object' ? answer.stop : undefined;
}
