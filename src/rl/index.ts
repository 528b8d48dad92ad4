export { ActionHead, actionHeadFor, type ActionRows } from './action-head.ts';
export { Bernoulli, Categorical, DiagonalGaussian, type Distribution, MultiCategorical } from './distributions.ts';
export { type Advantages, gae, type Trajectories } from './gae.ts';
export { MLPActorNetwork, MLPCriticNetwork, type MLPNetworkOptions } from './networks.ts';
export { ActorCriticPolicy, type ActorCriticPolicyOptions, type Network } from './actor-critic-policy.ts';
export type { Episode, Evaluation, Layout, Policy, StateValues, Steps } from './policy.ts';
export { PPO, type PPOConfig, type PPOMetrics, resolvePPOConfig, type ResolvedPPOConfig } from './ppo.ts';
export {
  checkNonFinitePolicy,
  type MinibatchMeans,
  MOST_SKIPS,
  NonFiniteError,
  type NonFinitePolicy,
} from './update-totals.ts';
export {
  type CollectOptions,
  type Rollout,
  RolloutCollector,
  type StepListener,
} from './rollout.ts';
export {
  type CollectedEpisode,
  EpisodeCollector,
  type EpisodeOptions,
  type EpisodeRecorder,
  type EpisodeSteps,
  type EpisodicPolicy,
} from './episodes.ts';
export { CriticFree, type CriticFreeConfig, type CriticFreeMetrics, type RowWeighting } from './critic-free.ts';
export { GRPO, type GRPOConfig } from './grpo.ts';
export { LMActorNetwork, LMCriticNetwork } from './lm-networks.ts';
export type { LearnerState } from './surrogate.ts';
export { REINFORCE, type REINFORCEConfig } from './reinforce.ts';
export { RLOO, type RLOOConfig } from './rloo.ts';
export type { EpisodeRollout } from './step-recorder.ts';
export { TokenPolicy, type TokenPolicyOptions, type TokenRollout } from './token-policy.ts';
export { TokenSlots } from './token-slots.ts';
export {
  ABSENT,
  centeringLoss,
  dpoLoss,
  type DpoLossOptions,
  type DpoRows,
  preferenceLoss,
} from './preference-loss.ts';
