export { SyncVectorEnv, type SyncVectorEnvOptions } from './sync-vector-env.ts';
export {
  type ActionsOf,
  type AutoresetMode,
  type Batch,
  type ImmediateVectorEnv,
  type ObservationsOf,
  type VectorAnswer,
  VectorEnv,
  type VectorEnvMetadata,
  type VectorResetOptions,
  type VectorResetResult,
  type VectorStepResult,
} from './vector-env.ts';
export { VectorNormalizeObservation } from './vector-normalize-observation.ts';
export { VectorNormalizeReward, type VectorNormalizeRewardState } from './vector-normalize-reward.ts';
export { VectorRecordEpisodeStatistics } from './vector-record-episode-statistics.ts';
export {
  VectorActionWrapper,
  VectorObservationWrapper,
  VectorRewardWrapper,
  type VectorSpaces,
  VectorWrapper,
} from './vector-wrapper.ts';
