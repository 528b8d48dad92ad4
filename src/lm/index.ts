export {
  type ChatMessage,
  chatmlTemplate,
  type ChatOptions,
  ChatTemplateError,
  renderChat,
  renderWithAnswers,
  type Span,
} from './chat.ts';
export {
  DatasetError,
  type DatasetFormat,
  type DataRecord,
  type PreferenceExample,
  preferenceExample,
  type PreferenceOptions,
  type Preferences,
  type PreferenceText,
  readPreferences,
  type ReadPreferencesOptions,
  readRecords,
  type ReadOptions,
  recordError,
  recordsOf,
  requiredField,
  type SftExample,
  sftExample,
  splitRecords,
  type SplitRecordsOptions,
  streamRecords,
  textField,
} from './datasets/index.ts';
export {
  type FinishReason,
  generate,
  type GenerateOptions,
  type Generation,
  streamGenerate,
  type TokenEvent,
} from './generate.ts';
export { downloadModel, type DownloadOptions, type DownloadProgress } from './hub.ts';
export { HubError } from './hub-error.ts';
export type { Decodable, Decoder, DecoderOptions } from './kv-cache.ts';
export {
  applyLora,
  hasAdapters,
  loadLora,
  type LoraConfig,
  LoraLinear,
  mergeLora,
  saveLora,
  withoutAdapters,
} from './lora.ts';
export {
  CausalLM,
  type CheckpointRules,
  GPT2ForSequenceClassification,
  GPT2LMHeadModel,
  LlamaForCausalLM,
  LlamaForSequenceClassification,
  MODEL_TYPES,
  type ModelConfig,
  ModelError,
  type ModelType,
  PretrainedModel,
  Qwen2ForCausalLM,
  Qwen2ForSequenceClassification,
  type RawConfig,
  readConfig,
  SequenceClassifier,
} from './models/index.ts';
export {
  classifierFromCausalLM,
  classifierFromConfig,
  classifierFromPretrained,
  type ClassifierOptions,
  fromConfig,
  type FromConfigOptions,
  fromPretrained,
  savePretrained,
  type SaveOptions,
} from './pretrained.ts';
export {
  EqualScoresError,
  type NormalizeOptions,
  type RewardInput,
  RewardModel,
  type RewardModelOptions,
} from './reward-model.ts';
export type { ResizeOptions } from './resize-embeddings.ts';
export { logProbability, processLogits, type SampledToken, Sampler, type SamplingOptions } from './sampling.ts';
export { type AskedSequence, SequenceLogProbs, type SequenceLogProbsOptions } from './sequence-log-probs.ts';
export type { SpecialTokens } from './special-tokens.ts';
export type { TextStream } from './text-stream.ts';
export type { BatchOptions, TokenBatch } from './token-batch.ts';
export {
  type ApplyChatTemplateOptions,
  type DecodeOptions,
  type EncodeOptions,
  Tokenizer,
} from './tokenizer.ts';
export { TokenizerError } from './tokenizer-files.ts';
export {
  type ByteLevelOptions,
  characterTokenizer,
  type NewTokenizerOptions,
  trainByteLevelTokenizer,
  wordTokenizer,
} from './tokenizer-training.ts';
