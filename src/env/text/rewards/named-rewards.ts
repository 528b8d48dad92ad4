// Reward functions by name, for files and command lines.

import { closestMatch } from '../../close-matches.ts';
import { EnvError } from '../../errors.ts';
import { distanceReward, exactMatch, formatReward } from './basic.ts';
import { type WeightedReward, weightedSum } from './combine.ts';
import type { RewardFunction } from './reward-function.ts';
import { lengthShaping, repetitionPenalty } from './shaping.ts';
import { symbolicEquality } from './symbolic-equality.ts';

const REWARDS = {
  distance: () => distanceReward,
  exactMatch: () => exactMatch,
  format: () => formatReward,
  symbolicEquality: () => symbolicEquality(),
  softOverlong: () => lengthShaping({ shape: 'softOverlong' }),
  cosineLength: () => lengthShaping({ shape: 'cosine' }),
  repetitionPenalty: () => repetitionPenalty(),
} satisfies Record<string, () => RewardFunction>;

/** A reward function that has a name; each with its defaults. */
export type RewardName = keyof typeof REWARDS;

/** All names. */
export const REWARD_NAMES = Object.keys(REWARDS) as RewardName[];

/** A reward: a name, a function, or a list of them with weights. */
export type RewardChoice =
  | RewardName
  | RewardFunction
  | readonly (readonly [reward: RewardName | RewardFunction, weight: number])[];

/** Whether a text is the name of a reward function. */
export function isRewardName(name: string): name is RewardName {
  return Object.hasOwn(REWARDS, name);
}

/**
 * The function of a choice.
 *
 * @throws EnvError for unknown names, with the nearest known one
 */
export function rewardOf(choice: RewardChoice): RewardFunction {
  if (typeof choice === 'function') return choice;
  if (typeof choice === 'string') {
    if (isRewardName(choice)) return REWARDS[choice]();
    const nearest = closestMatch(choice, REWARD_NAMES);
    const hint = nearest === undefined ? `; there are ${REWARD_NAMES.join(', ')}` : `. Did you mean ${nearest}?`;
    throw new EnvError(`No reward function is called '${String(choice)}'${hint}`);
  }
  if (!Array.isArray(choice)) {
    throw new EnvError(`reward must be a name, a function or a list of [reward, weight], but is ${String(choice)}`);
  }
  return weightedSum(choice.map(([reward, weight]): WeightedReward => [rewardOf(reward), weight]));
}

/** Whether a choice needs right answers to be numbers. */
export function needsNumbers(choice: RewardChoice): boolean {
  if (typeof choice === 'string') return choice === 'distance';
  if (typeof choice === 'function') return choice === distanceReward;
  return choice.some(([reward]) => needsNumbers(reward));
}
