// A run that goes on has each row once: what was written after its checkpoint is cut off.

import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { RunDirectory } from '../../src/tracking/index.ts';

const root = mkdtempSync(join(tmpdir(), 'gymformer-rows-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const read = (path: string, name: string): string => readFileSync(join(path, name), 'utf8');

test('rows after a position are cut off, torn ones too, and rows before it stay', () => {
  const path = join(root, 'run');
  const first = new RunDirectory(path);
  first.writeConfig({ seed: 1 });
  const { createdAt } = JSON.parse(read(path, 'config.json')) as { createdAt: string };
  expect(first.rowEnds()).toEqual({});
  first.append('metrics', { update: 1, loss: 0.5 });
  const rows = first.rowEnds();
  expect(rows).toEqual({ metrics: Buffer.byteLength('{"update":1,"loss":0.5}\n') });
  first.append('metrics', { update: 2, loss: 0.25 });
  first.append('episodes', { episode: 1, globalStep: 1, return: 1, length: 1, envIndex: 0, seconds: 1 });
  first.close();
  appendFileSync(join(path, 'metrics.jsonl'), '{"update":3,"lo');

  const second = new RunDirectory(path, { continues: true, rows });
  second.writeConfig({ seed: 1 });
  expect(JSON.parse(read(path, 'config.json'))).toMatchObject({ createdAt });
  expect(second.rowEnds()).toEqual({ ...rows, episodes: 0 });
  second.append('metrics', { update: 2, loss: 0.125 });
  second.close();
  expect(read(path, 'metrics.jsonl')).toBe('{"update":1,"loss":0.5}\n{"update":2,"loss":0.125}\n');
  expect(read(path, 'episodes.jsonl')).toBe('');
});

test('a file that ends before its position stays as it is', () => {
  const path = join(root, 'short');
  const directory = new RunDirectory(path, { continues: true, rows: { metrics: 1000 } });
  directory.append('metrics', { update: 1 });
  directory.cutRows({ metrics: 1000 });
  directory.close();
  expect(read(path, 'metrics.jsonl')).toBe('{"update":1}\n');
  expect(existsSync(join(path, 'lock.json'))).toBe(false);
});
