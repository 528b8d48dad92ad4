// The lines of completions.jsonl: what a language model wrote in a rollout, what came of it, and what was measured of each token.

import { klEstimators } from '../env/text/index.ts';
import type { TokenRollout } from '../rl/index.ts';
import type { CompletionRow } from '../tracking/index.ts';
import type { TokenTexts } from './token-texts.ts';

/** What a rollout does not say of its texts. */
export interface CompletionFacts {
  /** The update that learns from them. */
  readonly update: number;
  /** The number of the first; 1 is the first of the run. */
  readonly firstEpisode: number;
  /** Undefined if nothing is known of the tokens' texts. */
  readonly tokenTexts: TokenTexts | undefined;
  /** What an algorithm's reference says of the rows, if it has one. */
  readonly referenceLogProbs: Float32Array | undefined;
}

/** The line of each text. Numbers of tokens are given to six decimals. */
export function completionRows(rollout: TokenRollout, facts: CompletionFacts): CompletionRow[] {
  const { update, firstEpisode, tokenTexts } = facts;
  return rollout.episodes.map(({ info, return: total, length, group }, i): CompletionRow => {
    const { prompt, completion, finishReason, correct, generatedAnswer: answer, correctAnswer } = info;
    const { rawReward, score, kl, klCoef } = info;
    const { tokens, positions } = rollout.sequences[i]!;
    const completionIds = Array.from(positions, (position) => tokens[position]!);
    const counted = { update, episode: firstEpisode + i, return: total, tokens: length, group };
    const told = { prompt, completion, finishReason, correct, answer, correctAnswer, rawReward, score, kl, klCoef };
    const texts = { completionIds, tokenTexts: tokenTexts?.of(completionIds) };
    // What an environment tells is as it says; readers check.
    return { ...counted, ...(told as Told), ...texts, ...measures(rollout, i, facts) };
  });
}

type Told = Pick<CompletionRow, 'prompt' | 'completion' | 'finishReason'>;
type TokenMeasures = Required<Pick<CompletionRow, 'logProbs' | 'referenceLogProbs' | 'tokenKls' | 'tokenRewards'>>;

/** The lists of numbers. An environment that compares with a reference itself tells of it in the last step's info. */
function measures(rollout: TokenRollout, i: number, facts: CompletionFacts): Partial<TokenMeasures> {
  const { info, firstRow, length } = rollout.episodes[i]!;
  const rows = <A extends Float32Array | Float64Array>(values: A): A =>
    values.subarray(firstRow, firstRow + length) as A;
  const logProbs = rows(rollout.logProbs);
  const reference = facts.referenceLogProbs && rows(facts.referenceLogProbs);
  const found: Partial<Record<keyof TokenMeasures, ArrayLike<number>>> = {
    logProbs,
    ...(reference && {
      referenceLogProbs: reference,
      // As the loss of these algorithms estimates it.
      tokenKls: reference.map((logProb, k) => klEstimators.k3(logProbs[k]!, logProb)),
    }),
    tokenRewards: rows(rollout.rewards),
  };
  const names = ['logProbs', 'referenceLogProbs', 'tokenKls', 'tokenRewards'] as const;
  const lists = names.flatMap((name) => {
    const values = (info[name] as ArrayLike<number> | undefined) ?? found[name];
    return values === undefined ? [] : [[name, Array.from(values, rounded)] as const];
  });
  return Object.fromEntries(lists);
}

function rounded(value: number): number {
  return Math.round(1e6 * value) / 1e6;
}
