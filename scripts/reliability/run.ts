// `npm run reliability [-- part…]`: breaks runs off, fills disks, feeds readers broken files, watches memory, and writes what came of it
// into docs/reliability.md. Without a part: all of them, which takes hours; `table` writes the document from what was found last.
//
//   npm run reliability kills -- --count 200     resumes -- --count 3       disks -- --count 1
//   npm run reliability files -- --count 20000   soak -- --minutes 20       checkpoints    threads    table

import { parseArgs } from 'node:util';
import { saving } from './checkpoints.ts';
import { disks } from './disks.ts';
import { files } from './files.ts';
import { kills } from './kills.ts';
import { keep } from './results.ts';
import { resumes } from './resumes.ts';
import { soak } from './soak.ts';
import { writeTable } from './table.ts';
import { threads } from './threads.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    /** Kills; breaks and disks of each kind of run; files of each format. */
    count: { type: 'string' },
    /** Of a processor, for each soaked work. */
    minutes: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
  },
});
const seed = Number(values.seed);
const count = (usual: number): number => Number(values.count ?? usual);

const PARTS = {
  kills: () => kills(count(200), seed),
  resumes: () => resumes(count(3), seed),
  disks: () => disks(count(1), seed),
  files: () => files(count(20_000), seed),
  checkpoints: saving,
  threads,
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
  keep(part, found, (performance.now() - began) / 1000);
  console.dir({ [part]: found }, { depth: null });
}
writeTable();
