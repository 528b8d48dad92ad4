// The metrics of an update's texts that were scored and held close to a reference.

import type { CollectedEpisode } from '../rl/index.ts';

/** What the last step of an episode in RLHFEnv says, where there is a reference. */
interface Compared {
  readonly rawReward: number;
  readonly score: number;
  readonly kl: number;
  readonly klCoef: number;
  readonly logProbs: readonly number[];
}

/** Of an update's texts, under TRL's names. Means over texts, unless said otherwise. */
export interface RlhfMetrics {
  /** objective/scores: what the reward said, less penalties. */
  readonly scores: number;
  /** Their standard deviation (of the population). */
  readonly scoreDeviation: number;
  /** objective/kl: the divergence of a whole text from the reference, in nats. */
  readonly kl: number;
  /** Of a token, over all tokens. */
  readonly klPerToken: number;
  /** The weight that it had. */
  readonly klCoef: number;
  /** objective/non_score_reward: what it cost. */
  readonly nonScoreReward: number;
  /** objective/rlhf_reward: the two together, which is what is maximised. */
  readonly rlhfReward: number;
  /** objective/entropy: minus the log-probability of a whole text. */
  readonly sequenceEntropy: number;
  /** val/num_eos_tokens: how many texts were ended by an end token. */
  readonly eosTokens: number;
}

/** The metrics of texts that were scored; without a reference only what there is of them, and of other episodes nothing. */
export function rlhfMetrics(episodes: readonly CollectedEpisode[]): Partial<RlhfMetrics> {
  const infos = episodes.map(({ info }) => info as unknown as Partial<Compared>);
  const scores = infos.map(({ score }) => score).filter((score) => score !== undefined);
  if (scores.length < episodes.length || scores.length === 0) return {};
  const center = mean(scores);
  const scored = {
    scores: center,
    scoreDeviation: Math.sqrt(mean(scores.map((score) => (score - center) ** 2))),
    rlhfReward: mean(episodes.map((episode) => episode.return)),
    eosTokens: episodes.filter(({ info }) => info['finishReason'] === 'eos').length,
  };
  if (infos.some(({ kl }) => kl === undefined)) return scored;
  const compared = infos as readonly Compared[];
  const kls = compared.map(({ kl }) => kl);
  return {
    ...scored,
    kl: mean(kls),
    klPerToken: sum(kls) / sum(episodes.map(({ length }) => length)),
    klCoef: compared[0]!.klCoef,
    nonScoreReward: mean(episodes.map((episode, i) => episode.return - compared[i]!.score)),
    sequenceEntropy: mean(compared.map(({ logProbs }) => -sum(logProbs))),
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}
