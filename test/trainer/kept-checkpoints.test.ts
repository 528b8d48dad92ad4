import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { KeptCheckpoints } from '../../src/trainer/kept-checkpoints.ts';
import { temporaryDirectory } from './tiny-run.ts';

const root = temporaryDirectory();
const saved = [0.9, 0.1, 0.2, 0.3, 0.4].map((score, i) => ({ name: `c${i}`, score }));

test('the latest stay, and the best', () => {
  const folder = join(root, 'whole');
  const kept = new KeptCheckpoints(folder, 2);
  for (const checkpoint of saved) {
    mkdirSync(join(folder, checkpoint.name), { recursive: true });
    kept.add(checkpoint);
  }
  expect(readdirSync(folder)).toEqual(['c0', 'c3', 'c4']);
});

test('what a process was killed before it removed, the next one removes', () => {
  const folder = join(root, 'killed');
  for (const { name } of saved) mkdirSync(join(folder, name), { recursive: true });
  new KeptCheckpoints(folder, 2, saved).tidy();
  expect(readdirSync(folder)).toEqual(['c0', 'c3', 'c4']);
});
