// Rewards that come after the episodes: for many of them at once, so that models which judge them run over whole batches.

import type { CausalLM } from '../../lm/models/index.ts';
import type { Info } from '../env.ts';

/** An episode that is over, as the policy played it. */
export interface PlayedEpisode {
  /** The whole text. */
  readonly tokens: Int32Array;
  /** Where the policy's own tokens stand, in order. */
  readonly positions: Int32Array;
  /** Their log-probabilities under the policy, when it drew them. */
  readonly logProbs: Float32Array;
  /** The info of its last step. */
  readonly info: Info;
}

/** What an episode was worth. */
export interface RewardedEpisode {
  /** What is learned from: a reward for each of the policy's own tokens. */
  readonly rewards: Float64Array;
  /** The sum of its rewards before they were scaled. */
  readonly return: number;
  /** Facts to add to the info of its last step. */
  readonly info: Info;
}

/** The policy that plays. */
export interface PlayingPolicy {
  readonly model: CausalLM;
  /** What its scores are divided by. */
  readonly temperature: number;
  /** How many tokens it chooses from: the model may have a few more rows. */
  readonly numTokens: number;
  /** The weights that are trained, its critic's too. */
  readonly trained: ReturnType<CausalLM['parameters']>;
}

/** How a rollout is rewarded. */
export interface RewardingOptions {
  /** Whether coefficients adapt to what was seen; not in evaluation. */
  readonly adapt: boolean;
  /** Nobody waits for the rewards any more: it may give up, and throw the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Rewards the finished episodes of a rollout. */
export interface EpisodeRewarder {
  /** Tells it who plays, before any weight changes. @throws EnvError if it cannot judge that policy */
  connect(policy: PlayingPolicy): void;
  /** The rewards of episodes, in their order. */
  reward(episodes: readonly PlayedEpisode[], options: RewardingOptions): Promise<readonly RewardedEpisode[]>;
  /** What changes as it rewards, for checkpoints: plain data. */
  state: unknown;
}
