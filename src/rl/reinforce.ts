// REINFORCE with a baseline. Source: Williams 1992, "Simple Statistical Gradient-Following Algorithms for Connectionist
// Reinforcement Learning". The baseline is the running mean of returns.

import type { Generator } from '../random/index.ts';
import { CriticFree, type CriticFreeConfig, mean, type RowWeighting } from './critic-free.ts';
import type { EpisodeSteps } from './episodes.ts';
import type { Policy } from './policy.ts';

export interface REINFORCEConfig extends CriticFreeConfig {
  /** Default 1e-3. */
  readonly learningRate?: number | undefined;
  /** Discount, 0 to 1. Default 1. */
  readonly gamma?: number | undefined;
  /** How much of the old baseline is kept at an update, 0 to 1. Default 0.9. */
  readonly baselineDecay?: number | undefined;
}

export class REINFORCE<R extends EpisodeSteps> extends CriticFree<R> {
  declare readonly config: REINFORCEConfig;
  /** The running mean of returns; undefined before the first update. */
  baseline: number | undefined;

  /** @param options.generator the stream that minibatches are shuffled with */
  constructor(policy: Policy<R>, config: REINFORCEConfig, options: { readonly generator: Generator }) {
    super(policy, { ...config, learningRate: config.learningRate ?? 1e-3 }, options);
  }

  /** A row's advantage is the discounted sum of the rewards from it on, minus the baseline. */
  protected override weigh(rollout: R): RowWeighting {
    const { gamma = 1, baselineDecay = 0.9 } = this.config;
    const advantages = new Float32Array(rollout.rows);
    for (const { firstRow, length } of rollout.episodes) {
      let sum = 0;
      for (let row = firstRow + length - 1; row >= firstRow; row--) {
        sum = rollout.rewards[row]! + gamma * sum;
        advantages[row] = sum;
      }
    }
    const now = mean(rollout.episodes.map((episode) => advantages[episode.firstRow]!));
    // What is not finite would stay in it for ever.
    if (Number.isFinite(now)) {
      this.baseline = this.baseline === undefined ? now : baselineDecay * this.baseline + (1 - baselineDecay) * now;
    }
    const { baseline = 0 } = this;
    for (let row = 0; row < rollout.rows; row++) advantages[row] = advantages[row]! - baseline;
    return { advantages };
  }
}
