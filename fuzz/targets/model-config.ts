// config.json of a Hugging Face folder, beside weights that fit it.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  classifierFromPretrained,
  fromConfig,
  fromPretrained,
  ModelError,
  savePretrained,
} from '../../src/lm/index.ts';
import { SafetensorsError } from '../../src/nn/index.ts';
import { bytesOf, type Target } from '../target.ts';

const gpt2 = { model_type: 'gpt2', vocab_size: 16, n_positions: 8, n_embd: 4, n_layer: 1, n_head: 2 };

const target: Target = {
  words: [
    '"qwen2"',
    '"llama"',
    '"torch_dtype":"bfloat16"',
    '"num_labels":3',
    '"eos_token_id":[1,2]',
    '"rope_scaling":null',
    '"sliding_window":4',
  ],
  refusals: [ModelError, SafetensorsError],
  async prepare(folder) {
    await savePretrained(fromConfig(gpt2, { seed: 1 }), folder);
  },
  seeds: () => [bytesOf(gpt2)],
  async read(bytes, folder) {
    writeFileSync(join(folder, 'config.json'), bytes);
    await fromPretrained(folder);
    await classifierFromPretrained(folder);
  },
};
export default target;
