export type {
  CallbackAnswer,
  EpisodeEnd,
  RunCallbacks,
  RunStart,
  StepCallback,
  StepEvent,
  TrainCallbacks,
  TrainProgress,
  UpdateMetrics,
} from './callbacks.ts';
export {
  type Checkpoint,
  type CheckpointDetails,
  readCheckpoint,
  writeCheckpoint,
} from './checkpoint.ts';
export { type MemoryBudget, MemoryBudgetError, memoryText } from './memory-budget.ts';
export { CheckpointError, type Rescue, TrainingDivergedError, TrainingFailedError } from './errors.ts';
export { type DpoResult, trainDpo, type TrainDpoOptions } from './dpo.ts';
export { type EvaluatePolicyOptions, evaluatePolicy, type EvaluationResult } from './evaluate-policy.ts';
export {
  type Agent,
  type LoadPPOAgentOptions,
  loadPPOAgent,
  PPOAgent,
  type PPOAgentOptions,
  type SelectOptions,
} from './ppo-agent.ts';
export {
  type EvaluatedText,
  evaluateText,
  type EvaluateTextOptions,
  type TextEvaluation,
} from './evaluate-text.ts';
export type {
  ExampleEvaluation,
  ExampleCallbacks,
  ExampleOptions,
  ExampleProgress,
  ExampleResult,
  ExampleStoppedBy,
} from './example-options.ts';
export { latestCheckpoint, type LatestCheckpointOptions } from './latest-checkpoint.ts';
export { type RewardResult, trainReward, type TrainRewardOptions } from './reward.ts';
export { type SftResult, trainSft, type TrainSftOptions } from './sft.ts';
export type { SftFormat } from './sft-data.ts';
export type { CriticFreeAlgorithm, TextAlgorithm } from './algorithms.ts';
export type { CustomAlgorithm, Learner, LearnerContext, UpdateOptions } from './custom-algorithm.ts';
export type { EpisodeCallbacks, EpisodeFacts, EpisodeRunOptions } from './episode-run.ts';
export type { EnvTroubleOptions } from './environments.ts';
export type { RunOptions, RunResult, StoppedBy } from './run-options.ts';
export type { TextCallbacks, TrainTextOptions, TrainTextResult } from './text-run.ts';
export {
  trainAgent,
  type TrainAgentOptions,
  type TrainCriticFreeOptions,
  type TrainCriticFreeResult,
  type TrainCustomOptions,
  type TrainResult,
} from './train-agent.ts';
