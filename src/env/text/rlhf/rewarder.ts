// What a text is worth to a policy that learns from human preferences: its score, at its end, and the cost of each token's divergence
// from a reference. Ziegler et al. 2019, "Fine-Tuning Language Models from Human Preferences", arXiv 1909.08593.

import type { RewardModel } from '../../../lm/reward-model.ts';
import type { MaybePromise } from '../../env.ts';
import { EnvError } from '../../errors.ts';
import type {
  EpisodeRewarder,
  PlayedEpisode,
  PlayingPolicy,
  RewardedEpisode,
  RewardingOptions,
} from '../episode-rewarder.ts';
import type { FinishReason } from '../text-episode.ts';
import { type KlController, type KlEstimator, klEstimators } from './kl.ts';
import type { Reference } from './reference.ts';
import type { BatchReward, RatedText } from './reward-source.ts';
import { whiten } from './whiten.ts';

export interface RlhfRewarderOptions {
  readonly reward: BatchReward;
  readonly reference: Reference;
  readonly klController: KlController;
  readonly klEstimator: KlEstimator;
  readonly whitenRewards: boolean;
  /** Taken from the score of a text that was cut off at `maxGeneration`. */
  readonly missingEosPenalty: number;
  /** The score of a text without the token to truncate at; null if there is no such token. */
  readonly truncationScore: number | null;
  readonly maxGeneration: number;
  /** Whether a reward that fails has a fallback. */
  readonly rewardMayFail: boolean;
}

/** A text's score, before and after what its form costs. */
export interface TextScores {
  /** What the reward said. */
  readonly rawReward: number;
  readonly score: number;
  /** Whether a fallback stands for what the reward would have said; undefined where a reward that fails ends the run. */
  readonly rewardFailed?: boolean | undefined;
}

/** What a run that goes on needs. */
export interface RewarderState {
  /** The weight of the divergence. */
  readonly coef: number;
  /** See {@link Reference.fingerprint}. */
  readonly reference: string | null;
}

/** Rewards finished texts, many at once. */
export class RlhfRewarder implements EpisodeRewarder {
  readonly klController: KlController;
  readonly reference: Reference;
  /** Tokens after which texts are cut off. */
  maxGeneration: number;
  readonly #options: RlhfRewarderOptions;

  constructor(options: RlhfRewarderOptions) {
    this.#options = options;
    this.klController = options.klController;
    this.maxGeneration = options.maxGeneration;
    this.reference = options.reference;
  }

  /** Reward models in memory that it asks. */
  get rewardModels(): readonly RewardModel[] {
    return this.#options.reward.models;
  }

  /** Folders of reward models that are opened when they are needed. */
  get rewardFolders(): readonly string[] {
    return this.#options.reward.folders;
  }

  connect(policy: PlayingPolicy): void {
    const trained = new Set(policy.trained);
    for (const { model } of this.#options.reward.models) {
      const both = [...model.namedParameters()].find(([, parameter]) => trained.has(parameter));
      if (both === undefined) continue;
      throw new EnvError(
        `${both[0]} is a weight of the reward model that policy or critic train, so what is rewarded would change as they learn: ` +
          'give them adapters (applyLora), or the reward model weights of its own',
      );
    }
    if (this.reference.exists) this.reference.connect(policy);
  }

  async reward(
    episodes: readonly PlayedEpisode[],
    { adapt, signal }: RewardingOptions,
  ): Promise<readonly RewardedEpisode[]> {
    const [scores, referenceLogProbs] = await Promise.all([
      this.scores(
        episodes.map(({ info }) => info as unknown as EndOfText),
        signal,
      ),
      this.#referenceLogProbs(episodes, signal),
    ]);
    const rewarded = episodes.map((episode, i) =>
      this.rewardOf(scores[i]!, ownTokens(episode), episode.logProbs, referenceLogProbs?.[i]),
    );
    if (adapt) this.adapt(rewarded.map(({ info }) => info['kl'] as number | undefined));
    if (!this.#options.whitenRewards) return rewarded;
    // The mean stays, so that a policy is not taught to fear texts that are merely worse than others of its own.
    const all = whiten(joined(rewarded.map(({ rewards }) => rewards)), { shiftMean: false });
    let row = 0;
    return rewarded.map((episode) => {
      const rewards = all.slice(row, row + episode.rewards.length);
      row += rewards.length;
      return { ...episode, rewards };
    });
  }

  /** The scores of finished texts, by the info of their last steps. */
  async scores(ends: readonly EndOfText[], signal?: AbortSignal): Promise<readonly TextScores[]> {
    const { reward, missingEosPenalty, truncationScore, rewardMayFail } = this.#options;
    const texts = ends.map(
      ({ prompt, completion, finishReason, generatedTokens }): RatedText => ({
        question: prompt,
        answer: '',
        prompt,
        completion,
        generatedTokens,
        maxGeneration: this.maxGeneration,
        truncated: finishReason === 'length',
      }),
    );
    const { values: raw, failed } = await reward.rate(texts, signal);
    const more = rewardMayFail ? { rewardFailed: failed } : {};
    return ends.map(({ finishReason }, i) => {
      const rawReward = raw[i]!;
      const judged = truncationScore !== null && finishReason !== 'finished' ? truncationScore : rawReward;
      return { rawReward, score: judged - (finishReason === 'length' ? missingEosPenalty : 0), ...more };
    });
  }

  /**
   * The rewards of an episode: what each token's divergence costs, and the score at the last. Without a reference only the score.
   *
   * @param completionIds the policy's own tokens
   * @param logProbs of them
   */
  rewardOf(
    { rawReward, score, rewardFailed }: TextScores,
    completionIds: Int32Array,
    logProbs: ArrayLike<number>,
    referenceLogProbs: ArrayLike<number> | undefined,
  ): RewardedEpisode {
    const rewards = new Float64Array(logProbs.length);
    const kls: number[] = [];
    for (let i = 0; i < rewards.length && referenceLogProbs !== undefined; i++) {
      kls.push(this.klOf(logProbs[i]!, referenceLogProbs[i]!));
      rewards[i] = this.costOf(kls[i]!);
    }
    rewards[rewards.length - 1]! += score;
    const compared = {
      kl: sum(kls),
      klCoef: this.klController.coef,
      logProbs: Array.from(logProbs),
      referenceLogProbs: Array.from(referenceLogProbs ?? []),
      tokenKls: kls,
    };
    return {
      rewards,
      return: sum(rewards),
      info: {
        rawReward,
        score,
        ...(rewardFailed === undefined ? {} : { rewardFailed }),
        completionIds,
        ...(referenceLogProbs === undefined ? {} : compared),
        tokenRewards: Array.from(rewards),
      },
    };
  }

  /** The divergence at one token, as it is estimated here. */
  klOf(logProb: number, referenceLogProb: number): number {
    return klEstimators[this.#options.klEstimator](logProb, referenceLogProb);
  }

  /** What a divergence costs, as a reward. */
  costOf(kl: number): number {
    // 0 - 0 rather than -0.
    return 0 - this.klController.coef * kl;
  }

  /** Adapts the coefficient to episodes that were played with it. */
  adapt(kls: readonly (number | undefined)[]): void {
    const known = kls.filter((kl) => kl !== undefined);
    if (known.length > 0) this.klController.update(sum(known) / known.length, known.length);
  }

  get state(): RewarderState {
    return { ...this.klController.state, reference: this.reference.fingerprint };
  }

  /** @throws EnvError if the reference has other weights than the one that the run began with */
  set state({ coef, reference }: RewarderState) {
    if (reference !== this.reference.fingerprint) {
      throw new EnvError(
        'the reference has other weights than when that run began: give the run the model that training began with (the checkpoint ' +
          'brings the trained weights), or its folder as refModel',
      );
    }
    this.klController.state = { coef };
  }

  #referenceLogProbs(
    episodes: readonly PlayedEpisode[],
    signal: AbortSignal | undefined,
  ): MaybePromise<readonly Float32Array[] | undefined> {
    if (!this.reference.exists) return undefined;
    const scorer = this.reference.scorer();
    return scorer instanceof Promise
      ? scorer.then((loaded) => loaded.of(episodes, { signal }))
      : scorer.of(episodes, { signal });
  }
}

/** What the info of an episode's last step says of its text. */
export interface EndOfText {
  readonly prompt: string;
  readonly completion: string;
  readonly finishReason: FinishReason;
  readonly generatedTokens: number;
}

function ownTokens({ tokens, positions }: PlayedEpisode): Int32Array {
  return positions.map((position) => tokens[position]!);
}

function sum(values: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i]!;
  return total;
}

function joined(parts: readonly Float64Array[]): Float64Array {
  const all = new Float64Array(parts.reduce((length, part) => length + part.length, 0));
  let row = 0;
  for (const part of parts) {
    all.set(part, row);
    row += part.length;
  }
  return all;
}
