// Rows that were written twice, by a run that was killed and went on from an earlier checkpoint.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { Curves } from '../../src/dashboard/curves.ts';
import { temporaryFolder, writeRun } from './runs.ts';

const folder = temporaryFolder();
afterAll(() => rmSync(folder, { recursive: true }));

async function curvesOf(name: string, rows: readonly object[]): Promise<Curves> {
  const curves = new Curves(join(writeRun(folder, name, { 'metrics.jsonl': rows }), 'metrics.jsonl'));
  await curves.file.update();
  return curves;
}

test('an update that was written again is drawn once, as it was written last', async () => {
  const row = (update: number, loss: number) => ({ update, globalStep: 10 * update, loss });
  const curves = await curvesOf('killed', [row(1, 9), row(2, 8), row(3, 77), row(2, 5), row(3, 4), row(4, 3)]);
  const { x, mean } = curves.buckets('globalStep', 'loss', 1)!;
  expect([...x]).toEqual([10, 20, 30, 40]);
  expect([...mean]).toEqual([9, 5, 4, 3]);
  expect(curves.rows).toBe(4);
});

test('buckets that were read before are told', async () => {
  const row = (update: number, loss: number) => ({ update, loss });
  const curves = await curvesOf('growing', [row(1, 1), row(2, 2), row(3, 1000)]);
  expect([...curves.buckets('update', 'loss', 1)!.mean]).toEqual([1, 2, 1000]);
  writeRun(folder, 'growing', { 'metrics.jsonl': [row(1, 1), row(2, 2), row(3, 1000), row(2, 7)] });
  await curves.file.update();
  expect([...curves.buckets('update', 'loss', 1)!.mean]).toEqual([1, 7]);
  expect(curves.extremes('loss')).toEqual([1, 7]);
});

test('a loss and an evaluation of the same step are one row, and both are kept', async () => {
  const curves = await curvesOf('evaluated', [
    { step: 1, loss: 3 },
    { step: 2, loss: 2 },
    { step: 2, evalLoss: 5 },
    { step: 3, loss: 1 },
  ]);
  expect([...curves.buckets('step', 'loss', 1)!.mean]).toEqual([3, 2, 1]);
  expect([...curves.buckets('step', 'evalLoss', 1)!.x]).toEqual([2]);
});
