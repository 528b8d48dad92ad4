// How well rewards agree with preferences.

import type { ExampleMetrics } from './example-task.ts';
import type { Comparison } from './reward-data.ts';

/** Means over comparisons, gathered batch by batch. Names are TRL's. */
export class RewardMetrics {
  #rows = 0;
  #right = 0;
  #reciprocalRanks = 0;
  #margins = 0;
  #texts = 0;
  #rewards = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = Number.NEGATIVE_INFINITY;

  /** @param rewards of each comparison's candidates */
  add(rows: readonly Comparison[], rewards: readonly Float32Array[]): void {
    for (const [i, { best }] of rows.entries()) {
      const all = rewards[i]!;
      const own = all[best]!;
      const others = all.filter((_, candidate) => candidate !== best);
      const rank = 1 + others.filter((reward) => reward >= own).length;
      this.#rows++;
      if (rank === 1) this.#right++;
      this.#reciprocalRanks += 1 / rank;
      this.#margins += own - sum(others) / others.length;
      this.#texts += all.length;
      this.#rewards += sum(all);
      this.#min = Math.min(this.#min, ...all);
      this.#max = Math.max(this.#max, ...all);
    }
  }

  /**
   * `accuracy`: how often the best one has the highest reward, ties not counted; `meanReciprocalRank` of the best; `margin`: the best
   * one's reward less the mean of the others'.
   */
  means(loss: number): ExampleMetrics {
    return {
      loss,
      accuracy: this.#right / this.#rows,
      meanReciprocalRank: this.#reciprocalRanks / this.#rows,
      margin: this.#margins / this.#rows,
      minReward: this.#min,
      meanReward: this.#rewards / this.#texts,
      maxReward: this.#max,
    };
  }
}

function sum(values: Float32Array): number {
  return values.reduce((total, value) => total + value, 0);
}
