// What a tracker is: something that is told what a run writes down, while it writes it or afterwards.

import type { CompletionRow, EpisodeRow, MetricsRow } from './rows.ts';

type MaybePromise<T> = T | Promise<T>;

/** A run as trackers are told of it. */
export interface TrackedRun {
  /** Such as `cartpole-1`, or `cot-1/rl` where it is part of another run. */
  readonly name: string;
  /** Null if the run has none. */
  readonly directory: string | null;
  /** What config.json holds. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly startedAt: Date;
  /**
   * The step after which a run goes on that was broken off: all later rows come again, so that what was told of them is void. Null or left
   * out for a run that begins. See {@link stepOf}.
   */
  readonly resumesAfter?: number | null | undefined;
  /** Tells the user something that does not stop the run. */
  warn(message: string): void;
}

/**
 * Told of a run as it goes on. All but `log` may be left out. Each may return a promise; the run does not wait for it, but calls come in
 * order, the next one when the one before is done.
 *
 * A tracker that throws is told nothing more, and the user is warned once: the run goes on, and its directory has all of it.
 */
export interface Tracker {
  /** As warnings call it. */
  readonly name?: string | undefined;
  /** How long `finish` and what has not been told by then may take in the end. Default 10. */
  readonly finishSeconds?: number | undefined;
  /** Before anything else. */
  start?(run: TrackedRun): MaybePromise<void>;
  /** A row of metrics.jsonl, with every update. @param step steps of all environments, tokens, or optimizer steps: see {@link stepOf} */
  log(row: MetricsRow, step: number): MaybePromise<void>;
  /** An episode of an agent that ended. */
  episode?(row: EpisodeRow, step: number): MaybePromise<void>;
  /** The texts that an update learned from. */
  completions?(rows: readonly CompletionRow[], step: number): MaybePromise<void>;
  /** A picture. @param png its bytes */
  image?(name: string, png: Uint8Array, step: number): MaybePromise<void>;
  /** Many values of one thing, such as the returns of an update's episodes. */
  histogram?(name: string, values: readonly number[], step: number): MaybePromise<void>;
  /** In the end, however it came. @param summary what summary.json holds; null if there is none */
  finish?(summary: Readonly<Record<string, unknown>> | null): MaybePromise<void>;
}

/** Where a row stands: its `globalStep` (steps of all environments, or tokens), else its `step`, else its `update`. */
export function stepOf(row: Readonly<Record<string, unknown>>): number {
  for (const name of ['globalStep', 'step', 'update']) {
    const value = row[name];
    if (typeof value === 'number' && Number.isFinite(value)) return value;
  }
  return 0;
}

/** When a row was written, by its `seconds`. */
export function timeOf({ startedAt }: TrackedRun, row: Readonly<Record<string, unknown>>): Date {
  const { seconds } = row;
  return new Date(startedAt.getTime() + (typeof seconds === 'number' ? 1000 * seconds : 0));
}
