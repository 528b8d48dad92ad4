// Rewards for length and against repetition.

import { gradeAnswer } from './answers.ts';
import { named, type RewardFunction } from './reward-function.ts';

/** Options of {@link lengthShaping}. Lengths are in tokens. */
export type LengthShapingOptions =
  | {
      /**
       * 0 up to `maxLength - cacheLength`, then falling evenly to -1 at `maxLength`. Yu et al. 2025, "DAPO", arXiv
       * 2503.14476, equation 13.
       */
      readonly shape: 'softOverlong';
      /** Default: the environment's `maxGeneration`. */
      readonly maxLength?: number | undefined;
      /** Default a fifth of `maxLength`, as the paper's 4096 of 20480. */
      readonly cacheLength?: number | undefined;
    }
  | {
      /**
       * Falls (or rises) along half a cosine, from the first number at length 0 to the second at `maxLength`; `overlong`
       * for what was cut off. Yeo et al. 2025, "Demystifying Long Chain-of-Thought Reasoning in LLMs", arXiv 2502.03373.
       */
      readonly shape: 'cosine';
      /** Default: the environment's `maxGeneration`. */
      readonly maxLength?: number | undefined;
      /** For right answers. Default `[2, 1]`: short is better. */
      readonly correct?: readonly [atZero: number, atMaxLength: number] | undefined;
      /** For wrong answers. Default `[-10, 0]`: longer tries are better. */
      readonly wrong?: readonly [atZero: number, atMaxLength: number] | undefined;
      /** Default -10. */
      readonly overlong?: number | undefined;
    };

/** A reward for the length of the completion. */
export function lengthShaping(options: LengthShapingOptions): RewardFunction {
  const { maxLength } = options;
  if (maxLength !== undefined && !(maxLength > 0)) {
    throw new RangeError(`lengthShaping: maxLength is ${maxLength}, but must be positive`);
  }
  if (options.shape === 'softOverlong') {
    return named('lengthShaping', (_completion, { generatedTokens, maxGeneration }) => {
      const longest = maxLength ?? maxGeneration;
      const cache = options.cacheLength ?? longest / 5;
      if (!(cache > 0 && cache <= longest)) {
        throw new RangeError(`cacheLength is ${cache}, but must be positive and at most maxLength ${longest}`);
      }
      return 0 - Math.min(1, Math.max(0, (generatedTokens - (longest - cache)) / cache));
    });
  }
  const { correct = [2, 1], wrong = [-10, 0], overlong = -10 } = options;
  return named('lengthShaping', (completion, { answer, generatedTokens, maxGeneration, truncated }) => {
    const longest = maxLength ?? maxGeneration;
    if (truncated || generatedTokens > longest) return overlong;
    const [atZero, atMaxLength] = gradeAnswer(completion, answer).correct ? correct : wrong;
    return atMaxLength + ((atZero - atMaxLength) * (1 + Math.cos((Math.PI * generatedTokens) / longest))) / 2;
  });
}

/** Options of {@link repetitionPenalty}. */
export interface RepetitionPenaltyOptions {
  /** Words in a phrase. Default 3. */
  readonly ngramSize?: number | undefined;
  /** The reward of a text that says one phrase for ever. Default -1. */
  readonly maxPenalty?: number | undefined;
}

/**
 * `maxPenalty` times the share of phrases (runs of `ngramSize` words) that were said before: 0 for a text without repetition.
 * After the n-gram penalty of Yeo et al. 2025, arXiv 2502.03373.
 */
export function repetitionPenalty({ ngramSize = 3, maxPenalty = -1 }: RepetitionPenaltyOptions = {}): RewardFunction {
  if (!(Number.isInteger(ngramSize) && ngramSize > 0)) {
    throw new RangeError(`repetitionPenalty: ngramSize is ${ngramSize}, but must be a whole number of 1 or more`);
  }
  if (!(maxPenalty <= 0))
    throw new RangeError(`repetitionPenalty: maxPenalty is ${maxPenalty}, but must not be positive`);
  return named('repetitionPenalty', (completion) => {
    const words = completion
      .toLowerCase()
      .split(/\s+/)
      .filter((word) => word !== '');
    const total = words.length - ngramSize + 1;
    if (total <= 0) return 0;
    const seen = new Set<string>();
    for (let i = 0; i < total; i++) seen.add(words.slice(i, i + ngramSize).join(' '));
    return 0 + maxPenalty * (1 - seen.size / total);
  });
}
