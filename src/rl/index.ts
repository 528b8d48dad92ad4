export { ActionHead, actionHeadFor, type ActionRows } from './action-head.ts';
export { Bernoulli, Categorical, DiagonalGaussian, type Distribution, MultiCategorical } from './distributions.ts';
export { type Advantages, gae, type Trajectories } from './gae.ts';
export { MLPActorNetwork, MLPCriticNetwork, type MLPNetworkOptions } from './networks.ts';
export { ActorCriticPolicy, type ActorCriticPolicyOptions, type Network } from './actor-critic-policy.ts';
export type { Episode, Evaluation, Layout, Policy, StateValues, Steps } from './policy.ts';
export { PPO, type PPOConfig, type PPOMetrics, resolvePPOConfig, type ResolvedPPOConfig } from './ppo.ts';
export { type MinibatchMeans, NonFiniteError } from './update-totals.ts';
export {
  type CollectOptions,
  type Rollout,
  RolloutCollector,
  type StepListener,
} from './rollout.ts';
