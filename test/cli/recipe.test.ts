import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { CliError } from '../../src/cli/cli-error.ts';
import { parseOverrides } from '../../src/cli/overrides.ts';
import { reasoningRecipeSchema } from '../../src/cli/reasoning-schema.ts';
import { kindOfRecipe, parseRecipe, readRecipe, readRecipeOf, recipeForEnv } from '../../src/cli/recipe.ts';
import { registry } from '../../src/env/index.ts';

const recipes = fileURLToPath(new URL('../../recipes/', import.meta.url));

function failure(work: () => unknown): CliError {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(CliError);
    return error as CliError;
  }
  throw new Error('expected a CliError, but nothing was thrown');
}

/** What is said of a recipe's mistakes. */
function complaint(text: string, ...words: string[]): string {
  return failure(() => parseRecipe(text, 'my.yaml', parseOverrides(words))).message;
}

describe('the recipes that come with the package', () => {
  const of = (kind: string) => readdirSync(recipes).filter((name) => kindOfRecipe(join(recipes, name)) === kind);

  test.each(of('agent'))('%s is valid and names an environment that there is', (name) => {
    const recipe = readRecipe(join(recipes, name));
    expect(registry.has(recipe.env)).toBe(true);
    expect(recipe.seed).toBeDefined();
  });

  test.each(of('reasoning'))('%s is valid', (name) => {
    expect(readRecipeOf(reasoningRecipeSchema, join(recipes, name)).seed).toBeDefined();
  });
});

describe('a good recipe', () => {
  test('says all it can', () => {
    const recipe = parseRecipe(
      `
env: CartPole-v1
envOptions: { suttonBartoReward: true }
network: { hiddenDim: 32, hiddenLayers: 1, activation: relu }
ppo: { lrActor: 1e-3, minibatchSize: -1, maxGradNorm: null, valueClip: 0.2 }
totalSteps: 1_000
numEnvs: 4
seed: 0
normalizeObservation: true
stopAtMeanReturn: -100.5
evaluation: { episodes: 0, deterministic: false }
`.replace('1_000', '1000'),
      'my.yaml',
    );
    expect(recipe.ppo).toEqual({ lrActor: 1e-3, minibatchSize: -1, maxGradNorm: null, valueClip: 0.2 });
    expect(recipe.network).toEqual({ hiddenDim: 32, hiddenLayers: 1, activation: 'relu' });
    expect(recipe.stopAtMeanReturn).toBe(-100.5);
    expect(recipe.seed).toBe(0);
  });

  test('may be an environment alone', () => {
    expect(recipeForEnv('CartPole-v1')).toEqual({ env: 'CartPole-v1' });
  });
});

describe('mistakes are told with line, key, value and what is expected', () => {
  test.each([
    [
      'a text for a number',
      'env: A\nppo:\n  lrActor: fast\n',
      "my.yaml:3: ppo.lrActor is 'fast', but must be a number of 0 or more",
    ],
    [
      'a number out of range',
      'env: A\nppo:\n  gamma: 1.5',
      'my.yaml:3: ppo.gamma is 1.5, but must be a number from 0 to 1',
    ],
    [
      'a fraction for a count',
      'env: A\nnumEnvs: 2.5',
      'my.yaml:2: numEnvs is 2.5, but must be a whole number of 1 or more',
    ],
    ['a negative seed', 'env: A\n\nseed: -3', 'my.yaml:3: seed is -3, but must be a whole number of 0 or more'],
    [
      'an infinite number',
      'env: A\nstopAtMeanReturn: .inf',
      'my.yaml:2: stopAtMeanReturn is Infinity, but must be a finite number',
    ],
    [
      'not a number',
      'env: A\nppo: { lrActor: .nan }',
      'my.yaml:2: ppo.lrActor is NaN, but must be a number of 0 or more',
    ],
    [
      'an unquoted yes',
      'env: A\nnormalizeReward: yes',
      "my.yaml:2: normalizeReward is 'yes', but must be true or false",
    ],
    [
      'another word',
      'env: A\nppo: { lrSchedule: cosine }',
      "my.yaml:2: ppo.lrSchedule is 'cosine', but must be 'constant' or 'linear'",
    ],
    [
      'a list for a mapping',
      'env: A\nnetwork: [64, 64]',
      'my.yaml:2: network is [64,64], but must be a mapping such as { hiddenDim: 64, activation: tanh }',
    ],
    [
      'an empty mapping',
      'env: A\nppo:\n',
      'my.yaml:2: ppo is empty, but must be a mapping such as { lrActor: 3e-4, gamma: 0.99 }',
    ],
    ['an empty text', "env: ''", "my.yaml:1: env is '', but must be the id of an environment, such as CartPole-v1"],
    ['a key left out', 'seed: 1', 'my.yaml: env is missing; it must be the id of an environment, such as CartPole-v1'],
    [
      'a mistyped key',
      'env: A\ntotalStep: 5',
      "my.yaml:2: 'totalStep' is not a key of a recipe. Did you mean 'totalSteps'?",
    ],
    [
      'a mistyped inner key',
      'env: A\nppo:\n  gama: 0.9',
      "my.yaml:3: 'ppo.gama' is not a key of a recipe. Did you mean 'ppo.gamma'?",
    ],
    [
      'a key of another tool',
      'env: A\nnetwork: { depth: 3 }',
      "my.yaml:2: 'network.depth' is not a key of a recipe; there are: hiddenDim, hiddenLayers, activation",
    ],
    ['a dangerous key', 'env: A\n__proto__: { polluted: 1 }', "my.yaml:2: '__proto__' is not a key of a recipe"],
    [
      'two ends',
      'env: A\ntotalSteps: 1\nmaxEpisodes: 1',
      'my.yaml:3: maxEpisodes is 1, but must be left out, for totalSteps is given',
    ],
    [
      'null for a number',
      'env: A\nppo: { epsClip: null }',
      'my.yaml:2: ppo.epsClip is empty, but must be a number above 0',
    ],
    [
      'zero for no limit',
      'env: A\nppo: { maxGradNorm: 0 }',
      'my.yaml:2: ppo.maxGradNorm is 0, but must be a number above 0, or null for none',
    ],
    [
      'minus two',
      'env: A\nppo: { minibatchSize: -2 }',
      'my.yaml:2: ppo.minibatchSize is -2, but must be a whole number of 1 or more, or -1 for all',
    ],
  ])('%s', (_, text, message) => {
    expect(complaint(text)).toContain(message);
  });

  test.each([
    ['an unclosed bracket', 'env: A\nppo: { gamma: 0.9\n', /^my\.yaml:\d+:\d+: not valid YAML: /],
    ['the same key twice', 'env: A\nenv: B\n', /^my\.yaml:2:1: not valid YAML: Map keys must be unique/],
    ['a tab', 'env: A\nppo:\n\tgamma: 1', /^my\.yaml:3:1: not valid YAML: /],
    [
      'a word',
      'CartPole-v1',
      /^my\.yaml: a recipe is a mapping of keys, such as 'env: CartPole-v1', but this is 'CartPole-v1'$/,
    ],
    ['a list', '- env: A', /^my\.yaml: a recipe is a mapping/],
    ['nothing', '', /^my\.yaml: a recipe is a mapping of keys.*but this is empty$/],
  ])('%s', (_, text, message) => {
    expect(complaint(text)).toMatch(message);
  });

  test('all at once', () => {
    const lines = complaint('env: A\nseed: x\nnumEnvs: 0\nppo:\n  gama: 1\n  lrActor: -1\n').split('\n');
    expect(lines).toHaveLength(4);
    expect(lines.map((line) => line.split(':')[1]).toSorted()).toEqual(['2', '3', '5', '6']);
  });

  test('a file that is not there', () => {
    const { message, exitCode } = failure(() => readRecipe('no/such.yaml'));
    expect(message).toBe('Cannot read the recipe no/such.yaml: there is no such file');
    expect(exitCode).toBe(1);
  });

  test('a file is read, and named', () => {
    const root = mkdtempSync(join(tmpdir(), 'gymformer-test-'));
    afterAll(() => rmSync(root, { recursive: true, force: true }));
    const path = join(root, 'r.yaml');
    writeFileSync(path, 'env: CartPole-v1\nseed: 3\n');
    expect(readRecipe(path)).toEqual({ env: 'CartPole-v1', seed: 3 });
    writeFileSync(path, 'env: 3\n');
    expect(failure(() => readRecipe(path)).message).toMatch(/r\.yaml:1: env is 3/);
  });
});

describe('keys on the command line', () => {
  test('go before those of the file, and leave their neighbours', () => {
    const text = 'env: A\nseed: 1\nppo: { gamma: 0.9, lrActor: 1 }\n';
    const words = [
      '--ppo.gamma',
      '0.5',
      '--seed=2',
      '--network.hiddenDim',
      '8',
      '--normalizeReward',
      '--stopAtMeanReturn',
      '-5',
    ];
    expect(parseRecipe(text, 'my.yaml', parseOverrides(words))).toEqual({
      env: 'A',
      seed: 2,
      ppo: { gamma: 0.5, lrActor: 1 },
      network: { hiddenDim: 8 },
      normalizeReward: true,
      stopAtMeanReturn: -5,
    });
  });

  test('are read as YAML', () => {
    const values = parseOverrides([
      '--a',
      '1e-3',
      '--b',
      'true',
      '--c',
      '[1, 2]',
      '--d',
      'text',
      '--e',
      'null',
      '--f.g',
      '{h: 1}',
    ]);
    expect(values.map(({ value }) => value)).toEqual([1e-3, true, [1, 2], 'text', null, { h: 1 }]);
    expect(values.at(-1)!.path).toEqual(['f', 'g']);
  });

  test.each([
    [['--ppo.gama', '1'], "command line: '--ppo.gama' is not a key of a recipe. Did you mean '--ppo.gamma'?"],
    [['--totalSteps', 'many'], "command line: totalSteps is 'many', but must be a whole number of 1 or more"],
    [['--total-steps', '5'], "command line: '--total-steps' is not a key of a recipe. Did you mean '--totalSteps'?"],
    [['--ppo', '3'], 'command line: ppo is 3, but must be a mapping'],
    [['--maxEpisodes', '3', '--totalSteps', '3'], 'command line: maxEpisodes is 3, but must be left out'],
  ])('%j', (words, message) => {
    const error = failure(() => parseRecipe('env: A\n', 'my.yaml', parseOverrides(words)));
    expect(error.message).toContain(message);
    expect(error.exitCode).toBe(2);
  });

  test('a mistake in the file is not blamed on the command line', () => {
    const error = failure(() => parseRecipe('env: A\nseed: x\n', 'my.yaml', parseOverrides(['--numEnvs', '2'])));
    expect(error.message).toMatch(/^my\.yaml:2: seed/);
    expect(error.exitCode).toBe(1);
  });

  test.each([
    [['12'], /Unexpected argument '12'/],
    [['--seed', '1', '2'], /Unexpected argument '2'/],
    [['--'], /Unexpected argument '--'/],
    [['--ppo..gamma', '1'], /--ppo\.\.gamma is not a key/],
    [['--seed', '[1'], /--seed '\[1' cannot be read/],
  ])('%j cannot be understood', (words, message) => {
    const error = failure(() => parseOverrides(words));
    expect(error.message).toMatch(message);
    expect(error.exitCode).toBe(2);
  });

  test('cannot reach what is no key', () => {
    expect(complaint('env: A', '--__proto__.polluted', '1')).toContain("'--__proto__' is not a key of a recipe");
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});
