import './register.ts';

export { CoTEnv, type CoTEnvOptions, type WorkedExample } from './cot-env.ts';
export type {
  EpisodeRewarder,
  PlayedEpisode,
  PlayingPolicy,
  RewardedEpisode,
  RewardingOptions,
} from './episode-rewarder.ts';
export * from './generators/index.ts';
export {
  type Problem,
  type ProblemRow,
  ProblemsError,
  readProblems,
  type ReadProblemsOptions,
  type SplitOptions as SplitProblemsOptions,
  splitProblems,
  type WorkedProblem,
} from './problems.ts';
export { DEFAULT_FEW_SHOT, DEFAULT_SYSTEM_MESSAGE, DEFAULT_TEMPLATE } from './prompt-format.ts';
export * from './rewards/index.ts';
export * from './rlhf/index.ts';
export {
  TextEnv,
  type TextEnvOptions,
  type TextPrompt,
  type TextScore,
  type TextState,
  type TokenSequence,
} from './text-env.ts';
export type {
  FinishReason as TextFinishReason,
  SavedEpisode as SavedTextEpisode,
  TextEpisode,
} from './text-episode.ts';
export type { TextMessage, TextTokenizer } from './text-tokenizer.ts';
