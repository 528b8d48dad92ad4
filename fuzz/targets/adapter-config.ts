// adapter_config.json of PEFT, beside adapters that fit it.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { applyLora, fromConfig, loadLora, ModelError, saveLora } from '../../src/lm/index.ts';
import { SafetensorsError } from '../../src/nn/index.ts';
import type { Target } from '../target.ts';

const CONFIG = { model_type: 'gpt2', vocab_size: 16, n_positions: 8, n_embd: 4, n_layer: 1, n_head: 2 };
let written: Uint8Array = new Uint8Array();

const target: Target = {
  words: [
    '"peft_type":"LORA"',
    '"r":1000000000',
    '"target_modules":["c_attn"]',
    '"rank_pattern":{}',
    '"lora_alpha":1e308',
    '"use_rslora":true',
    '"target_modules":"((a|h|t|\\\\.)*)*x"',
  ],
  refusals: [ModelError, SafetensorsError],
  async prepare(folder) {
    const model = fromConfig(CONFIG, { seed: 1 });
    applyLora(model, { r: 2 });
    await saveLora(model, folder);
    written = Uint8Array.from(readFileSync(join(folder, 'adapter_config.json')));
  },
  seeds: () => [written],
  async read(bytes, folder) {
    writeFileSync(join(folder, 'adapter_config.json'), bytes);
    await loadLora(fromConfig(CONFIG, { seed: 1 }), folder);
  },
};
export default target;
