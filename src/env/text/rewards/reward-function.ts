// What a reward function is, and what happens when one fails.

import type { MaybePromise } from '../../env.ts';
import { EnvError } from '../../errors.ts';
import { warn } from '../../warnings.ts';

/** What a reward function knows besides the completion. */
export interface RewardContext {
  readonly question: string;
  /** The right answer. */
  readonly answer: string;
  /** The text before the completion. */
  readonly prompt: string;
  /** How many tokens the agent wrote. */
  readonly generatedTokens: number;
  /** How many it may write. */
  readonly maxGeneration: number;
  /** Whether it was cut off at that. */
  readonly truncated: boolean;
}

/** Rates a finished completion. Its `name` is what errors call it. */
export type RewardFunction = (completion: string, context: RewardContext) => MaybePromise<number>;

/** A reward function failed: it threw, took too long, or gave no finite number. `cause` is what it threw. */
export class RewardError extends EnvError {
  /** The name of the reward function. */
  readonly rewardName: string;
  /** The text it should have rated. */
  readonly completion: string;

  constructor(rewardName: string, completion: string, problem: string, options?: ErrorOptions) {
    super(`reward ${rewardName}: ${problem}; the completion was ${excerpt(completion)}`, options);
    this.rewardName = rewardName;
    this.completion = completion;
  }
}

/** What to do when a reward function fails: throw its {@link RewardError}, or warn and go on with a value. */
export type RewardErrorPolicy = 'throw' | { readonly fallback: number };

/**
 * A reward function that fails in one way only: with a {@link RewardError} that names it and the completion; or, given a
 * fallback, not at all: then it gives that value and warns with a count, at failures 1, 10, 100 and so on.
 */
export function guardedReward(reward: RewardFunction, policy: RewardErrorPolicy = 'throw'): RewardFunction {
  let failures = 0;
  const failed = (error: unknown, completion: string): number => {
    const known = error instanceof RewardError;
    const explained = known
      ? error
      : new RewardError(nameOf(reward), completion, `it threw ${String(error)}`, { cause: error });
    if (policy === 'throw') throw explained;
    failures += 1;
    if (Number.isInteger(Math.log10(failures))) {
      warn(`${explained.message}; failure ${failures}, rewarded with ${policy.fallback}`);
    }
    return policy.fallback;
  };
  const checked = (value: unknown, completion: string): number => {
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    throw new RewardError(nameOf(reward), completion, `it gave ${String(value)}, which is no finite number`);
  };
  return named(nameOf(reward), (completion, context) => {
    try {
      const value = reward(completion, context);
      if (!(value instanceof Promise)) return checked(value, completion);
      return value.then((later) => checked(later, completion)).catch((error: unknown) => failed(error, completion));
    } catch (error) {
      return failed(error, completion);
    }
  });
}

/** A reward function under a name. */
export function named(name: string, reward: RewardFunction): RewardFunction {
  return Object.defineProperty(reward, 'name', { value: name });
}

/** What errors call a reward function. */
export function nameOf(reward: RewardFunction): string {
  return reward.name === '' ? 'without a name' : reward.name;
}

function excerpt(text: string): string {
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 100)} ... ${text.slice(-90)}` : text);
}
