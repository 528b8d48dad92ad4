// The latest episodes of a run, and the means that are told of them.

import type { Episode } from '../rl/index.ts';

/** Episodes that means are taken over. */
export const WINDOW = 100;

/** What is kept of the episodes so far. */
export interface EpisodeCounts {
  readonly episodes: number;
  /** After each episode 0.95 times the one before (0 before the first) plus 0.05 times the episode's return. */
  readonly runningReward: number;
  /** Of the latest 100 episodes, oldest first. */
  readonly recentReturns: readonly number[];
  /** In steps. */
  readonly recentLengths: readonly number[];
}

/** Counts episodes, and keeps what the latest came to. */
export class EpisodeLog {
  #count = 0;
  #runningReward = 0;
  #returns: number[] = [];
  #lengths: number[] = [];

  get count(): number {
    return this.#count;
  }

  /** See {@link EpisodeCounts}. */
  get runningReward(): number {
    return this.#runningReward;
  }

  /** Over those of the latest 100 episodes that are finite; null if there is none. */
  get meanReturn(): number | null {
    return mean(this.#returns.filter(Number.isFinite));
  }

  /** Over the latest 100 episodes; null before the first. */
  get meanLength(): number | null {
    return mean(this.#lengths);
  }

  /** A copy, and what to go back to. */
  get counts(): EpisodeCounts {
    return {
      episodes: this.#count,
      runningReward: this.#runningReward,
      recentReturns: this.#returns.slice(),
      recentLengths: this.#lengths.slice(),
    };
  }

  set counts({ episodes, runningReward, recentReturns, recentLengths }: EpisodeCounts) {
    this.#count = episodes;
    this.#runningReward = runningReward;
    this.#returns = recentReturns.slice();
    this.#lengths = recentLengths.slice();
  }

  add({ return: episodeReturn, length }: Pick<Episode, 'return' | 'length'>): void {
    this.#count++;
    this.#runningReward = runningAfter(this.#runningReward, episodeReturn);
    this.#returns.push(episodeReturn);
    this.#lengths.push(length);
    if (this.#returns.length <= WINDOW) return;
    this.#returns.shift();
    this.#lengths.shift();
  }
}

/** The running reward after an episode. A return that is not finite would stay in it for ever, and does not count. */
export function runningAfter(runningReward: number, episodeReturn: number): number {
  if (!Number.isFinite(episodeReturn)) return runningReward;
  return 0.95 * runningReward + 0.05 * episodeReturn;
}

/** The mean, or null of nothing. */
export function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The population standard deviation. */
export function standardDeviation(values: readonly number[]): number {
  const center = mean(values) ?? 0;
  return Math.sqrt(mean(values.map((value) => (value - center) ** 2)) ?? 0);
}
