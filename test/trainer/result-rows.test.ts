import { appendFileSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { RunDirectory } from '../../src/tracking/index.ts';
import { ResultRows } from '../../src/trainer/result-rows.ts';
import { temporaryDirectory, tinyRun } from './tiny-run.ts';
import { tinyText } from './tiny-text.ts';

const root = temporaryDirectory();
let count = 0;
const fresh = (): string => join(root, String(count++));

const lists = ['episodeReturns', 'episodeLengths', 'runningRewards'] as const;
const timeless = (rows: readonly object[]): object[] =>
  rows.map((row) => ({ ...row, seconds: 0, stepsPerSecond: 0, memory: 0 }));

const RUNS = [
  [
    'steps',
    (runDirectory: string | null, totalSteps: number, resume?: string) => {
      return tinyRun(fresh(), { runDirectory, totalSteps, maxEpisodes: undefined, resume });
    },
  ],
  [
    'texts',
    (runDirectory: string | null, totalSteps: number, resume?: string) => {
      return tinyText(fresh(), { runDirectory, totalSteps, maxEpisodes: undefined, resume });
    },
  ],
] as const;

describe.each(RUNS)('a run over %s', (_name, run) => {
  test('tells the same from its directory as from memory', async () => {
    const directory = fresh();
    const [written, kept] = [await run(directory, 300), await run(null, 300)];
    for (const name of lists) expect(written[name]).toEqual(kept[name]);
    expect(written.episodeReturns).toHaveLength(written.episodes);
    expect(timeless(written.metrics)).toEqual(timeless(kept.metrics));
    expect(written.metrics).toHaveLength(written.updates);
    expect(kept.episodeReturns.length).toBeGreaterThan(0);
    expect(written.meanReturn).toBeCloseTo(kept.metrics.at(-1)!['episodicReturn']!, 12);
  });

  test('that went on in its directory tells all of it, up to its own end', async () => {
    const directory = fresh();
    const first = await run(directory, 200);
    const second = await run(directory, 400, directory);
    expect(second.metrics.slice(0, first.updates)).toEqual(first.metrics);
    expect([first.metrics.length, second.metrics.length]).toEqual([first.updates, second.updates]);
    for (const name of lists) {
      expect(second[name].slice(0, first.episodes)).toEqual(first[name]);
      expect(second[name]).toHaveLength(second.episodes);
    }
  });
});

test('rows are read to the byte, whatever lines hold and wherever pieces of the file end', () => {
  const directory = new RunDirectory(fresh());
  const rows = new ResultRows(directory);
  const written = Array.from({ length: 30 }, (_, i) => ({
    update: i,
    ['é€'.repeat(40_000)]: i === 7 ? null : 0.1 * i,
  }));
  for (const row of written) directory.append('metrics', row);
  const early = rows.metricsTo({ more: 1 });
  directory.append('metrics', { update: 30 });
  directory.close();
  appendFileSync(join(directory.path, 'metrics.jsonl'), '{"torn');
  expect(early).toEqual({ more: 1, metrics: written });
});

test('a file that is gone is named', async () => {
  const directory = fresh();
  const result = await tinyRun(fresh(), { runDirectory: directory });
  rmSync(directory, { recursive: true });
  expect(() => result.metrics).toThrow(join(directory, 'metrics.jsonl'));
  expect(result.episodes).toBeGreaterThan(0);
});

test('checkpoints do not grow with the episodes', async () => {
  const sizes = [];
  for (const totalSteps of [4000, 16_000]) {
    const { checkpoint, episodes } = await tinyRun(fresh(), { totalSteps, maxEpisodes: undefined });
    expect(episodes).toBeGreaterThan(100);
    const file = join(checkpoint, 'training.json');
    expect(existsSync(file)).toBe(true);
    sizes.push(readFileSync(file).length);
  }
  expect(Math.abs(sizes[1]! - sizes[0]!)).toBeLessThan(300);
});
