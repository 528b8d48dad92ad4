// The architectures, by config.json's model_type.

import { uninitialized } from '../../nn/index.ts';
import { defaultRng, type Generator } from '../../random/index.ts';
import type { CausalLM } from './causal-lm.ts';
import type { ModelConfig, ModelType } from './config.ts';
import { GPT2ForSequenceClassification, GPT2LMHeadModel } from './gpt2.ts';
import { LlamaForCausalLM, LlamaForSequenceClassification } from './llama.ts';
import { Qwen2ForCausalLM, Qwen2ForSequenceClassification } from './qwen2.ts';
import type { SequenceClassifier } from './sequence-classifier.ts';

type Constructor<T> = new (config: ModelConfig, generator: Generator) => T;

const ARCHITECTURES: Readonly<
  Record<ModelType, { readonly causalLM: Constructor<CausalLM>; readonly classifier: Constructor<SequenceClassifier> }>
> = {
  gpt2: { causalLM: GPT2LMHeadModel, classifier: GPT2ForSequenceClassification },
  llama: { causalLM: LlamaForCausalLM, classifier: LlamaForSequenceClassification },
  qwen2: { causalLM: Qwen2ForCausalLM, classifier: Qwen2ForSequenceClassification },
};

/** A language model of fresh weights, drawn from `generator` as transformers initialises them. */
export function createCausalLM(config: ModelConfig, generator: Generator): CausalLM {
  return new ARCHITECTURES[config.modelType].causalLM(config, generator);
}

/** A language model of its own with the weights of another, which must have no adapters. */
export function copyCausalLM(model: CausalLM): CausalLM {
  const copy = uninitialized(() => createCausalLM(model.config, defaultRng(0)));
  copy.loadStateDict(model.stateDict());
  return copy;
}

/** A classifier of fresh weights, drawn from `generator` as transformers initialises them. */
export function createClassifier(config: ModelConfig, generator: Generator): SequenceClassifier {
  return new ARCHITECTURES[config.modelType].classifier(config, generator);
}
