// What learns from a dataset and goes on in its own directory: damaged checkpoints, those that stay, and work that a signal gives up.

import { existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { trainReward, type TrainSftOptions } from '../../src/trainer/index.ts';
import { SftTask } from '../../src/trainer/sft-task.ts';
import { byteTokenizer, CAPITALS, tinyGpt, tinySft } from './sft-models.ts';
import { temporaryDirectory } from './tiny-run.ts';

const root = temporaryDirectory();
let folders = 0;
const fresh = (): string => join(root, String(folders++));
const settings = { maxSteps: 6, lrSchedule: 'constant', evalDataset: CAPITALS.slice(0, 2), evalInterval: 2 } as const;

/** A run in a directory of its own, checkpoints too. */
const sft = (runDirectory: string, options: Partial<TrainSftOptions> = {}) =>
  tinySft(runDirectory, { ...settings, savePath: undefined, runDirectory, ...options });

const rowsOf = (run: string): object[] =>
  readFileSync(join(run, 'metrics.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => ({ ...(JSON.parse(line) as object), seconds: 0, tokensPerSecond: 0, memory: 0 }));

const whole = fresh();
const straight = await sft(whole);

test('a damaged checkpoint is passed over with a warning: rows that are written again stand there once', async () => {
  const run = fresh();
  await sft(run, { maxSteps: 4, saveInterval: 1, keepCheckpoints: null });
  truncateSync(join(run, 'checkpoints/sft_step_4/model.safetensors'), 1000);
  const warnings: string[] = [];
  const { trainLoss, steps } = await sft(run, { resume: run, warn: (message) => warnings.push(message) });
  expect(warnings).toEqual([expect.stringMatching(/sft_step_4.*1000 bytes.*Going on from .*sft_step_3$/)]);
  expect(steps).toBe(6);
  expect(trainLoss).toEqual(straight.trainLoss);
  expect(rowsOf(run)).toEqual(rowsOf(whole));
});

test('an evaluation that the signal gives up is made when the run goes on', async () => {
  const run = fresh();
  const controller = new AbortController();
  vi.spyOn(SftTask.prototype, 'evaluate').mockImplementationOnce((_rows, signal) => {
    controller.abort();
    return Promise.reject(signal!.reason as Error);
  });
  const broken = await sft(run, { signal: controller.signal });
  expect(broken).toMatchObject({ stoppedBy: 'signal', steps: 2, evaluations: [] });
  expect(rowsOf(run)).toHaveLength(1);
  const { evaluations } = await sft(run, { resume: run });
  expect(evaluations).toEqual(straight.evaluations);
  expect(rowsOf(run)).toEqual(rowsOf(whole));
});

test('the latest checkpoints stay, and the one whose evaluation was best', async () => {
  const run = fresh();
  const callbacks = {
    // What is learned too fast from here on is no better any more.
    onEvaluate: (loss: number) => void losses.push(loss),
  };
  const losses: number[] = [];
  await sft(run, { saveInterval: 1, evalInterval: 1, keepCheckpoints: 2, learningRate: 0.3, callbacks });
  const best = losses.indexOf(Math.min(...losses)) + 1;
  expect(best).toBeLessThan(5);
  expect(readdirSync(join(run, 'checkpoints')).sort()).toEqual([best, 5, 6].map((step) => `sft_step_${step}`));
});

test('a signal while the dataset is read ends the reading, and nothing is written', async () => {
  const rows = Array.from({ length: 20_000 }, () => ({ prompt: 'a', completion: ' b' }));
  const file = join(root, 'many.jsonl');
  writeFileSync(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  for (const dataset of [file, rows]) {
    const run = fresh();
    const controller = new AbortController();
    const reading = sft(run, { dataset, signal: controller.signal });
    setTimeout(() => controller.abort(new Error('enough')), 20);
    await expect(reading).rejects.toThrow('enough');
    expect(existsSync(run)).toBe(false);
  }
});

test('a signal before the first step: nothing is learned or saved, and the run begins when it goes on', async () => {
  const run = fresh();
  const reward = (more: object) =>
    trainReward({
      model: tinyGpt(),
      tokenizer: byteTokenizer(),
      datasetsPath: CAPITALS.slice(0, 4).map(({ completion }) => ({ prompt: 'x', chosen: completion, rejected: 'no' })),
      testSize: 1,
      maxSteps: 2,
      runDirectory: run,
      ...more,
    });
  const none = await reward({ signal: AbortSignal.abort() });
  expect(none).toMatchObject({ stoppedBy: 'signal', steps: 0, modelFolder: '', rewardModelPath: null });
  const done = await reward({ resumeCheckpoint: run });
  expect(done).toMatchObject({ stoppedBy: 'maxSteps', steps: 2, rewardModelPath: join(run, 'model') });
});
