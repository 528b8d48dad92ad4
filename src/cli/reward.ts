// `gymformer reward`: from a model and preferences to a reward model; `gymformer score`: what it makes of texts.

import { createInterface } from 'node:readline';
import { RewardModel } from '../lm/index.ts';
import { type RewardResult, trainReward } from '../trainer/index.ts';
import { CliError, EXIT_USAGE } from './cli-error.ts';
import { lossText, runOnDataset } from './dataset-run.ts';
import { percent } from './format.ts';
import { modelFolderOf } from './generate-text.ts';
import { printable } from './printable.ts';
import { rewardRecipeSchema } from './reward-schema.ts';
import type { ScreenFlags } from './screen.ts';

/** Trains, and returns the exit code. */
export function reward(target: string, words: readonly string[], flags: ScreenFlags): Promise<number> {
  return runOnDataset(
    {
      kind: 'reward',
      doing: 'Training a reward model from',
      schema: rewardRecipeSchema,
      async train({ kind: _kind, model, dataset, resume, ...options }, hooks) {
        const modelName = await modelFolderOf(model);
        const result = await trainReward({
          ...options,
          ...hooks,
          modelName,
          datasetsPath: dataset,
          resumeCheckpoint: resume,
        });
        const { rewardModelPath, bestEvaluation } = result;
        return { result, model: rewardModelPath, found: found(result), more: { bestEvaluation } };
      },
      next: (folder) => [['Score texts', `score ${folder} --text '...' --text '...'`]],
    },
    target,
    words,
    flags,
  );
}

function found(result: RewardResult): string {
  const { bestEvaluation: best } = result;
  if (best === null) return lossText(result);
  const { step, loss, accuracy = 0, meanReciprocalRank = 0 } = best;
  const ranks = `mean reciprocal rank ${meanReciprocalRank.toFixed(3)}`;
  return `${lossText(result)}\nBest after step ${step}: the preferred text found in ${percent(accuracy)} of held-out rows; ${ranks}, loss ${loss.toFixed(4)}.`;
}

/** Flags of `gymformer score`. */
export interface ScoreFlags {
  readonly text?: readonly string[] | undefined;
  readonly json?: boolean | undefined;
}

/** Prints the scores of texts, or of the lines of standard input. */
export async function score(path: string, { text = [], json = false }: ScoreFlags): Promise<void> {
  const model = await RewardModel.fromPretrained(await modelFolderOf(path));
  const texts = text.length > 0 ? text : await linesOfInput();
  if (texts.length === 0)
    throw new CliError("There is no text: give one with --text '...', or lines on standard input", EXIT_USAGE);
  const scores = await model.score(texts);
  if (json) console.log(JSON.stringify(texts.map((line, i) => ({ text: line, score: scores[i] }))));
  else for (const [i, line] of texts.entries()) console.log(printable(`${scores[i]!.toFixed(4).padStart(9)}  ${line}`));
}

async function linesOfInput(): Promise<string[]> {
  if (process.stdin.isTTY) return [];
  const lines: string[] = [];
  for await (const line of createInterface({ input: process.stdin })) if (line !== '') lines.push(line);
  return lines;
}
