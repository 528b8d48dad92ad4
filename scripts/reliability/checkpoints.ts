// What saving costs the run of `npm start`, at its defaults.

import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { bundle, bundleOf } from './bundle.ts';
import { FOLDER } from './results.ts';
import { started } from './tiny-runs.ts';

/** What it costs. */
export interface Saving {
  /** Measured: of the recipe's part that learns from rewards. */
  readonly updates: number;
  readonly checkpoints: number;
  /** Medians. */
  readonly secondsAnUpdate: number;
  readonly secondsACheckpoint: number;
  /** Of the time between two checkpoints, the part that goes into writing one. */
  readonly share: number;
}

const MAIN = join(import.meta.dirname, '../../src/cli/main.ts');
/** Of ten updates each. */
const CHECKPOINTS = 2;

/** Trains by the recipe, but less. */
export async function saving(): Promise<Saving> {
  await bundle({ 'save-times': join(import.meta.dirname, 'save-times.ts') });
  const run = join(FOLDER, 'checkpoints');
  const times = `${run}-times.jsonl`;
  for (const path of [run, times]) rmSync(path, { recursive: true, force: true });
  const words = [
    '--sft.maxSteps',
    '60',
    '--rl.maxEpisodes',
    String(CHECKPOINTS * 10 * 256),
    '--evaluation.problems',
    '16',
  ];
  const hook = ['--import', bundleOf('save-times'), '--import', 'tsx'];
  const train = [MAIN, 'train', 'recipes/cot-arithmetic.yaml', '--runDirectory', run, '--quiet', ...words];
  const environment = { RELIABILITY_SAVE_TIMES: times, GYMFORMER_THREADS: '' };
  const { code, errors } = await started([process.execPath, ...hook, ...train], environment).ended;
  if (code !== 0 || !existsSync(times)) throw new Error(`the run fails: ${errors}`);
  const rows = linesOf<{ seconds: number }>(join(run, 'rl/metrics.jsonl'));
  const own = join(run, 'rl/checkpoints');
  const saves = linesOf<{ path: string; milliseconds: number }>(times).filter(({ path }) => path.startsWith(own));
  // Medians: of a machine that does other things meanwhile, single updates and saves tell little.
  const secondsAnUpdate = median(rows.slice(1).map(({ seconds }, i) => seconds - rows[i]!.seconds));
  const secondsACheckpoint = median(saves.map(({ milliseconds }) => milliseconds / 1000));
  const between = (rows.length / saves.length) * secondsAnUpdate;
  const share = secondsACheckpoint / (between + secondsACheckpoint);
  return { updates: rows.length, checkpoints: saves.length, secondsAnUpdate, secondsACheckpoint, share };
}

function linesOf<T>(file: string): T[] {
  return readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as T);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
