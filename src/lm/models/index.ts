export { CausalLM } from './causal-lm.ts';
export { MODEL_TYPES, type ModelConfig, ModelError, type ModelType, type RawConfig, readConfig } from './config.ts';
export { GPT2ForSequenceClassification, GPT2LMHeadModel } from './gpt2.ts';
export { LlamaForCausalLM, LlamaForSequenceClassification } from './llama.ts';
export { type CheckpointRules, PretrainedModel } from './pretrained-model.ts';
export { Qwen2ForCausalLM, Qwen2ForSequenceClassification } from './qwen2.ts';
export { SequenceClassifier } from './sequence-classifier.ts';
