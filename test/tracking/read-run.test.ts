import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { listRuns, readRun, RunDirectory } from '../../src/tracking/index.ts';
import { temporaryDirectory, tinyRun } from '../trainer/tiny-run.ts';

const root = temporaryDirectory();

function folderWith(name: string, files: Readonly<Record<string, string>>): string {
  const path = join(root, name);
  mkdirSync(path, { recursive: true });
  for (const [file, text] of Object.entries(files)) writeFileSync(join(path, file), text);
  return path;
}

test('a run that was trained', async () => {
  const path = join(root, 'trained');
  const { seed } = await tinyRun(root, { runDirectory: path });
  const run = await readRun(path);
  expect(run).toMatchObject({ path, name: 'trained', status: 'finished', lock: null, problems: [] });
  expect(run.config).toMatchObject({ seed, env: { id: 'CartPole-v1' } });
  expect(run.summary).toMatchObject({ stoppedBy: 'totalSteps' });
  expect(Date.parse(run.createdAt!)).toBeGreaterThan(Date.now() - 600_000);
  expect(Object.keys(run.rowFiles)).toEqual(['metrics', 'episodes']);
});

test.each([
  ['{"stoppedBy":"failed"}', 'failed'],
  ['{"stoppedBy":"diverged"}', 'failed'],
  ['{"stoppedBy":"signal"}', 'interrupted'],
  ['{"stoppedBy":"totalSteps"}', 'finished'],
  ['{}', 'finished'],
  ['{"stoppedBy"', 'interrupted'],
])('summary %s: %s', async (summary, status) => {
  const path = folderWith(`summary ${summary.length}`, { 'config.json': '{}', 'summary.json': summary });
  expect((await readRun(path)).status).toBe(status);
});

test('what is broken is said, and the rest is read', async () => {
  const path = folderWith('broken', {
    'config.json': '{"seed": ',
    'summary.json': '[1]',
    'metrics.jsonl': '{"a":1}\n',
  });
  const run = await readRun(path);
  expect(run).toMatchObject({ config: null, summary: null, createdAt: null, rowFiles: { metrics: 8 } });
  expect(run.problems).toEqual([expect.stringMatching(/^config\.json: .*JSON/), 'summary.json: not a JSON object']);
  const nothing = await readRun(join(root, 'no such run'));
  expect(nothing).toMatchObject({ status: 'interrupted', config: null, problems: ['config.json: there is none'] });
});

test('lists runs at any depth, those that nest after what they belong to; no links, no models, no hidden folders', async () => {
  const folder = folderWith('many', {});
  const run = (name: string): void => {
    const directory = new RunDirectory(join(folder, name));
    directory.writeConfig({ seed: 1 });
    directory.close();
  };
  for (const name of ['b', 'a', 'a/rl', 'a/sft', 'deep/er/c', '.hidden/d', 'a/checkpoints/e']) run(name);
  folderWith('many/model', { 'config.json': '{"model_type":"gpt2"}', 'model.safetensors': '' });
  folderWith('many/unrelated', { 'config.json': '{"name":"something"}' });
  folderWith('many/torn', { 'config.json': '{"se' });
  symlinkSync(join(root, 'trained'), join(folder, 'link'));
  symlinkSync(folder, join(folder, 'a', 'circle'));
  expect((await listRuns(folder)).map(({ id }) => id)).toEqual(['a', 'a/rl', 'a/sft', 'b', 'deep/er/c', 'torn']);
  expect(await listRuns(join(folder, 'a'))).toEqual([
    { id: '', path: join(folder, 'a') },
    { id: 'rl', path: join(folder, 'a/rl') },
    { id: 'sft', path: join(folder, 'a/sft') },
  ]);
  expect(await listRuns(join(root, 'no such folder'))).toEqual([]);
});

test.skipIf(process.getuid?.() === 0)('a folder that may not be read is left out', async () => {
  const folder = folderWith('closed', {});
  chmodSync(folder, 0);
  expect(await listRuns(folder)).toEqual([]);
  chmodSync(folder, 0o700);
});

test('links within a run lead nowhere', async () => {
  const path = folderWith('linked', {});
  symlinkSync('/etc/passwd', join(path, 'summary.json'));
  symlinkSync('/etc/passwd', join(path, 'metrics.jsonl'));
  writeFileSync(join(path, 'config.json'), '{}');
  const run = await readRun(path);
  expect(run).toMatchObject({
    summary: null,
    rowFiles: {},
    problems: ['summary.json: not a file (links are not followed)'],
  });
});
