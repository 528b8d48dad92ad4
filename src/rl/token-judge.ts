// Rewarding whole token episodes after they were played: what judges them then reads a rollout in a few large batches.

import { type Env, EnvError, ErrorGuard, OrderEnforcing, PassiveEnvChecker, Wrapper } from '../env/index.ts';
import { type EpisodeRewarder, type PlayingPolicy, type RewardingOptions, TextEnv } from '../env/text/index.ts';
import type { CollectedEpisode, RolloutJudge } from './episodes.ts';
import type { TokenRollout } from './token-policy.ts';

/**
 * What judges the episodes of environments that leave rewards for later; null if they reward each episode as it ends.
 *
 * @throws EnvError if only some do, if a wrapper around them would not see the rewards, or if they cannot judge this policy
 */
export function judgeOf(envs: readonly Env[], policy: PlayingPolicy): RolloutJudge<TokenRollout> | null {
  const rewarders = envs.map((env) => (env.unwrapped instanceof TextEnv ? env.unwrapped.deferRewards() : null));
  const [first] = rewarders;
  if (first == null) return null;
  if (rewarders.includes(null)) {
    throw new EnvError('some of these environments reward their episodes later and others at once: play them apart');
  }
  for (const env of envs) checkWrappers(env);
  // The environments are alike, so the first one's rewarder speaks for all: one reference, one coefficient.
  first.connect(policy);
  return {
    judged: (rollout, options) => judged(rollout, first, options),
    get state() {
      return first.state;
    },
    set state(state) {
      first.state = state;
    },
  };
}

async function judged(
  rollout: TokenRollout,
  rewarder: EpisodeRewarder,
  options: RewardingOptions,
): Promise<TokenRollout> {
  const { sequences, episodes, logProbs } = rollout;
  const rewarded = await rewarder.reward(
    sequences.map(({ tokens, positions, firstRow }, i) => ({
      tokens,
      positions,
      logProbs: logProbs.subarray(firstRow, firstRow + positions.length),
      info: episodes[i]!.info,
    })),
    options,
  );
  const rewards = new Float64Array(rollout.rows);
  const told = episodes.map((episode, i): CollectedEpisode => {
    const { rewards: own, return: total, info } = rewarded[i]!;
    rewards.set(own, episode.firstRow);
    return { ...episode, return: total, info: { ...episode.info, ...info } };
  });
  return { ...rollout, rewards, episodes: told };
}

/** Wrappers that rewards have no need to pass. */
const LET_THROUGH = [PassiveEnvChecker, OrderEnforcing, ErrorGuard];

function checkWrappers(env: Env): void {
  for (let layer = env; layer instanceof Wrapper; layer = layer.env) {
    if (LET_THROUGH.some((wrapper) => layer instanceof wrapper)) continue;
    throw new EnvError(
      `${layer.constructor.name} stands around ${env.unwrapped}, whose rewards come after the episodes and pass by it: leave it out`,
    );
  }
}
