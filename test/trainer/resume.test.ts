// Runs of every trainer that are killed in the middle, by a program that ends at once too, and go on in their own directory: in the end
// metrics, episodes, texts, replays and weights are, to the last bit, those of a run without a break.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { NAMES, resumable } from './resumable-runs.ts';
import { temporaryDirectory } from './tiny-run.ts';

const root = temporaryDirectory();
const program = fileURLToPath(new URL('resumable-runs.ts', import.meta.url));
const [whole, broken] = [join(root, 'whole'), join(root, 'broken')];

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

/** Files of a folder, and in folders in it, whose names end so. */
function filesOf(folder: string, ending: string): [string, Buffer][] {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith(ending));
  return names.sort().map((name) => [name, readFileSync(join(folder, name))]);
}

function expectEqualFiles(one: string, other: string, ending: string): void {
  const [expected, found] = [filesOf(one, ending), filesOf(other, ending)];
  expect(found.map(([file]) => file)).toEqual(expected.map(([file]) => file));
  expect(found.filter(([, bytes], i) => !bytes.equals(expected[i]![1])).map(([file]) => file)).toEqual([]);
}

const lastCheckpoint = (run: string): string =>
  (JSON.parse(readFileSync(join(run, 'summary.json'), 'utf8')) as { checkpoint: string }).checkpoint;

/** Makes all runs in processes of their own, each of which is killed when a run, the next each time, has so many rows. */
async function killEach(rows: ReadonlyMap<string, number>): Promise<void> {
  for (const [name, count] of [...rows, ['', Number.POSITIVE_INFINITY] as const]) {
    const child = spawn(process.execPath, ['--import', 'tsx', program, broken], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    child.stderr.on('data', (text: Buffer) => (said += text.toString()));
    const ended = once(child, 'exit');
    const metrics = join(broken, name, 'metrics.jsonl');
    while (child.exitCode === null && child.signalCode === null) {
      if (name !== '' && existsSync(metrics) && readFileSync(metrics, 'utf8').split('\n').length > count) break;
      await pause(2);
    }
    if (name !== '') child.kill('SIGKILL');
    await ended;
    expect([name, child.signalCode, said]).toEqual([name, name === '' ? null : 'SIGKILL', '']);
  }
}

beforeAll(async () => {
  const rows = new Map<string, number>();
  for (const [i, name] of NAMES.entries()) {
    await resumable(name, join(whole, name));
    const updates = rowsOf(join(whole, name), 'metrics').length;
    expect(updates).toBeGreaterThan(8);
    // Early, late, and between.
    rows.set(name, Math.ceil(updates * [0.3, 0.75, 0.5][i % 3]!));
  }
  await killEach(rows);
}, 1_200_000);

describe.each(NAMES)('%s', (name) => {
  test('is the same after a kill', () => {
    const [straight, resumed] = [join(whole, name), join(broken, name)];
    for (const file of ['metrics', 'episodes', 'completions']) {
      expect(rowsOf(resumed, file)).toEqual(rowsOf(straight, file));
    }
    expectEqualFiles(join(straight, 'replays'), join(resumed, 'replays'), '.json');
    expectEqualFiles(lastCheckpoint(straight), lastCheckpoint(resumed), '.safetensors');
    expect(readdirSync(join(resumed, 'checkpoints')).sort()).toEqual(readdirSync(join(straight, 'checkpoints')).sort());
    expect(existsSync(join(resumed, 'lock.json'))).toBe(false);
  });
});
