// Trackers of a run that was killed some updates after its last checkpoint, and goes on: each row of the run stands there once.

import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { MlflowTracker, readRows, TensorBoardTracker, WandbTracker } from '../../src/tracking/index.ts';
import { wandbRecords } from '../../src/tracking/record-file.ts';
import { fieldsOf } from '../../src/tracking/wire.ts';
import { trainDpo, trainReward, trainSft } from '../../src/trainer/index.ts';
import { byteTokenizer, CAPITALS, tinyGpt } from '../trainer/sft-models.ts';
import { temporaryDirectory, tinyRun } from '../trainer/tiny-run.ts';

const root = temporaryDirectory();
const text = (bytes: number | Uint8Array | undefined): string => Buffer.from(bytes as Uint8Array).toString();
const within = (message: Uint8Array, field: number): Uint8Array[] =>
  fieldsOf(message).flatMap(([name, value]) => (name === field && typeof value !== 'number' ? [value] : []));
const numberIn = (message: Uint8Array, field: number): number =>
  (fieldsOf(message).find(([name]) => name === field)?.[1] as number | undefined) ?? 0;

/** The steps of a tag, as TensorBoard reads event files: a start of a session makes void what stands at its step and later. */
function tensorBoardSteps(run: string, tag: string): number[] {
  let steps: number[] = [];
  for (const name of readdirSync(run)
    .filter((file) => file.startsWith('events.out.tfevents.'))
    .sort()) {
    const file = readFileSync(join(run, name));
    for (let at = 0; at < file.length; ) {
      const length = Number(file.readBigUInt64LE(at));
      const event = file.subarray(at + 12, at + 12 + length);
      at += length + 16;
      const step = numberIn(event, 2);
      if (within(event, 7).length > 0) steps = steps.filter((earlier) => earlier < step);
      const values = within(event, 5).flatMap((summary) => within(summary, 1));
      if (values.some((value) => within(value, 1).map(text).includes(tag))) steps.push(step);
    }
  }
  return steps;
}

/** The steps of the rows of history that have an item of that name, and the records' numbers. */
function wandbSteps(run: string, item: string): { steps: number[]; numbers: number[] } {
  const folders = readdirSync(join(run, 'wandb'));
  expect(folders).toHaveLength(1);
  const folder = join(run, 'wandb', folders[0]!);
  const log = join(folder, readdirSync(folder).find((name) => name.endsWith('.wandb'))!);
  const records = [...wandbRecords(log)];
  expect(records.at(-1)!.end).toBe(statSync(log).size);
  const steps = records.flatMap(({ record }) =>
    within(record, 2)
      .filter((history) => within(history, 1).some((each) => within(each, 1).map(text).includes(item)))
      .map((history) => numberIn(within(history, 2)[0]!, 1)),
  );
  return { steps, numbers: records.map(({ record }) => numberIn(record, 1)) };
}

/** A server that knows one run, and what of it is logged. */
async function mlflowServer() {
  const logged: { key: string; step: number; value: number }[] = [];
  let made = 0;
  const run = () => ({
    info: { run_id: 'r1', artifact_uri: 's3://elsewhere' },
    data: { metrics: [...new Map(logged.map((metric) => [metric.key, metric])).values()] },
  });
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (bytes: Buffer) => (body += bytes.toString()));
    request.on('end', () => {
      if (request.url!.endsWith('runs/create')) made++;
      if (request.url!.endsWith('log-batch'))
        logged.push(...((JSON.parse(body) as { metrics?: typeof logged }).metrics ?? []));
      const answer = request.url!.includes('experiments') ? { experiment: { experiment_id: '1' } } : { run: run() };
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    });
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return {
    uri: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stepsOf: (key: string) => logged.filter((metric) => metric.key === key).map(({ step }) => step),
    made: () => made,
    close: () => server.close(),
  };
}

/** One of each. */
const trackersOf = (uri: string) => [
  new TensorBoardTracker(),
  new WandbTracker({ mode: 'offline' }),
  new MlflowTracker({ uri }),
];

/** Makes it as if a run had been killed before it could save more than the first checkpoints. */
function killedAfter(runDirectory: string, kept: number): void {
  const checkpoints = join(runDirectory, 'checkpoints');
  const written = (name: string): number => Number(/\d+$/.exec(name)?.[0] ?? Number.POSITIVE_INFINITY);
  const saved = readdirSync(checkpoints).sort((a, b) => written(a) - written(b));
  for (const later of saved.slice(kept)) rmSync(join(checkpoints, later), { recursive: true });
  rmSync(join(runDirectory, 'summary.json'));
}

test.each([
  ['after a checkpoint', 1],
  ['before the first checkpoint', 0],
])('killed %s: TensorBoard, W&B and MLflow have each row once', async (name, kept) => {
  const server = await mlflowServer();
  try {
    const runDirectory = join(root, name);
    const options = (totalSteps: number) => ({
      runDirectory,
      totalSteps,
      saveInterval: 1,
      ppoConfig: { rolloutSteps: 32, minibatchSize: 32, updateEpochs: 1 },
      trackers: trackersOf(server.uri),
    });
    const checkpoints = join(runDirectory, 'checkpoints');
    await tinyRun(checkpoints, options(64 * 4));
    killedAfter(runDirectory, kept);
    await tinyRun(checkpoints, { ...options(64 * 6), resume: runDirectory });

    const { rows } = await readRows(join(runDirectory, 'metrics.jsonl'));
    const steps = rows.map((row) => row['globalStep'] as number);
    expect(rows.map((row) => row['update'])).toEqual(rows.map((_, i) => i + 1));
    expect(steps.length).toBeGreaterThan(5);
    expect(tensorBoardSteps(runDirectory, 'losses/policyLoss')).toEqual(steps);
    const { rows: episodes } = await readRows(join(runDirectory, 'episodes.jsonl'));
    expect(tensorBoardSteps(runDirectory, 'episodes/length')).toEqual(episodes.map((row) => row['globalStep']));
    expect(tensorBoardSteps(runDirectory, 'hyperparameters')).toEqual([0]);
    const { steps: told, numbers } = wandbSteps(runDirectory, 'losses/policyLoss');
    expect(told).toEqual(steps);
    expect(numbers).toEqual(numbers.map((_, i) => i + 1));
    expect(wandbSteps(runDirectory, 'episodes/length').steps).toEqual([
      ...new Set(episodes.map((row) => row['globalStep'])),
    ]);
    expect(server.stepsOf('losses/policyLoss')).toEqual(steps);
    expect(server.made()).toBe(1);
  } finally {
    server.close();
  }
});

const pairs = CAPITALS.map(({ prompt, completion }) => ({ prompt: `>${prompt}`, chosen: completion, rejected: 'no' }));

test.each(['trainSft', 'trainReward', 'trainDpo'] as const)(
  '%s, killed after a checkpoint: each step once',
  async (trainer) => {
    const server = await mlflowServer();
    try {
      const runDirectory = join(root, trainer);
      const train = (maxSteps: number, resume?: string): Promise<object> => {
        const options = {
          model: tinyGpt(),
          tokenizer: byteTokenizer(),
          runDirectory,
          batchSize: 2,
          saveInterval: 2,
          evalInterval: 3,
          testSize: 2,
          seed: 5,
          maxSteps,
          trackers: trackersOf(server.uri),
        };
        if (trainer === 'trainSft') return trainSft({ ...options, dataset: CAPITALS, resume });
        if (trainer === 'trainDpo') return trainDpo({ ...options, dataset: pairs, resume });
        return trainReward({
          ...options,
          datasetsPath: pairs,
          train: 'full',
          patience: null,
          resumeCheckpoint: resume,
        });
      };
      await train(5);
      killedAfter(runDirectory, 1);
      await train(7, runDirectory);

      const steps = [1, 2, 3, 4, 5, 6, 7];
      const { rows } = await readRows(join(runDirectory, 'metrics.jsonl'));
      expect(rows.map((row) => row['step'])).toEqual(steps);
      expect(tensorBoardSteps(runDirectory, 'losses/loss')).toEqual(steps);
      expect(tensorBoardSteps(runDirectory, 'hyperparameters')).toEqual([0]);
      const { steps: told, numbers } = wandbSteps(runDirectory, 'losses/loss');
      expect(told).toEqual(steps);
      expect(numbers).toEqual(numbers.map((_, i) => i + 1));
      expect(wandbSteps(runDirectory, 'eval/loss').steps).toEqual([3, 6, 7]);
      expect(server.stepsOf('losses/loss')).toEqual(steps);
      expect(server.made()).toBe(1);
    } finally {
      server.close();
    }
  },
);
