// Whether the same seed gives the same bits: again, on one thread and on two. Of the small runs of the tests, and of recipes with models of
// their real sizes, whose matrices are large enough to be shared between threads.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { bundleOf } from './bundle.ts';
import { difference } from './compare.ts';
import { FOLDER } from './results.ts';
import { commandOf, type Ended, prepare, started, TRAINERS } from './tiny-runs.ts';

/** What came of one kind of run. */
export interface Repeated {
  readonly what: string;
  /** What differs between two runs on one thread, on two threads, and on one and on two; null for nothing. */
  readonly one: string | null;
  readonly two: string | null;
  readonly oneAndTwo: string | null;
}

/** Recipes, made short: each trains a model in all of its stages. */
const RECIPES: Readonly<Record<string, string>> = {
  'cartpole.yaml': '--totalSteps 8192 --network.hiddenDim 256 --evaluation.episodes 0',
  'cot-arithmetic.yaml': '--sft.maxSteps 20 --rl.maxEpisodes 512 --evaluation.problems 32',
  'cot-arithmetic-grpo.yaml': '--sft.maxSteps 20 --rl.maxEpisodes 512 --evaluation.problems 32',
  'rlhf-descriptiveness.yaml':
    '--sft.maxSteps 20 --preferences.count 128 --reward.epochs 1 --rl.maxEpisodes 512 --evaluation.texts 32',
};

/** Runs everything twice on one thread and twice on two. */
export async function threads(): Promise<Repeated[]> {
  await prepare();
  const folder = join(FOLDER, 'threads');
  rmSync(folder, { recursive: true, force: true });
  const found: Repeated[] = [];
  for (const name of TRAINERS) found.push(await repeated(name, folder, (run) => commandOf(name, run)));
  for (const [recipe, words] of Object.entries(RECIPES)) {
    const command = (run: string): readonly [string, ...string[]] => {
      const train = ['train', `recipes/${recipe}`, '--runDirectory', run, ...words.split(' ')];
      return [process.execPath, bundleOf('command'), ...train];
    };
    found.push(await repeated(`recipes/${recipe}`, folder, command));
  }
  return found;
}

async function repeated(
  what: string,
  folder: string,
  command: (run: string) => readonly [string, ...string[]],
): Promise<Repeated> {
  const runs = ['1-a', '1-b', '2-a', '2-b'].map((name) => join(folder, `${what}-${name}`)) as [
    string,
    string,
    string,
    string,
  ];
  for (const [i, run] of runs.entries()) {
    const { code, errors }: Ended = await started(command(run), { GYMFORMER_THREADS: i < 2 ? '1' : '2' }).ended;
    if (code !== 0) throw new Error(`${what} fails: ${errors}`);
  }
  const [one, again, two, twoAgain] = runs;
  return { what, one: difference(one, again), two: difference(two, twoAgain), oneAndTwo: difference(one, two) };
}
