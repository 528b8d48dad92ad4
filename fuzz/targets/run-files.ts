// The files of a run, which nobody who reads runs may stumble over: what is wrong is told beside what can be read.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { listRuns, readRows, readRun } from '../../src/tracking/index.ts';
import type { Target } from '../target.ts';

/** Says that something was told. */
class Told extends Error {}

const FILES = ['config.json', 'summary.json', 'lock.json', 'metrics.jsonl'];
const json = (value: unknown): string => JSON.stringify(value);

const target: Target = {
  words: ['\n', '{"update":1}', '"pid":', '"host":"', 'null', 'NaN', '"stoppedBy":"failed"', '\r\n', '\uFEFF'],
  refusals: [Told],
  seeds: () =>
    [
      json({ name: 'ppo', seed: 1, createdAt: '2026-01-01T00:00:00.000Z', versions: { gymformer: '0.1.0' } }),
      json({ stoppedBy: 'totalSteps', steps: 100, meanReturn: 1.5 }),
      [
        { update: 1, globalStep: 10, policyLoss: 0.5 },
        { update: 2, globalStep: 20, policyLoss: null },
      ]
        .map(json)
        .join('\n'),
    ].map((text) => new TextEncoder().encode(`${text}\n`)),
  async read(bytes, folder) {
    const run = join(folder, 'run');
    mkdirSync(run, { recursive: true });
    for (const file of FILES) writeFileSync(join(run, file), bytes);
    await listRuns(folder);
    const { problems } = await readRun(run);
    const rows = await readRows(join(run, 'metrics.jsonl'));
    const half = await readRows(join(run, 'metrics.jsonl'), { from: Math.floor(bytes.length / 2) });
    if (half.rows.length > rows.rows.length + 1) throw new TypeError('half of a file has more rows than all of it');
    // A file is of one kind, and so told of as the others.
    if (problems.length === FILES.length - 1 || rows.skipped > 0) throw new Told(problems.join('; '));
  },
};
export default target;
