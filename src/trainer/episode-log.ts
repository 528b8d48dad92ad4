// The episodes of a run, and the means that are told of them.

import type { Episode } from '../rl/index.ts';

/** Episodes that means are taken over. */
export const WINDOW = 100;

/** Keeps what episodes came to. */
export class EpisodeLog {
  readonly returns: number[] = [];
  /** In steps. */
  readonly lengths: number[] = [];
  /** After each episode 0.95 times the one before (0 before the first) plus 0.05 times the episode's return. */
  readonly runningRewards: number[] = [];

  get count(): number {
    return this.returns.length;
  }

  get runningReward(): number {
    return this.runningRewards.at(-1) ?? 0;
  }

  /** Over the latest 100 episodes; null before the first. */
  get meanReturn(): number | null {
    return mean(this.returns.slice(-WINDOW));
  }

  /** Over the latest 100 episodes; null before the first. */
  get meanLength(): number | null {
    return mean(this.lengths.slice(-WINDOW));
  }

  /** Keeps the first `count` episodes. */
  forgetAfter(count: number): void {
    for (const list of [this.returns, this.lengths, this.runningRewards]) list.length = Math.min(list.length, count);
  }

  add({ return: episodeReturn, length }: Pick<Episode, 'return' | 'length'>): void {
    this.runningRewards.push(0.95 * this.runningReward + 0.05 * episodeReturn);
    this.returns.push(episodeReturn);
    this.lengths.push(length);
  }
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
