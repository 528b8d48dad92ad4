// model.safetensors.index.json: which file holds which weight.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromConfig, fromPretrained, ModelError, savePretrained } from '../../src/lm/index.ts';
import { SafetensorsError } from '../../src/nn/index.ts';
import { bytesOf, type Target } from '../target.ts';

const model = fromConfig(
  { model_type: 'gpt2', vocab_size: 16, n_positions: 8, n_embd: 4, n_layer: 1, n_head: 2 },
  { seed: 1 },
);

const target: Target = {
  words: ['"../model.safetensors"', '"/etc/passwd"', '"weight_map"', '"a\\u0000b"', '"."', '"config.json"'],
  refusals: [ModelError, SafetensorsError],
  async prepare(folder) {
    await savePretrained(model, folder);
    const { rename } = await import('node:fs/promises');
    await rename(join(folder, 'model.safetensors'), join(folder, 'part.safetensors'));
  },
  seeds: () => [
    bytesOf({
      metadata: { total_size: 1000 },
      weight_map: Object.fromEntries([...model.namedParameters()].map(([name]) => [name, 'part.safetensors'])),
    }),
  ],
  async read(bytes, folder) {
    writeFileSync(join(folder, 'model.safetensors.index.json'), bytes);
    await fromPretrained(folder);
  },
};
export default target;
