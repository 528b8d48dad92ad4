// `gymformer sft`: from a model and examples to a fine-tuned model.

import { join } from 'node:path';
import { mergeLora, savePretrained, type Tokenizer } from '../lm/index.ts';
import { type SftResult, trainSft } from '../trainer/index.ts';
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
        const { model, tokenizer } = await loadLanguageModel(name, (options.memoryCheck ?? true) ? 'sft' : undefined);
        const result = await trainSft({ ...options, ...hooks, model, tokenizer });
        const folder = await finishedModel(result, options.lora === undefined, tokenizer);
        return { result, model: folder, found: lossText(result) };
      },
      next: (folder) => [['Let it write', `generate ${folder} --prompt '...'`]],
    },
    target,
    words,
    flags,
  );
}

/** Where a trained model is: its last checkpoint; if it has adapters, the run's `model/`, in which they are added to the weights. */
export async function finishedModel(
  { model, modelFolder, stoppedBy, runDirectory }: SftResult,
  isWhole: boolean,
  tokenizer: Tokenizer,
): Promise<string | null> {
  if (isWhole) return modelFolder === '' ? null : modelFolder;
  // Adapters of a run that is to go on are saved as they are.
  if (stoppedBy === 'signal') return null;
  mergeLora(model);
  const folder = join(runDirectory!, 'model');
  await savePretrained(model, folder, { tokenizer });
  return folder;
}
