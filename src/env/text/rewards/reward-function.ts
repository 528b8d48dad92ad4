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

/** How a reward function may fail. */
export interface RewardRules {
  /** Default `throw`. */
  readonly errors?: RewardErrorPolicy | undefined;
  /** Times that it is asked again before it counts as failed. Default 0. */
  readonly retries?: number | undefined;
}

/** What a guarded reward function gave; `failed` if it is the fallback. */
export interface GuardedReward {
  readonly reward: number;
  readonly failed: boolean;
}

/** @throws RangeError for a number of retries that cannot be */
export function checkRetries(retries: number): void {
  if (Number.isInteger(retries) && retries >= 0) return;
  throw new RangeError(`rewardRetries is ${retries}, but must be a whole number of 0 or more`);
}

/**
 * A reward function that fails in one way only: with a {@link RewardError} that names it and the completion; or, given a
 * fallback, not at all: then it gives that value and warns with a count, at failures 1, 10, 100 and so on.
 */
export function guardedReward(reward: RewardFunction, errors: RewardErrorPolicy = 'throw'): RewardFunction {
  const guarded = guardReward(reward, { errors });
  return named(nameOf(reward), (completion, context) => {
    const answer = guarded(completion, context);
    return answer instanceof Promise ? answer.then((later) => later.reward) : answer.reward;
  });
}

/** {@link guardedReward} that says whether it failed. */
export function guardReward(
  reward: RewardFunction,
  { errors: policy = 'throw', retries = 0 }: RewardRules,
): (completion: string, context: RewardContext) => MaybePromise<GuardedReward> {
  checkRetries(retries);
  let failures = 0;
  const failed = (error: unknown, completion: string): GuardedReward => {
    const known = error instanceof RewardError;
    const explained = known
      ? error
      : new RewardError(nameOf(reward), completion, `it threw ${String(error)}`, { cause: error });
    if (policy === 'throw') throw explained;
    failures += 1;
    if (Number.isInteger(Math.log10(failures))) {
      warn(`${explained.message}; failure ${failures}, rewarded with ${policy.fallback}`);
    }
    return { reward: policy.fallback, failed: true };
  };
  const checked = (value: unknown, completion: string): GuardedReward => {
    if (typeof value === 'number' && Number.isFinite(value)) return { reward: value, failed: false };
    throw new RewardError(nameOf(reward), completion, `it gave ${String(value)}, which is no finite number`);
  };
  const ask = (completion: string, context: RewardContext, left: number): MaybePromise<GuardedReward> => {
    const again = (error: unknown): MaybePromise<GuardedReward> =>
      left > 0 ? ask(completion, context, left - 1) : failed(error, completion);
    try {
      const value = reward(completion, context);
      if (!(value instanceof Promise)) return checked(value, completion);
      return value.then((later) => checked(later, completion)).catch(again);
    } catch (error) {
      return again(error);
    }
  };
  return (completion, context) => ask(completion, context, retries);
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
