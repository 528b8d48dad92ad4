// How good a model's texts are: by the rule that it never saw, by the reward model, and how far they are from where it began.

import { descriptiveness, isScene } from '../env/text/index.ts';
import { type CausalLM, type RewardModel, SequenceLogProbs } from '../lm/index.ts';
import type { WrittenText } from './rlhf-labels.ts';

/** What texts come to. */
export interface Measured {
  /** The rule: mean and standard deviation. */
  readonly rule: number;
  readonly ruleDeviation: number;
  /** The reward model's mean. */
  readonly reward: number;
  /** The mean divergence of a text from the fine-tuned model, in nats. */
  readonly kl: number;
  /** The share that are sentences of the world that they are from. */
  readonly sentences: number;
  readonly texts: readonly string[];
}

/** Measures texts. @param kl what is known of their divergence */
export async function measure(written: readonly WrittenText[], reward: RewardModel, kl: number): Promise<Measured> {
  const texts = written.map(({ text }) => text);
  const rules = texts.map(descriptiveness);
  const rewards = await reward.score(texts);
  const rule = mean(rules);
  return {
    rule,
    ruleDeviation: Math.sqrt(mean(rules.map((x) => (x - rule) ** 2))),
    reward: mean(rewards),
    kl,
    sentences: mean(texts.map((text) => Number(isScene(text)))),
    texts,
  };
}

/** The mean divergence of texts that `model` wrote from `reference`: the sum of log p - log q over their tokens. */
export async function divergence(
  written: readonly WrittenText[],
  model: CausalLM,
  reference: CausalLM,
): Promise<number> {
  const asked = written.map(({ prompt, tokens }) => ({
    tokens: [...prompt, ...tokens],
    positions: tokens.map((_, i) => prompt.length + i),
  }));
  const totals = await Promise.all(
    [model, reference].map(async (each) => {
      const scorer = new SequenceLogProbs(each);
      const logProbs = await scorer.of(asked);
      scorer.release();
      return logProbs.reduce((sum, row) => row.reduce((total, logProb) => total + logProb, sum), 0);
    }),
  );
  return (totals[0]! - totals[1]!) / written.length;
}

/** Of each `n` texts in a row the one that the reward model likes best. */
export async function bestOfN(written: readonly WrittenText[], n: number, reward: RewardModel): Promise<WrittenText[]> {
  const scores = await reward.score(written.map(({ text }) => text));
  return Array.from({ length: written.length / n }, (_, i) => {
    const own = scores.subarray(i * n, (i + 1) * n);
    return written[i * n + own.indexOf(Math.max(...own))]!;
  });
}

/**
 * How far the best of n drawn texts is from one, at most: `log n - (n - 1) / n`. Stiennon et al. 2020, arXiv 2009.01325, appendix G.3.
 */
export function bestOfNDivergence(n: number): number {
  return Math.log(n) - (n - 1) / n;
}

function mean(values: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i]!;
  return total / values.length;
}
