// The commands that learn from preferences.

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { CliError } from '../../src/cli/cli-error.ts';
import { dpoRecipeSchema } from '../../src/cli/dpo-schema.ts';
import { parseRecipe, parseRecipeOf } from '../../src/cli/recipe.ts';
import { rewardRecipeSchema } from '../../src/cli/reward-schema.ts';
import { RewardModel, savePretrained } from '../../src/lm/index.ts';
import { byteTokenizer, tinyGpt } from '../trainer/sft-models.ts';
import { gymformer } from './command.ts';

const root = mkdtempSync(join(tmpdir(), 'gymformer-test-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const model = join(root, 'tiny');
const labels = join(root, 'labels.json');
const pairs = join(root, 'pairs.jsonl');

beforeAll(async () => {
  await savePretrained(tinyGpt(), model, { tokenizer: byteTokenizer() });
  const rows = Array.from({ length: 20 }, (_, i) => {
    const best = i % 2;
    const sample = (k: number): string => (k === best ? '!' : '.') + 'abcdef'.slice(0, 1 + ((i + k) % 5));
    return { query: `q${i}: `, sample0: sample(0), sample1: sample(1), best };
  });
  writeFileSync(labels, JSON.stringify(rows));
  const lines = rows.map(({ query, sample0, sample1, best }) => {
    const [chosen, rejected] = best === 0 ? [sample0, sample1] : [sample1, sample0];
    return JSON.stringify({ prompt: query, chosen, rejected });
  });
  writeFileSync(pairs, lines.join('\n'));
});

const LEARN = ['--learningRate', '3e-3', '--warmupSteps', '0', '--batchSize', '8', '--seed', '1'];

describe('recipes', () => {
  test('say all that the options can', () => {
    const common = 'model: m\ndataset: d\nevalDataset: e\nlora: { r: 4 }\nbadRows: skip\nnumSamples: 4\nresume: c\n';
    const reward = `kind: reward\n${common}train: lora\npatience: null\nnormalizeBefore: false\ndryRun: true\n`;
    expect(parseRecipeOf(rewardRecipeSchema, reward, 'my.yaml')).toMatchObject({ train: 'lora', patience: null });
    const dpo = `kind: dpo\n${common}beta: 0.2\nlossType: ipo\nreferenceModel: r\n`;
    expect(parseRecipeOf(dpoRecipeSchema, dpo, 'my.yaml')).toMatchObject({ lossType: 'ipo', referenceModel: 'r' });
  });

  test.each([
    [
      'kind: reward\nmodel: m\ndataset: d\ntrain: all\n',
      "my.yaml:4: train is 'all', but must be 'head', 'lora' or 'full'",
    ],
    ['kind: reward\nmodel: m\ndataset: d\nbeta: 1\n', "'beta' is not a key of a recipe"],
    [
      'kind: dpo\nmodel: m\ndataset: d\n',
      'is a recipe for improving a language model by preferences: run `npm run gymformer -- dpo',
    ],
    ['env: CartPole-v1\n', 'my.yaml is a recipe for an agent: run `npm run gymformer -- train my.yaml`'],
  ])('name a mistake: %s', (text, message) => {
    expect(() => parseRecipeOf(rewardRecipeSchema, text, 'my.yaml')).toThrow(CliError);
    expect(() => parseRecipeOf(rewardRecipeSchema, text, 'my.yaml')).toThrow(message);
  });

  test('for another command say which', () => {
    expect(() => parseRecipe('kind: reward\nmodel: m\n', 'my.yaml')).toThrow(
      'run `npm run gymformer -- reward my.yaml`',
    );
  });
});

describe('gymformer reward', () => {
  test('trains, says what it found and where it is; the next command works', async () => {
    const runDirectory = join(root, 'reward');
    const words = ['--dataset', labels, '--train', 'full', '--epochs', '6', '--runDirectory', runDirectory];
    const { code, stdout, stderr } = await gymformer(['reward', model, ...words, ...LEARN]);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(stdout).toContain(`Training a reward model from ${model} on ${labels}, seed 1.`);
    expect(stdout).toMatch(
      /Best after step \d+: the preferred text found in 100\.0 % of held-out rows; mean reciprocal rank 1\.000/,
    );
    expect(stdout).toContain(`Model:         ${join(runDirectory, 'model')}`);
    expect(parse(readFileSync(join(runDirectory, 'recipe.yaml'), 'utf8'))).toMatchObject({ kind: 'reward', seed: 1 });

    const [, folder] = /npx gymformer score (\S+) --text/.exec(stdout)!;
    const scores = await (await RewardModel.fromPretrained(folder!)).score(['q1: !ab', 'q1: .ab']);
    expect(scores[0]).toBeGreaterThan(scores[1]!);
    const said = await gymformer(['score', folder!, '--text', 'q1: !ab', '--text', 'q1: .ab']);
    const lines = ['!', '.'].map((mark, i) => `${scores[i]!.toFixed(4).padStart(9)}  q1: ${mark}ab\n`);
    expect(said).toEqual({ code: 0, stdout: lines.join(''), stderr: '' });
    // So does the run's directory, and standard input.
    const json = await gymformer(['score', runDirectory, '--json'], 'q1: !ab\n');
    expect(JSON.parse(json.stdout)).toEqual([{ text: 'q1: !ab', score: expect.closeTo(scores[0]!, 4) as number }]);
  });

  test('a dry run writes nothing', async () => {
    const runDirectory = join(root, 'dry');
    const words = ['--dataset', labels, '--dryRun', '--runDirectory', runDirectory];
    const { code, stdout } = await gymformer(['reward', model, ...words, ...LEARN]);
    expect(code).toBe(0);
    expect(stdout).toContain('A dry run: nothing was written.');
    expect(existsSync(runDirectory)).toBe(false);
  });
});

test('gymformer dpo trains, and adds adapters to the weights', async () => {
  const runDirectory = join(root, 'dpo');
  const words = [
    '--dataset',
    pairs,
    '--testSize',
    '4',
    '--lora.r',
    '2',
    '--epochs',
    '4',
    '--runDirectory',
    runDirectory,
  ];
  const { code, stdout, stderr } = await gymformer(['dpo', model, ...words, ...LEARN]);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  expect(stdout).toContain(`Improving ${model} on ${pairs}, seed 1.`);
  expect(stdout).toMatch(
    /The chosen one gained more than the rejected in [\d.]+ % of the pairs kept to evaluate on; mean margin /,
  );
  const said = await gymformer(['generate', runDirectory, '--prompt', 'q1: ', '--maxNewTokens', '2', '--json']);
  expect((JSON.parse(said.stdout) as { tokens: number[] }).tokens).toHaveLength(2);
});

test.each([
  ['no model', ['reward', 'nowhere/at/all', '--dataset', 'x.jsonl'], 1, 'There is no folder nowhere/at/all'],
  ['no rows', ['dpo', '<model>', '--dataset', 'nothing.jsonl'], 1, 'nothing.jsonl: there is no such file or folder'],
  ['no head', ['score', '<model>', '--text', 'a'], 1, 'has no head that scores texts (score.weight)'],
])('%s', async (_name, words, code, message) => {
  const result = await gymformer(words.map((word) => (word === '<model>' ? model : word)));
  expect(result.stderr).toContain(message);
  expect(result.stderr).not.toContain('    at ');
  expect(result.code).toBe(code);
});
