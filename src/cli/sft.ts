// `gymformer sft`: from a model and examples to a fine-tuned model.

import { join } from 'node:path';
import { type CausalLM, mergeLora, savePretrained, type Tokenizer } from '../lm/index.ts';
import { trainSft } from '../trainer/index.ts';
import { lossText, runOnDataset } from './dataset-run.ts';
import { loadLanguageModel } from './generate-text.ts';
import type { ScreenFlags } from './screen.ts';
import { sftRecipeSchema } from './sft-schema.ts';

/** Fine-tunes, and returns the exit code. */
export function sft(target: string, words: readonly string[], flags: ScreenFlags): Promise<number> {
  return runOnDataset(
    {
      kind: 'sft',
      doing: 'Fine-tuning',
      schema: sftRecipeSchema,
      async train({ kind: _kind, model: name, ...options }, hooks) {
        const { model, tokenizer } = await loadLanguageModel(name);
        const result = await trainSft({ ...options, ...hooks, model, tokenizer });
        const folder =
          options.lora === undefined ? result.modelFolder : await saveMerged(model, tokenizer, hooks.runDirectory);
        return { result, model: folder, found: lossText(result) };
      },
      next: (folder) => [['Let it write', `generate ${folder} --prompt '...'`]],
    },
    target,
    words,
    flags,
  );
}

/** Adds adapters to the model's weights and saves it in a run's directory. */
export async function saveMerged(model: CausalLM, tokenizer: Tokenizer, runDirectory: string): Promise<string> {
  mergeLora(model);
  const folder = join(runDirectory, 'model');
  await savePretrained(model, folder, { tokenizer });
  return folder;
}
