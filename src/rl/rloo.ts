// REINFORCE leave-one-out: an episode's baseline is the mean return of the others of its group.
// Sources: Kool et al. 2019, "Buy 4 REINFORCE Samples, Get a Baseline for Free!"; Ahmadian et al. 2024, arXiv 2402.14740.

import type { Generator } from '../random/index.ts';
import { CriticFree, type CriticFreeConfig, groupsToCompare, mean, type RowWeighting, spread } from './critic-free.ts';
import type { CollectedEpisode, EpisodeSteps } from './episodes.ts';
import type { Policy } from './policy.ts';

export interface RLOOConfig extends CriticFreeConfig {
  /** Default 1e-6, as in TRL; small models want more, 1e-4 to 1e-3. */
  readonly learningRate?: number | undefined;
  /** Divide advantages by their deviation over the batch. Default false. */
  readonly normalizeAdvantages?: boolean | undefined;
}

/**
 * The gradient is the mean over episodes of the advantage times the sum of the rows' gradients. Where the policy has moved since the
 * rollout (more than one epoch or minibatch), each row's own ratio is clipped, as in PPO; TRL's RLOOTrainer clips the one ratio of the
 * whole episode, which grows with its length. In the first step both are the same.
 */
export class RLOO<R extends EpisodeSteps> extends CriticFree<R> {
  declare readonly config: RLOOConfig;

  /** @param options.generator the stream that minibatches are shuffled with */
  constructor(policy: Policy<R>, config: RLOOConfig, options: { readonly generator: Generator }) {
    super(policy, { ...config, learningRate: config.learningRate ?? 1e-6 }, options);
  }

  protected override weigh(rollout: R): RowWeighting {
    const advantages = leaveOneOut(rollout.episodes);
    if (this.config.normalizeAdvantages) {
      const all = [...advantages.values()];
      const centre = mean(all);
      const deviation = Math.sqrt(all.reduce((sum, a) => sum + (a - centre) ** 2, 0) / Math.max(1, all.length - 1));
      for (const [episode, advantage] of advantages) advantages.set(episode, (advantage - centre) / (deviation + 1e-4));
    }
    return {
      advantages: spread(rollout.rows, rollout.episodes, (episode) => advantages.get(episode)!),
      divisors: spread(rollout.rows, rollout.episodes, ({ length }) => 1 / length),
    };
  }
}

/** `R - mean of the others' R` of each episode. @throws RangeError if a group has one episode only */
function leaveOneOut(episodes: readonly CollectedEpisode[]): Map<CollectedEpisode, number> {
  return new Map(
    groupsToCompare('RLOO', episodes).flatMap((group) => {
      const total = group.reduce((sum, episode) => sum + episode.return, 0);
      return group.map((episode) => {
        const others = (total - episode.return) / (group.length - 1);
        return [episode, episode.return - others] as const;
      });
    }),
  );
}
