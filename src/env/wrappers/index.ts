export { AddRenderObservation, type AddRenderObservationOptions } from './add-render-observation.ts';
export { Autoreset } from './autoreset.ts';
export { ErrorGuard, type ErrorGuardOptions } from './error-guard.ts';
export { FrameStackObservation, type FrameStackObservationOptions } from './frame-stack-observation.ts';
export { HumanRendering } from './human-rendering.ts';
export { NormalizeObservation, type NormalizeObservationOptions } from './normalize-observation.ts';
export { NormalizeReward, type NormalizeRewardOptions, type NormalizeRewardState } from './normalize-reward.ts';
export { OrderEnforcing, type OrderEnforcingOptions } from './order-enforcing.ts';
export { PassiveEnvChecker } from './passive-env-checker.ts';
export {
  type EpisodeStatistics,
  RecordEpisodeStatistics,
  type RecordEpisodeStatisticsOptions,
} from './record-episode-statistics.ts';
export { RecordVideo, type RecordVideoOptions } from './record-video.ts';
export { RenderCollection, type RenderCollectionOptions } from './render-collection.ts';
export type { Bounds } from './rescale-box.ts';
export { RunningMeanStd, type RunningMeanStdState } from './running-mean-std.ts';
export { TimeAwareObservation, type TimeAwareObservationOptions } from './time-aware-observation.ts';
export { TimeLimit, type TimeLimitOptions } from './time-limit.ts';
export {
  ClipAction,
  RescaleAction,
  type RescaleActionOptions,
  TransformAction,
  type TransformActionOptions,
} from './transform-action.ts';
export {
  FlattenObservation,
  RescaleObservation,
  type RescaleObservationOptions,
  TransformObservation,
  type TransformObservationOptions,
} from './transform-observation.ts';
export {
  ClipReward,
  type ClipRewardOptions,
  TransformReward,
  type TransformRewardOptions,
} from './transform-reward.ts';
