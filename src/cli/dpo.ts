// `gymformer dpo`: from a language model and preferences to one that follows them.

import { type DpoResult, trainDpo } from '../trainer/index.ts';
import { lossText, runOnDataset } from './dataset-run.ts';
import { dpoRecipeSchema } from './dpo-schema.ts';
import { percent } from './format.ts';
import { loadLanguageModel } from './generate-text.ts';
import type { ScreenFlags } from './screen.ts';
import { finishedModel } from './sft.ts';

/** Trains, and returns the exit code. */
export function dpo(target: string, words: readonly string[], flags: ScreenFlags): Promise<number> {
  return runOnDataset(
    {
      kind: 'dpo',
      doing: 'Improving',
      schema: dpoRecipeSchema,
      async train({ kind: _kind, model: name, referenceModel: reference, ...options }, hooks) {
        const trainedBy = (options.memoryCheck ?? true) ? 'dpo' : undefined;
        const { model, tokenizer } = await loadLanguageModel(name, trainedBy);
        const referenceModel =
          reference === undefined ? undefined : (await loadLanguageModel(reference, trainedBy)).model;
        const result = await trainDpo({ ...options, ...hooks, model, referenceModel, tokenizer });
        const folder = await finishedModel(result, options.lora === undefined, tokenizer);
        return { result, model: folder, found: [lossText(result), ...marginText(result)].join('\n') };
      },
      next: (folder) => [['Let it write', `generate ${folder} --prompt '...'`]],
    },
    target,
    words,
    flags,
  );
}

/** How much better the chosen ones fare by now; nothing for a run without a step. */
function marginText({ evaluations, metrics }: DpoResult): string[] {
  const [evaluation, step] = [evaluations.at(-1), metrics.at(-1)];
  const last = evaluation ?? step;
  if (last === undefined) return [];
  const right = percent(last['rewards/accuracies'] ?? 0);
  const where = evaluation === undefined ? 'of the pairs in the last step' : 'of the pairs kept to evaluate on';
  const margin = (last['rewards/margins'] ?? 0).toFixed(4);
  return [`The chosen one gained more than the rejected in ${right} ${where}; mean margin ${margin}.`];
}
