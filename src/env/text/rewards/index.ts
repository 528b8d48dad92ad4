export { extractAnswer, type Grade, gradeAnswer, parseNumber, TAGS } from './answers.ts';
export { DISTANCE_PENALTIES, distanceReward, exactMatch, formatReward } from './basic.ts';
export { type WeightedReward, weightedSum, withTimeout } from './combine.ts';
export { REWARD_NAMES, type RewardChoice, type RewardName, rewardOf } from './named-rewards.ts';
export {
  guardedReward,
  type RewardContext,
  RewardError,
  type RewardErrorPolicy,
  type RewardFunction,
} from './reward-function.ts';
export {
  lengthShaping,
  type LengthShapingOptions,
  repetitionPenalty,
  type RepetitionPenaltyOptions,
} from './shaping.ts';
export { symbolicEquality, type SymbolicEqualityOptions } from './symbolic-equality.ts';
