import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join, relative } from 'node:path';
import { expect, test } from 'vitest';
import { readRun, RunDirectory } from '../../src/tracking/index.ts';
import { processStart } from '../../src/tracking/process-start.ts';
import { temporaryDirectory } from '../trainer/tiny-run.ts';

const root = temporaryDirectory();

function directoryLockedBy(name: string, lock: object | string): string {
  const path = join(root, name);
  mkdirSync(path);
  writeFileSync(join(path, 'lock.json'), typeof lock === 'string' ? lock : JSON.stringify(lock));
  return path;
}

const startedAt = '2026-01-01T00:00:00.000Z';

test('is there while the run is written, and names the process', async () => {
  const directory = new RunDirectory(join(root, 'mine'));
  directory.writeConfig({ seed: 1 });
  expect(JSON.parse(readFileSync(join(directory.path, 'lock.json'), 'utf8'))).toEqual({
    pid: process.pid,
    host: hostname(),
    startedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    processStart: processStart(process.pid),
  });
  expect((await readRun(directory.path)).status).toBe('running');
  expect(() => new RunDirectory(directory.path, { continues: true })).toThrow(
    new RegExp(`process ${process.pid} is writing .*mine since .*choose another runDirectory`),
  );
  // The same directory by another name.
  const other = relative(process.cwd(), directory.path);
  expect((await readRun(other)).status).toBe('running');
  expect(() => new RunDirectory(other, { continues: true })).toThrow(`process ${process.pid} is writing`);
  directory.close();
  expect(existsSync(join(directory.path, 'lock.json'))).toBe(false);
  expect((await readRun(directory.path)).status).toBe('interrupted');
});

test('of another live process: refused, and it stays', () => {
  const other = spawn('sleep', ['60']);
  try {
    const path = directoryLockedBy('theirs', { pid: other.pid, host: hostname(), startedAt });
    expect(() => new RunDirectory(path)).toThrow(`process ${other.pid} is writing ${path} since ${startedAt}`);
    expect(existsSync(join(path, 'lock.json'))).toBe(true);
  } finally {
    other.kill();
  }
});

test.runIf(process.platform !== 'win32')('of a process whose id another has by now: replaced', () => {
  const other = spawn('sleep', ['60']);
  try {
    const lock = { pid: other.pid, host: hostname(), startedAt };
    const own = directoryLockedBy('own', { ...lock, processStart: processStart(other.pid!) });
    expect(() => new RunDirectory(own)).toThrow(`process ${other.pid} is writing ${own}`);
    const reused = directoryLockedBy('reused', { ...lock, processStart: 'when the machine was another' });
    new RunDirectory(reused).close();
    expect(readdirSync(reused)).toEqual([]);
  } finally {
    other.kill();
  }
});

test('of a process on another machine: refused, saying where', () => {
  const path = directoryLockedBy('elsewhere', { pid: 1, host: 'some-other-host', startedAt });
  expect(() => new RunDirectory(path)).toThrow(/process 1 on some-other-host is writing.*remove .*lock\.json/);
});

test.each([
  ['of a process that is dead', () => ({ pid: spawnSync('true').pid, host: hostname(), startedAt })],
  ['of an earlier process with the id of this one', () => ({ pid: process.pid, host: hostname(), startedAt })],
  ['of nobody', () => ({ pid: 0, host: hostname(), startedAt })],
  ['that was cut off', () => '{"pid": 12'],
])('%s: replaced', async (name, lock) => {
  const path = directoryLockedBy(name, lock());
  expect((await readRun(path)).status).toBe('interrupted');
  const directory = new RunDirectory(path);
  expect(JSON.parse(readFileSync(join(path, 'lock.json'), 'utf8'))).toMatchObject({ pid: process.pid });
  directory.close();
});

test('a directory that holds a run already stays unlocked', () => {
  const first = new RunDirectory(join(root, 'taken'));
  first.writeConfig({});
  first.close();
  expect(() => new RunDirectory(first.path)).toThrow(/already holds a run/);
  expect(existsSync(join(first.path, 'lock.json'))).toBe(false);
});

test('a run that goes on: lines are added behind one that was torn, and the old ending is gone', () => {
  const first = new RunDirectory(join(root, 'continued'));
  first.writeConfig({});
  first.append('metrics', { update: 1 });
  first.writeSummary({ stoppedBy: 'signal' });
  first.close();
  const file = join(first.path, 'metrics.jsonl');
  writeFileSync(file, '{"update":2,"lo', { flag: 'a' });
  const second = new RunDirectory(first.path, { continues: true });
  second.append('metrics', { update: 2, loss: Number.NaN });
  second.close();
  expect(readFileSync(file, 'utf8')).toBe('{"update":1}\n{"update":2,"lo\n{"update":2,"loss":null}\n');
  expect(existsSync(join(first.path, 'summary.json'))).toBe(false);
});

test('work that fails is written down, and the lock given back', async () => {
  const directory = new RunDirectory(join(root, 'failing'));
  directory.writeConfig({});
  await expect(directory.closedAfter(() => Promise.reject(new Error('no more paper')))).rejects.toThrow(
    'no more paper',
  );
  const run = await readRun(directory.path);
  expect(run.status).toBe('failed');
  expect(run.summary).toEqual({ stoppedBy: 'failed', stopReason: 'no more paper' });
});
