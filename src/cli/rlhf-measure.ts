// How good a model's texts are: by the rule that it never saw, by the reward model, and how far they are from where it began.

import { type CausalLM, type RewardModel, SequenceLogProbs } from '../lm/index.ts';
import type { WrittenText } from './rlhf-labels.ts';
import type { Rule } from './rlhf-setup.ts';

/** A mean and a standard deviation. */
export interface Spread {
  readonly mean: number;
  readonly deviation: number;
}

/** What texts come to. */
export interface Measured {
  /** By the rule; null where there is none. */
  readonly rule: Spread | null;
  /** By the reward model. */
  readonly reward: Spread;
  /** The mean divergence of a text from the model that it all began with, in nats. */
  readonly kl: number;
  /** The share that are sentences of the world that the examples are from; null if nobody can tell. */
  readonly sentences: number | null;
  readonly texts: readonly string[];
  /** What each text is worth: to the rule, or where there is none to the reward model. */
  readonly scores: readonly number[];
}

/** Measures texts. @param kl what is known of their divergence */
export async function measure(
  written: readonly WrittenText[],
  { reward, rule }: { readonly reward: RewardModel; readonly rule: Rule | null },
  kl: number,
): Promise<Measured> {
  const texts = written.map(({ text }) => text);
  const rewards = Array.from(await reward.score(texts));
  const rules = rule && texts.map((text) => rule.score(text));
  const belongs = rule?.belongs;
  return {
    rule: rules && spreadOf(rules),
    reward: spreadOf(rewards),
    kl,
    sentences: belongs === undefined ? null : mean(texts.map((text) => Number(belongs(text)))),
    texts,
    scores: rules ?? rewards,
  };
}

function spreadOf(values: readonly number[]): Spread {
  const average = mean(values);
  return { mean: average, deviation: Math.sqrt(mean(values.map((x) => (x - average) ** 2))) };
}

/**
 * The mean divergence of texts that `model` wrote from `reference`: the sum of log p - log q over their tokens.
 *
 * @param temperature that they were written at
 */
export async function divergence(
  written: readonly WrittenText[],
  model: CausalLM,
  reference: CausalLM,
  temperature = 1,
): Promise<number> {
  const asked = written.map(({ prompt, tokens }) => ({
    tokens: [...prompt, ...tokens],
    positions: tokens.map((_, i) => prompt.length + i),
  }));
  const totals = await Promise.all(
    [model, reference].map(async (each) => {
      const scorer = new SequenceLogProbs(each, { temperature });
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
