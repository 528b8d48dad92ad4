export { type AdaptiveKl, KlController, type KlEstimator, klEstimators } from './kl.ts';
export type { Query, QueryRow } from './queries.ts';
export type { ReferenceModel } from './reference.ts';
export type { RewardEndpoint } from './reward-endpoint.ts';
export type { BatchRewardFunction, RewardSource, TextReward, TextScorer } from './reward-source.ts';
export { RLHFEnv, type RLHFEnvOptions, type TruncateAt } from './rlhf-env.ts';
export { RLHFVectorEnv, type RLHFVectorEnvOptions } from './rlhf-vector-env.ts';
export { RlhfRewarder } from './rewarder.ts';
export { whiten } from './whiten.ts';
