import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { defaultRunDirectory, readRows, readRun } from '../../src/tracking/index.ts';
import { loadPPOAgent, type TrainCallbacks } from '../../src/trainer/index.ts';
import { temporaryDirectory, tinyRun } from '../trainer/tiny-run.ts';

const root = temporaryDirectory();

test('holds what the run was told, what it measured, and how it ended', async () => {
  const runDirectory = join(root, 'run');
  const result = await tinyRun(root, { runDirectory, savePath: undefined, notes: { recipe: { env: 'CartPole-v1' } } });
  expect(readdirSync(runDirectory).sort()).toEqual([
    'checkpoints',
    'config.json',
    'episodes.jsonl',
    'media',
    'metrics.jsonl',
    'replays',
    'summary.json',
  ]);

  const config = readJson(join(runDirectory, 'config.json'));
  expect(config).toMatchObject({
    env: { id: 'CartPole-v1', options: {}, numEnvs: 2 },
    seed: 7,
    totalSteps: 200,
    normalizeObservation: false,
    networks: { actor: { inputDim: 4, hiddenDim: 8, hiddenLayers: 2, outputDim: 2, activation: 'tanh' } },
    ppoConfig: { rolloutSteps: 64, gamma: 0.99 },
    recipe: { env: 'CartPole-v1' },
  });
  const { versions } = config as { readonly versions: Readonly<Record<string, string>> };
  expect(Object.keys(versions)).toEqual(['gymformer', 'node', 'onnxruntime', 'platform']);
  expect(versions['node']).toBe(process.versions.node);

  const rows = readFileSync(join(runDirectory, 'metrics.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as object);
  expect(rows).toHaveLength(result.updates);
  expect(rows[0]).toMatchObject({ update: 1, learningRate: 2.5e-4 });
  for (const name of [
    'globalStep',
    'episodicReturn',
    'episodicLength',
    'policyLoss',
    'valueLoss',
    'entropy',
    'approxKl',
    'oldApproxKl',
    'clipFraction',
    'explainedVariance',
    'gradNorm',
    'stepsPerSecond',
    'memory',
  ]) {
    expect(rows[0]).toHaveProperty(name, expect.any(Number));
  }

  const summary = readJson(join(runDirectory, 'summary.json'));
  expect(summary).toMatchObject({ stoppedBy: 'totalSteps', steps: result.steps, checkpoint: result.checkpoint });
  expect(result.checkpoint.startsWith(join(runDirectory, 'checkpoints'))).toBe(true);
  expect(loadPPOAgent(result.checkpoint).details.counters!.updates).toBe(result.updates);
});

test('metrics are in the file as soon as they are told', async () => {
  const runDirectory = join(root, 'live');
  const lines: number[] = [];
  await tinyRun(root, {
    runDirectory,
    callbacks: {
      onUpdateEnd: () => {
        lines.push(readFileSync(join(runDirectory, 'metrics.jsonl'), 'utf8').split('\n').length - 1);
        expect(existsSync(join(runDirectory, 'summary.json'))).toBe(false);
      },
    },
  });
  expect(lines).toEqual([1, 2]);
});

test.each([undefined, { onEpisodeEnd: () => undefined }])('a line for each episode, %#', async (listener) => {
  const runDirectory = join(root, `episodes ${listener === undefined}`);
  let steps = 0;
  const ends: number[] = [];
  // The step after an episode's last only resets its environment.
  const resetting = new Set<number>();
  const counting: TrainCallbacks = {
    onStep: ({ rewards, episodes }) => {
      rewards.forEach((_, i) => {
        if (resetting.delete(i)) return;
        steps++;
        if (!episodes.some(({ envIndex }) => envIndex === i)) return;
        ends.push(steps);
        resetting.add(i);
      });
    },
  };
  const callbacks = [listener ?? {}, ...(listener === undefined ? [] : [counting])];
  const { episodeReturns, episodeLengths } = await tinyRun(root, { runDirectory, callbacks });
  const { rows, skipped } = await readRows(join(runDirectory, 'episodes.jsonl'));
  expect(skipped).toBe(0);
  expect(rows.length).toBeGreaterThan(4);
  expect(rows.map((row) => row['return'])).toEqual(episodeReturns);
  expect(rows.map((row) => row['length'])).toEqual(episodeLengths);
  expect(rows.map((row) => row['episode'])).toEqual(rows.map((_, i) => i + 1));
  const globalSteps = rows.map((row) => row['globalStep'] as number);
  expect(globalSteps).toEqual(globalSteps.toSorted((a, b) => a - b));
  if (listener !== undefined) expect(globalSteps).toEqual(ends);
  const { seconds } = (await readRun(runDirectory)).summary!;
  expect(rows.every((row) => (row['seconds'] as number) <= (seconds as number))).toBe(true);
});

test('a directory that holds a run is not written over', async () => {
  const runDirectory = join(root, 'taken');
  await tinyRun(root, { runDirectory });
  const before = readFileSync(join(runDirectory, 'config.json'), 'utf8');
  await expect(tinyRun(root, { runDirectory })).rejects.toThrow(/already holds a run/);
  expect(readFileSync(join(runDirectory, 'config.json'), 'utf8')).toBe(before);
});

test('a directory whose config.json cannot be written is free for the next attempt', async () => {
  const runDirectory = join(root, 'second-attempt');
  await expect(tinyRun(root, { runDirectory, notes: { count: 1n } })).rejects.toThrow('BigInt');
  expect(existsSync(join(runDirectory, 'lock.json'))).toBe(false);
  expect((await tinyRun(root, { runDirectory })).runDirectory).toBe(runDirectory);
});

test('the default name tells environment, time and seed', () => {
  const name = defaultRunDirectory('mine/Maze-v0', 42, new Date(2024, 1, 3, 4, 5, 6));
  expect(name).toBe(join('runs', 'mine-Maze-v0-20240203-040506-42'));
});

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, 'utf8'));
}
