// Runs of every kind that are broken off at random rows, and go on: how many come to what a run without a break comes to.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { defaultRng } from '../../src/random/index.ts';
import { difference } from './compare.ts';
import { FOLDER } from './results.ts';
import { begin, metricsRows, prepare, untilRow } from './tiny-runs.ts';

/** What came of the runs of one kind. */
export interface Resumed {
  readonly trainer: string;
  readonly tried: number;
  readonly equal: number;
  readonly failures: readonly string[];
}

/** Breaks runs of each of these names off `times` times, each time once to three times. */
export async function resumes(names: readonly string[], times: number, seed: number): Promise<Resumed[]> {
  await prepare();
  const folder = join(FOLDER, 'resumes');
  rmSync(folder, { recursive: true, force: true });
  const found: Resumed[] = [];
  for (const [i, trainer] of names.entries()) {
    const generator = defaultRng([seed, i]);
    const whole = join(folder, `${trainer}-whole`);
    const { code, errors } = await begin(trainer, whole).ended;
    if (code !== 0) throw new Error(`${trainer} fails without a break: ${errors}`);
    const rows = metricsRows(whole);
    const failures: string[] = [];
    for (let time = 0; time < times; time++) {
      const run = join(folder, `${trainer}-${time}`);
      const breaks = Array.from({ length: 1 + (time % 3) }, () => generator.integers(1, rows)).sort((a, b) => a - b);
      for (const row of breaks) {
        const { child, ended } = begin(trainer, run);
        await untilRow(child, run, row);
        child.kill('SIGKILL');
        await ended;
      }
      const last = await begin(trainer, run).ended;
      const problem =
        last.code === 0 ? difference(whole, run) : `ended with ${last.code ?? last.signal}: ${last.errors}`;
      if (problem !== null) failures.push(`${run}, broken off after rows ${breaks.join(', ')}: ${problem}`);
    }
    found.push({ trainer, tried: times, equal: times - failures.length, failures });
  }
  return found;
}
