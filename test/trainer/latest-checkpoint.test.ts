// Which checkpoint a run goes on from, and what is passed over.

import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { tidyFolder } from '../../src/trainer/atomic-directory.ts';
import { latestCheckpoint, readCheckpoint } from '../../src/trainer/index.ts';
import { temporaryDirectory, tinyRun } from './tiny-run.ts';
import { tinyText } from './tiny-text.ts';

const root = temporaryDirectory();
let fresh = 0;

/** A run with several checkpoints, and what `latestCheckpoint` says of it. */
async function run(kind: 'classic' | 'text') {
  const path = join(root, String(fresh++));
  const options = { runDirectory: path, savePath: undefined, saveInterval: 8 };
  const checkpoints: string[] = [];
  const callbacks = { onCheckpoint: (checkpoint: string) => void checkpoints.push(checkpoint) };
  if (kind === 'classic') await tinyRun('', { ...options, callbacks, totalSteps: 500 });
  else await tinyText('', { ...options, callbacks });
  const warnings: string[] = [];
  const latest = (): string | undefined => {
    warnings.length = 0;
    return latestCheckpoint(path, { warn: (message) => warnings.push(message) });
  };
  return { path, checkpoints, warnings, latest };
}

describe.each(['classic', 'text'] as const)('of a %s run', (kind) => {
  const state = kind === 'classic' ? 'trainer.json' : 'training.json';

  test('the last one written is the latest', async () => {
    const { checkpoints, latest, warnings } = await run(kind);
    expect(checkpoints.length).toBeGreaterThan(2);
    expect(latest()).toBe(checkpoints.at(-1));
    expect(warnings).toEqual([]);
  });

  test.each([
    ['a byte of the weights is another', 'model.safetensors', /was changed or is damaged/],
    ['the weights lack their end', 'model.safetensors', /bytes, but was written with/],
    ['the state lacks its end', state, /not complete JSON/],
    ['a file is gone', 'model.safetensors', /cannot be read/],
  ])('where %s, the one before is used, and said so', async (what, file, message) => {
    const { checkpoints, latest, warnings } = await run(kind);
    const target = join(checkpoints.at(-1)!, file);
    const bytes = readFileSync(target);
    if (what.includes('byte of')) bytes[bytes.length - 5]! ^= 1;
    if (what.includes('gone')) rmSync(target);
    else writeFileSync(target, what.includes('end') ? bytes.subarray(0, -1) : bytes);
    expect(latest()).toBe(checkpoints.at(-2));
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(message);
    expect(warnings[0]).toContain(`Going on from ${checkpoints.at(-2)}`);
  });
});

test('what a killed process left is no checkpoint, but for a complete one that was about to be replaced', async () => {
  const { path, checkpoints, latest } = await run('classic');
  const last = checkpoints.at(-1)!;
  const folder = join(path, 'checkpoints');
  cpSync(last, join(folder, 'ppo_CartPole-v1_episode_999999.tmp-99999977'), { recursive: true });
  mkdirSync(join(folder, 'half.tmp-99999978'));
  renameSync(last, `${last}.old-99999977`);
  expect(latest()).toBe(`${last}.old-99999977`);
  tidyFolder(folder);
  expect(latest()).toBe(last);
  expect(existsSync(join(folder, 'half.tmp-99999978'))).toBe(false);
  expect(() => readCheckpoint(last)).not.toThrow();
  // Where the new one is in place, the old one goes.
  cpSync(checkpoints[0]!, `${last}.old-99999977`, { recursive: true });
  tidyFolder(folder);
  expect(existsSync(`${last}.old-99999977`)).toBe(false);
  expect(latest()).toBe(last);
});

test('a run without checkpoints has none; one whose checkpoints are all damaged says so', async () => {
  const { path, checkpoints } = await run('classic');
  for (const checkpoint of checkpoints) appendFileSync(join(checkpoint, 'model.safetensors'), 'x');
  expect(() => latestCheckpoint(path)).toThrow(/all of its checkpoints are damaged: .*bytes, but was written with/);
  for (const checkpoint of checkpoints) rmSync(checkpoint, { recursive: true });
  expect(latestCheckpoint(path)).toBeUndefined();
  expect(() => latestCheckpoint(join(root, 'nowhere'))).toThrow('there is no run here');
});
