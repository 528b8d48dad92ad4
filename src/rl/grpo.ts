// Group relative policy optimisation: episodes of a group begin alike, and an episode's advantage is how much better it ended than
// the others. Source: Shao et al. 2024, "DeepSeekMath", arXiv 2402.03300. Loss variants: DAPO (Yu et al. 2025, arXiv 2503.14476),
// Dr. GRPO (Liu et al. 2025, arXiv 2503.20783); names and defaults follow TRL's GRPOTrainer where they exist there.

import type { Generator } from '../random/index.ts';
import { CriticFree, type CriticFreeConfig, groupsToCompare, mean, type RowWeighting, spread } from './critic-free.ts';
import type { CollectedEpisode, EpisodeSteps } from './episodes.ts';
import type { Policy } from './policy.ts';

const LOSS_TYPES = ['grpo', 'bnpo', 'dapo', 'drGrpo'] as const;

export interface GRPOConfig extends CriticFreeConfig {
  /** Default 1e-6, as in TRL; small models want more, 1e-4 to 1e-3. */
  readonly learningRate?: number | undefined;
  /**
   * How rows are averaged:
   * - `grpo`: over each episode, then over episodes;
   * - `bnpo`: over all rows of the minibatch alike;
   * - `dapo`: summed, and divided by the minibatch's episodes times the mean length in the rollout, so that a row counts as much in
   *   whatever minibatch it is;
   * - `drGrpo`: summed, and divided by episodes times `maxLength`, so that length has no influence.
   *
   * Default `dapo`, as in TRL.
   */
  readonly lossType?: (typeof LOSS_TYPES)[number] | undefined;
  /** For `drGrpo`: the most steps an episode may have. */
  readonly maxLength?: number | undefined;
  /** What advantages are divided by: the deviation of returns in the group or in the batch, or nothing. Default `group`; `none` for `drGrpo`. */
  readonly scaleRewards?: 'group' | 'batch' | 'none' | undefined;
}

/** Added to the deviation that advantages are divided by. */
const DEVIATION_EPSILON = 1e-4;

export class GRPO<R extends EpisodeSteps> extends CriticFree<R> {
  declare readonly config: GRPOConfig;

  /** @param options.generator the stream that minibatches are shuffled with */
  constructor(policy: Policy<R>, config: GRPOConfig, options: { readonly generator: Generator }) {
    super(policy, { ...config, learningRate: config.learningRate ?? 1e-6 }, options);
    if (!LOSS_TYPES.includes(config.lossType ?? 'dapo')) {
      throw new RangeError(`lossType is '${config.lossType}', but must be one of ${LOSS_TYPES.join(', ')}`);
    }
    if (config.lossType === 'drGrpo' && !(config.maxLength! >= 1)) {
      throw new RangeError("lossType 'drGrpo' needs maxLength, the most steps an episode may have");
    }
  }

  protected override weigh(rollout: R): RowWeighting {
    const { lossType = 'dapo', maxLength } = this.config;
    const advantages = groupAdvantages(
      rollout.episodes,
      this.config.scaleRewards ?? (lossType === 'drGrpo' ? 'none' : 'group'),
    );
    const rows = spread(rollout.rows, rollout.episodes, (episode) => advantages.get(episode)!);
    if (lossType === 'grpo') {
      return { advantages: rows, weights: spread(rollout.rows, rollout.episodes, ({ length }) => 1 / length) };
    }
    if (lossType === 'bnpo') return { advantages: rows };
    const divisor = lossType === 'drGrpo' ? maxLength! : mean(rollout.episodes.map(({ length }) => length));
    return { advantages: rows, divisors: spread(rollout.rows, rollout.episodes, ({ length }) => divisor / length) };
  }
}

/** `(R - mean of the group) / (deviation + 1e-4)` of each episode. @throws RangeError if a group has one episode only */
function groupAdvantages(
  episodes: readonly CollectedEpisode[],
  scale: 'group' | 'batch' | 'none',
): Map<CollectedEpisode, number> {
  const batch = deviation(episodes);
  return new Map(
    groupsToCompare('GRPO', episodes).flatMap((group) => {
      const centre = mean(group.map((episode) => episode.return));
      const divisor = scale === 'none' ? 1 : (scale === 'group' ? deviation(group) : batch) + DEVIATION_EPSILON;
      return group.map((episode) => [episode, (episode.return - centre) / divisor] as const);
    }),
  );
}

/** The unbiased standard deviation of returns; 0 of a single one. */
function deviation(episodes: readonly CollectedEpisode[]): number {
  if (episodes.length < 2) return 0;
  const centre = mean(episodes.map((episode) => episode.return));
  return Math.sqrt(episodes.reduce((sum, episode) => sum + (episode.return - centre) ** 2, 0) / (episodes.length - 1));
}
