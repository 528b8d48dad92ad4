// Runs of agents that are broken off, by a program that ends at once too, and go on in their own directory: in the end metrics, episodes
// and weights are, to the last bit, those of a run without a break.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { NAMES, resumable } from './resumable-runs.ts';
import { temporaryDirectory } from './tiny-run.ts';

const root = temporaryDirectory();
const program = fileURLToPath(new URL('resumable-runs.ts', import.meta.url));

/** A file of rows without what the clock says. */
function rowsOf(run: string, name: string): Record<string, unknown>[] {
  const file = join(run, `${name}.jsonl`);
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n');
  expect(lines.pop()).toBe('');
  return lines.map((line) => {
    const {
      seconds: _seconds,
      stepsPerSecond: _steps,
      tokensPerSecond: _tokens,
      memory: _memory,
      ...row
    } = JSON.parse(line) as Record<string, unknown>;
    return row;
  });
}

/** The last checkpoint's weights and moments. */
function weightsOf(checkpoint: string): [string, Buffer][] {
  const names = readdirSync(checkpoint).filter((name) => name.endsWith('.safetensors'));
  return names.sort().map((name) => [name, readFileSync(join(checkpoint, name))]);
}

/** Starts the run in a process of its own, and kills that when some rows are written. */
async function killed(name: string, run: string, rows: number): Promise<void> {
  const child = spawn(process.execPath, ['--import', 'tsx', program, name, run], { stdio: 'ignore' });
  const ended = once(child, 'exit');
  while (child.exitCode === null && child.signalCode === null) {
    const metrics = join(run, 'metrics.jsonl');
    if (existsSync(metrics) && readFileSync(metrics, 'utf8').split('\n').length > rows) break;
    await pause(2);
  }
  child.kill('SIGKILL');
  await ended;
  expect(child.signalCode).toBe('SIGKILL');
}

describe.each(NAMES)('%s', (name) => {
  test('is the same after two kills', async () => {
    const [whole, broken] = [join(root, `${name}-whole`), join(root, `${name}-broken`)];
    const straight = await resumable(name, whole);
    const updates = rowsOf(whole, 'metrics').length;
    expect(updates).toBeGreaterThan(8);
    for (const part of [0.3, 0.6]) await killed(name, broken, Math.ceil(updates * part));
    const result = await resumable(name, broken);

    for (const file of ['metrics', 'episodes', 'completions'])
      expect(rowsOf(broken, file)).toEqual(rowsOf(whole, file));
    const [expected, found] = [weightsOf(straight.checkpoint), weightsOf(result.checkpoint)];
    expect(found.map(([file]) => file)).toEqual(expected.map(([file]) => file));
    expect(found.map(([, bytes], i) => bytes.equals(expected[i]![1]))).toEqual(expected.map(() => true));
    expect(existsSync(join(broken, 'lock.json'))).toBe(false);
    expect(result.episodeReturns).toEqual(straight.episodeReturns);
  });
});
