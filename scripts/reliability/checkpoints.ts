// What saving costs the run of `npm start`, at its defaults. It is trained in slices of one checkpoint more each, by processes of their own.

import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { bundle, bundleOf } from './bundle.ts';
import { FOLDER } from './results.ts';
import { MAIN, started } from './tiny-runs.ts';

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

const CHECKPOINTS = 6;
/** Texts from one to the next by default: ten updates of 256. */
const INTERVAL = 10 * 256;

/** Trains by the recipe, but less. @param under see run.ts */
export async function saving(under: string | undefined): Promise<Saving> {
  await bundle({ 'save-times': join(import.meta.dirname, 'save-times.ts'), command: MAIN });
  const run = join(FOLDER, 'checkpoints');
  const times = `${run}-times.jsonl`;
  for (const path of [run, times]) rmSync(path, { recursive: true, force: true });
  const environment = { RELIABILITY_SAVE_TIMES: times, GYMFORMER_THREADS: '' };
  const node = [process.execPath, '--import', bundleOf('save-times'), bundleOf('command'), 'train'];
  for (let slice = 1; slice <= CHECKPOINTS; slice++) {
    const first = ['recipes/cot-arithmetic.yaml', '--runDirectory', run, '--sft.maxSteps', '60'];
    const which = slice === 1 ? [...first, '--evaluation.problems', '16'] : ['--resume', run];
    const words = [...node, ...which, '--rl.maxEpisodes', String(slice * INTERVAL)];
    const whole = (under === undefined ? words : [under, ...words]) as [string, ...string[]];
    const { code, errors } = await started(whole, environment).ended;
    if (code !== 0 || !existsSync(times)) throw new Error(`the run fails: ${errors}`);
  }
  const rows = linesOf<{ update: number; seconds: number }>(join(run, 'rl/metrics.jsonl'));
  const own = join(run, 'rl/checkpoints');
  const saves = linesOf<{ path: string; milliseconds: number }>(times).filter(({ path }) => path.startsWith(own));
  // Of the slices' first updates a start is part, and of later ones' first too the checkpoint before.
  const within = rows.slice(1).filter(({ update }) => update % 10 !== 1);
  const secondsAnUpdate = median(within.map(({ update, seconds }) => seconds - rows[update - 2]!.seconds));
  const secondsACheckpoint = median(saves.map(({ milliseconds }) => milliseconds / 1000));
  const between = (INTERVAL / 256) * secondsAnUpdate;
  const share = secondsACheckpoint / (between + secondsACheckpoint);
  return { updates: within.length, checkpoints: saves.length, secondsAnUpdate, secondsACheckpoint, share };
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
