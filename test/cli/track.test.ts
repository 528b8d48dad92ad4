import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryDirectory } from '../trainer/tiny-run.ts';
import { gymformer } from './command.ts';

const root = temporaryDirectory();
const run = join(root, 'run');

test('a recipe names trackers, and a run that is there is shown later', async () => {
  const tracking = ['--tracking', '[tensorboard, { name: wandb, project: mine }]'];
  const words = ['--totalSteps', '512', '--evaluation.episodes', '0', '--seed', '1', '--runDirectory', run];
  const trained = await gymformer(['train', 'CartPole-v1', '--quiet', ...words, ...tracking]);
  expect(trained).toMatchObject({ code: 0, stdout: '', stderr: '' });
  const eventFiles = (): string[] => readdirSync(run).filter((name) => name.startsWith('events.out.tfevents.'));
  expect(eventFiles()).toHaveLength(1);
  expect(readdirSync(join(run, 'wandb'))).toHaveLength(1);
  expect(readFileSync(join(run, 'recipe.yaml'), 'utf8')).toContain('project: mine');

  const told = await gymformer(['track', root, '--to', '[tensorboard, wandb]']);
  expect(told).toMatchObject({ code: 0, stderr: '' });
  expect(told.stdout).toMatch(/run: \d+ metrics, \d+ episodes\n {2}wandb sync .*offline-run-/);
  expect(eventFiles()).toHaveLength(2);
});

test('what cannot be is told', async () => {
  const wrong = await gymformer(['track', run, '--to', 'nowhere']);
  expect(wrong.code).toBe(2);
  expect(wrong.stderr).toMatch(/--to is nowhere, but must be tensorboard, wandb or mlflow/);
  const none = await gymformer(['track', join(root, 'none'), '--to', 'wandb']);
  expect(none).toMatchObject({ code: 1, stderr: expect.stringMatching(/none holds no run/) });
  const recipe = await gymformer([
    'train',
    'CartPole-v1',
    '--tracking',
    '{ name: mlflow, uri: "http://me:word@host" }',
  ]);
  expect(recipe.code).not.toBe(0);
  expect(recipe.stderr).toMatch(/MLFLOW_TRACKING_PASSWORD/);
  expect(recipe.stderr).not.toMatch(/at .*\.ts:/);
});
