// Reward functions made of others.

import type { MaybePromise } from '../../env.ts';
import { within } from '../../within.ts';
import { guardedReward, named, nameOf, RewardError, type RewardFunction } from './reward-function.ts';

/** A reward function and its weight. */
export type WeightedReward = readonly [reward: RewardFunction, weight: number];

/** The sum of several rewards, each times its weight. Those that answer later are asked all at once. */
export function weightedSum(parts: readonly WeightedReward[]): RewardFunction {
  if (parts.length === 0) throw new RangeError('weightedSum needs at least one [reward, weight]');
  for (const [reward, weight] of parts) {
    if (!Number.isFinite(weight)) {
      throw new RangeError(`weightedSum: the weight of ${nameOf(reward)} is ${weight}, but must be a finite number`);
    }
  }
  // Guarded one by one, so that an error names the part that failed.
  const guarded = parts.map(([reward, weight]) => [guardedReward(reward), weight] as const);
  const name = `weightedSum(${parts.map(([reward, weight]) => `${weight} ${nameOf(reward)}`).join(', ')})`;
  return named(name, (completion, context) => {
    const values = guarded.map(([reward]) => reward(completion, context));
    const sum = (found: readonly number[]): number =>
      found.reduce((total, value, i) => total + value * guarded[i]![1], 0);
    return values.some(isPromise) ? Promise.all(values).then(sum) : sum(values as number[]);
  });
}

/**
 * A reward function that fails with a {@link RewardError} if its answer takes longer. One that never lets go of the thread
 * (an endless loop) cannot be stopped that way; its lateness is noticed afterwards.
 */
export function withTimeout(reward: RewardFunction, milliseconds: number): RewardFunction {
  if (!(milliseconds > 0)) throw new RangeError(`withTimeout: ${milliseconds} milliseconds; give a positive number`);
  return named(nameOf(reward), (completion, context) => {
    const tooLong = (): RewardError =>
      new RewardError(nameOf(reward), completion, `it took longer than ${milliseconds} ms`);
    const started = performance.now();
    const value = reward(completion, context);
    if (!isPromise(value)) {
      if (performance.now() - started > milliseconds) throw tooLong();
      return value;
    }
    return within(value, milliseconds, tooLong);
  });
}

function isPromise(value: MaybePromise<number>): value is Promise<number> {
  return value instanceof Promise;
}
