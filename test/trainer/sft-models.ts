// Tiny language models for the tests of supervised fine-tuning.

import { type CausalLM, fromConfig } from '../../src/lm/index.ts';
import type { Tokenizer } from '../../src/lm/tokenizer.ts';
import { trainByteLevelTokenizer } from '../../src/lm/tokenizer-training.ts';
import { trainSft, type SftResult, type TrainSftOptions } from '../../src/trainer/index.ts';

/** One token a byte, and one for the end. */
export function byteTokenizer(): Tokenizer {
  return trainByteLevelTokenizer('', { specialTokens: { eosToken: '<|end|>', padToken: '<|pad|>' } });
}

/** A GPT-2 of two layers, the same every time. */
export function tinyGpt({ width = 32, context = 64 } = {}): CausalLM {
  const tokens = { vocab_size: 258, bos_token_id: 0, eos_token_id: 0 };
  const shape = { n_embd: width, n_layer: 2, n_head: 2, n_positions: context };
  return fromConfig({ model_type: 'gpt2', ...shape, ...tokens }, { seed: 1 });
}

/** A Llama of two layers whose heads share keys, the same every time. */
export function tinyLlama(): CausalLM {
  const heads = { hidden_size: 32, num_attention_heads: 4, num_key_value_heads: 2 };
  const shape = { ...heads, intermediate_size: 48, num_hidden_layers: 2, max_position_embeddings: 64 };
  return fromConfig({ model_type: 'llama', vocab_size: 258, ...shape, bos_token_id: 0, eos_token_id: 0 }, { seed: 1 });
}

/** Rows of many lengths. */
export const CAPITALS = [
  { prompt: 'Paris is in ', completion: 'France' },
  { prompt: 'Rome is in ', completion: 'Italy' },
  { prompt: 'Quito is in ', completion: 'Ecuador' },
  { prompt: 'Antananarivo is in ', completion: 'Madagascar' },
  { prompt: 'Oslo, ', completion: 'Norway' },
  { prompt: '', completion: 'Kathmandu is the capital of Nepal' },
  { prompt: 'Bern: ', completion: 'Switzerland' },
  { prompt: 'Lima: ', completion: 'Peru' },
] as const;

/** Trains for a few steps, without a run directory. */
export function tinySft(savePath: string, options: Partial<TrainSftOptions> = {}): Promise<SftResult> {
  return trainSft({
    model: tinyGpt(),
    tokenizer: byteTokenizer(),
    dataset: CAPITALS,
    maxSteps: 3,
    batchSize: 4,
    learningRate: 1e-3,
    seed: 5,
    runDirectory: null,
    savePath,
    ...options,
  });
}
