// Language models whose every distribution is known, for episodes that can be computed by hand.

import { fromConfig } from '../../../../src/lm/index.ts';
import type { CausalLM } from '../../../../src/lm/models/index.ts';
import { characterTokenizer } from '../../../../src/lm/tokenizer-training.ts';

export const tokenizer = characterTokenizer('abc', { specialTokens: { eosToken: '<eos>' } });
export const [eos, a, b, c] = ['<eos>', 'a', 'b', 'c'].map((text) => {
  return tokenizer.encode(text, { addSpecialTokens: false })[0]!;
}) as [number, number, number, number];

/** A GPT-2 that gives each token its probability, whatever came before. Tokens that are not named are all but impossible. */
export function constantModel(probabilities: Readonly<Record<number, number>>, positions = 32): CausalLM {
  const size = tokenizer.vocabSize;
  const model = fromConfig({
    model_type: 'gpt2',
    vocab_size: size,
    n_embd: size,
    n_layer: 1,
    n_head: 1,
    n_positions: positions,
  });
  for (const [name, { storage }] of model.namedParameters()) {
    storage.data.fill(0);
    // The last norm gives its bias alone, which the head, an identity, hands on.
    if (name === 'transformer.wte.weight') for (let i = 0; i < size; i++) storage.data[i * size + i] = 1;
    if (name === 'transformer.ln_f.bias') {
      for (let i = 0; i < size; i++) storage.data[i] = Math.log(probabilities[i] ?? 1e-12);
    }
  }
  return model;
}
