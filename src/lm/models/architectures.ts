// The architectures, by config.json's model_type.

import type { Generator } from '../../random/index.ts';
import type { CausalLM } from './causal-lm.ts';
import type { ModelConfig, ModelType } from './config.ts';
import { GPT2LMHeadModel } from './gpt2.ts';
import { LlamaForCausalLM } from './llama.ts';
import { Qwen2ForCausalLM } from './qwen2.ts';

const ARCHITECTURES: Readonly<Record<ModelType, new (config: ModelConfig, generator: Generator) => CausalLM>> = {
  gpt2: GPT2LMHeadModel,
  llama: LlamaForCausalLM,
  qwen2: Qwen2ForCausalLM,
};

/** A model of fresh weights, drawn from `generator` as transformers initialises them. */
export function createModel(config: ModelConfig, generator: Generator): CausalLM {
  return new ARCHITECTURES[config.modelType](config, generator);
}
