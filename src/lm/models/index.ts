export { CausalLM, type CheckpointRules } from './causal-lm.ts';
export { MODEL_TYPES, type ModelConfig, ModelError, type ModelType, type RawConfig, readConfig } from './config.ts';
export { GPT2LMHeadModel } from './gpt2.ts';
export { LlamaForCausalLM } from './llama.ts';
export { Qwen2ForCausalLM } from './qwen2.ts';
