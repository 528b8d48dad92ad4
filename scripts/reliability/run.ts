// `npm run reliability [-- part…]`: breaks runs off, fills disks, feeds readers broken files, watches memory, and writes what came of it
// into its rows of docs/reliability.md. Without a part: all of them, which takes hours. `table` writes the rows anew, of what was found here.
//
//   npm run reliability kills -- --count 200     resumes -- --count 3       disks -- --count 1
//   npm run reliability files -- --count 20000   soak -- --minutes 20       checkpoints    threads    signals    table
//
// `--only` names runs, by a part of their names, to try `kills` and `resumes` with: the table is left alone then. `--under` is a command that
// runs another one when the machine does nothing else: `checkpoints` measures time.

import { parseArgs } from 'node:util';
import { saving } from './checkpoints.ts';
import { disks } from './disks.ts';
import { files } from './files.ts';
import { kills } from './kills.ts';
import { keep } from './results.ts';
import { resumes } from './resumes.ts';
import { signals } from './signals.ts';
import { soak } from './soak.ts';
import { writeRows } from './table.ts';
import { threads } from './threads.ts';
import { RUNS } from './tiny-runs.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    /** Kills; breaks and disks of each kind of run; files of each format. */
    count: { type: 'string' },
    /** Of a processor, for each soaked work. */
    minutes: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
    under: { type: 'string' },
  },
});
const seed = Number(values.seed);
const count = (usual: number): number => Number(values.count ?? usual);
const { only, under } = values;
const runs = RUNS.filter((name) => only === undefined || name.includes(only));

const PARTS = {
  kills: () => kills(runs, count(200), seed),
  resumes: () => resumes(runs, count(3), seed),
  disks: () => disks(count(1), seed),
  files: () => files(count(20_000), seed),
  checkpoints: () => saving(under),
  threads,
  signals: () => signals(count(3)),
  soak: () => soak(Number(values.minutes)),
} as const;

const named = positionals.filter((name) => name !== 'table');
const unknown = named.find((name) => !(name in PARTS));
if (unknown !== undefined)
  throw new Error(`there is no part ${unknown}; there are ${Object.keys(PARTS).join(', ')}, table`);
const chosen = positionals.length === 0 ? Object.keys(PARTS) : named;
for (const part of chosen as (keyof typeof PARTS)[]) {
  const began = performance.now();
  const found = await PARTS[part]();
  console.dir({ [part]: found }, { depth: null });
  if (only !== undefined) continue;
  keep(part, found, (performance.now() - began) / 1000);
  writeRows(part);
}
if (positionals.includes('table')) for (const part of Object.keys(PARTS)) writeRows(part);
