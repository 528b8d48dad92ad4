export {
  type FinishReason,
  generate,
  type GenerateOptions,
  type Generation,
  streamGenerate,
  type TokenEvent,
} from './generate.ts';
export type { Decodable, Decoder, DecoderOptions } from './kv-cache.ts';
export {
  applyLora,
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
  classifierFromConfig,
  classifierFromPretrained,
  type ClassifierOptions,
  fromConfig,
  type FromConfigOptions,
  fromPretrained,
  savePretrained,
  type SaveOptions,
} from './pretrained.ts';
export { logProbability, processLogits, type SampledToken, Sampler, type SamplingOptions } from './sampling.ts';
