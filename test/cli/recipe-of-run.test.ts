import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { resumed } from '../../src/cli/resume.ts';
import { temporaryDirectory } from '../trainer/tiny-run.ts';

const root = temporaryDirectory();

test('a run that was killed before its recipe was written has it from config.json', () => {
  const run = join(root, 'killed');
  mkdirSync(run);
  const recipe = { env: 'CartPole-v1', totalSteps: 100, runDirectory: run };
  writeFileSync(join(run, 'config.json'), JSON.stringify({ seed: 5, recipe, versions: {} }));
  expect(resumed(run)).toEqual({ run, checkpoint: undefined, seed: 5 });
  const written = parse(readFileSync(join(run, 'recipe.yaml'), 'utf8')) as object;
  expect(written).toEqual({ env: 'CartPole-v1', totalSteps: 100, seed: 5 });
  expect(readdirSync(run).sort()).toEqual(['config.json', 'recipe.yaml']);
});

test('a folder without either is no run', () => {
  expect(() => resumed(root)).toThrow(
    'it is neither the directory of a run, which has a recipe.yaml, nor a checkpoint',
  );
});
