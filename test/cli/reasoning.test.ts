import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { CliError } from '../../src/cli/cli-error.ts';
import { parseOverrides } from '../../src/cli/overrides.ts';
import { sftSummary } from '../../src/cli/reasoning-report.ts';
import { reasoningRecipeSchema } from '../../src/cli/reasoning-schema.ts';
import { parseRecipe, parseRecipeOf } from '../../src/cli/recipe.ts';
import { gymformer, resultOf } from './command.ts';

const root = mkdtempSync(join(tmpdir(), 'gymformer-test-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const TINY = `
kind: reasoning
model:
  config: { model_type: gpt2, n_positions: 48, n_embd: 16, n_layer: 1, n_head: 2 }
dataset: { generator: addition, digits: 1, count: 60 }
envOptions:
  { promptFormat: plain, template: "{question}", systemMessage: "", fewShot: [], maxGeneration: 16, reward: exactMatch, testSplit: 0.2 }
sft: { examples: 20, maxSteps: 6, batchSize: 8, learningRate: 1e-3 }
rl:
  algorithm: { name: ppo, lrActor: 1e-4, gamma: 1, updateEpochs: 1, minibatchSize: 8 }
  numEnvs: 4
  updateInterval: 8
  maxEpisodes: 16
evaluation: { problems: 12, samples: 2 }
`;
const recipe = join(root, 'tiny.yaml');
writeFileSync(recipe, TINY);

interface Summary {
  readonly stoppedBy: string;
  readonly model: string;
  readonly seed: number;
  readonly before: { readonly accuracy: number; readonly sampledAccuracy: number; readonly meanReturn: number };
  readonly after: Summary['before'];
  readonly sft: { readonly steps: number; readonly loss: number };
  readonly rl: { readonly updates: number; readonly episodes: number } | null;
}
const summaryOf = (run: string): Summary => JSON.parse(readFileSync(join(run, 'summary.json'), 'utf8')) as Summary;
const linesOf = (file: string): object[] =>
  readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as object);

function complaint(text: string, ...words: string[]): string {
  try {
    parseRecipeOf(reasoningRecipeSchema, text, 'my.yaml', parseOverrides(words));
  } catch (error) {
    expect(error).toBeInstanceOf(CliError);
    return (error as CliError).message;
  }
  throw new Error('expected a CliError, but nothing was thrown');
}

describe('recipes', () => {
  test.each([
    [
      'no model',
      TINY.replace(/model:\n.*\n/, ''),
      /my\.yaml: model is missing; it must be a model's folder or name, or/,
    ],
    [
      'a number for a model',
      TINY.replace(/model:\n.*\n/, 'model: 3\n'),
      /:3: model is 3, but must be a model's folder/,
    ],
    [
      'an architecture that there is not',
      TINY.replace('model_type: gpt2', 'model_type: gpt5'),
      /:4: model\.config\.model_type is 'gpt5', but must be 'gpt2', 'llama' or 'qwen2'/,
    ],
    [
      'a generator that there is not',
      TINY.replace('generator: addition', 'generator: division'),
      /:5: dataset\.generator is 'division', but must be 'addition' or 'arithmetic'/,
    ],
    [
      'an option of another generator',
      TINY.replace('digits: 1', 'digits: 1, depth: 2'),
      /:5: 'dataset\.depth' is not a key of a recipe; there are: generator, digits, count, seed/,
    ],
    [
      'an algorithm that there is not',
      TINY.replace('name: ppo', 'name: dqn'),
      /:10: rl\.algorithm\.name is 'dqn', but must be 'ppo', 'grpo', 'rloo' or 'reinforce'/,
    ],
    [
      'a setting of another algorithm',
      TINY.replace('name: ppo', 'name: grpo'),
      /:10: 'rl\.algorithm\.lrActor' is not a key of a recipe/,
    ],
    [
      'a mistyped setting',
      TINY.replace('lrActor', 'lrActr'),
      /:10: 'rl\.algorithm\.lrActr' is not a key of a recipe\. Did you mean 'rl\.algorithm\.lrActor'\?/,
    ],
    [
      'a reward that there is not',
      TINY.replace('exactMatch', 'niceness'),
      /envOptions\.reward is 'niceness', but must be a name such as exactMatch/,
    ],
    [
      'what the run settles itself',
      TINY.replace('examples: 20', 'examples: 20, savePath: x'),
      /:8: 'sft\.savePath' is not a key of a recipe/,
    ],
    ['two ends', TINY.replace('maxSteps: 6', 'maxSteps: 6, epochs: 1'), /:8: sft\.maxSteps is 6, but must be left out/],
  ])('%s', (_name, text, message) => {
    expect(complaint(text)).toMatch(message);
  });

  test('mistakes on the command line', () => {
    expect(complaint(TINY, '--rl.numEnvs', 'many')).toBe(
      "command line: rl.numEnvs is 'many', but must be a whole number of 1 or more",
    );
    expect(complaint(TINY, '--dataset.digit', '2')).toBe(
      "command line: '--dataset.digit' is not a key of a recipe. Did you mean '--dataset.digits'?",
    );
  });

  test('a kind that there is not', () => {
    expect(() => parseRecipe('kind: dreaming\n', 'my.yaml')).toThrow(
      "my.yaml: kind is 'dreaming', but must be one of 'sft', 'reward', 'dpo', 'reasoning', 'rlhf'; a recipe for an agent has env instead",
    );
  });

  test.each([
    ['a context that is too short', ['--model.config.n_positions', '4'], /a prompt of 4 tokens leaves no room/],
    ['more held-out problems than there are', ['--evaluation.problems', '13'], /only 12 problems are held out/],
    ['no other problems to stop by', ['--sft.stopAtAccuracy', '0.5'], /there are 28: the dataset is too small for it/],
    ['a config that cannot be', ['--model.config.n_head', '3'], /error: model\.config: /],
    ['a chat without a template', ['--envOptions.promptFormat', 'chat'], /promptFormat 'chat' fails/],
    ['no such dataset', ['--dataset', 'none.json'], /none\.json: the dataset cannot be read/],
    ['no such model', ['--model', 'no/such/model'], /There is no folder no\/such\/model/],
  ])('%s', async (_name, words, message) => {
    const runDirectory = join(root, 'refused');
    const { code, stderr } = await gymformer(['train', recipe, ...words, '--runDirectory', runDirectory]);
    expect(stderr).toMatch(message);
    expect(stderr).not.toContain('    at ');
    expect(code).toBe(1);
    // What can be known before training is told before anything is made.
    expect(existsSync(runDirectory)).toBe(false);
  });
});

describe('a whole run', () => {
  const run = join(root, 'run');
  let stdout = '';

  beforeAll(async () => {
    const finished = await gymformer(['train', recipe, '--seed', '3', '--runDirectory', run]);
    expect(finished.code, finished.stderr).toBe(0);
    stdout = finished.stdout;
  }, 120_000);

  test('tells its story', () => {
    expect(stdout).toMatch(/A new gpt2 model of [\d,]+ parameters, seed 3\.\n48 problems to learn from; 12 others/);
    expect(stdout).toMatch(/1\. Learning by example: 20 problems/);
    expect(stdout).toMatch(/6 steps on [\d,]+ tokens/);
    expect(stdout).toMatch(/2\. Learning from rewards in CoTEnv-v0, by PPO/);
    expect(stdout).toMatch(/16 texts of [\d,]+ tokens, 2 updates/);
    expect(stdout).toMatch(/3\. Before and after, on 12 problems/);
    expect(stdout).toMatch(/the likeliest tokens +[\d.]+ % +[\d.]+ % +[+-][\d.]+ points/);
  });

  test('is one folder', () => {
    expect(readdirSync(run).sort()).toEqual([
      'config.json',
      'evaluation.jsonl',
      'model',
      'models',
      'problems.json',
      'recipe.yaml',
      'rl',
      'sft',
      'summary.json',
    ]);
    expect(linesOf(join(run, 'evaluation.jsonl'))).toHaveLength(12);
    expect(linesOf(join(run, 'rl/completions.jsonl'))).toHaveLength(16);
    expect(linesOf(join(run, 'sft/metrics.jsonl'))).toHaveLength(6);
    expect(summaryOf(run)).toMatchObject({
      stoppedBy: 'end',
      seed: 3,
      sft: { steps: 6 },
      rl: { updates: 2, episodes: 16 },
    });
  });

  test('asks only problems that were never learned from', () => {
    const asked = linesOf(join(run, 'evaluation.jsonl')) as { readonly question: string }[];
    const played = linesOf(join(run, 'rl/completions.jsonl')) as { readonly prompt: string }[];
    const questions = new Set(asked.map(({ question }) => question));
    expect(questions.size).toBe(12);
    expect(played.filter(({ prompt }) => questions.has(prompt))).toEqual([]);
  });

  test('the commands that it names work', async () => {
    const [, ask, prompt] = /npx gymformer (generate \S+ --prompt) '(\S+)' --temperature 0/.exec(stdout)!;
    const asked = await gymformer([...ask!.split(' '), prompt!, '--temperature', '0']);
    expect(asked).toMatchObject({ code: 0, stderr: '' });
    expect(asked.stdout.length).toBeGreaterThan(1);

    const measure = /npx gymformer (evaluate \S+)/.exec(stdout)![1]!;
    const measured = await gymformer([...measure.split(' '), '--json']);
    const { accuracy, problems } = resultOf(measured.stdout);
    expect([accuracy, problems]).toEqual([summaryOf(run).after.accuracy, 12]);
  });

  test('its recipe, run again, gives the same', async () => {
    const again = join(root, 'again');
    expect(parse(readFileSync(join(run, 'recipe.yaml'), 'utf8'))).toMatchObject({ kind: 'reasoning', seed: 3 });
    const words = ['train', join(run, 'recipe.yaml'), '--json', '--runDirectory', again];
    const { stdout: json, stderr } = await gymformer(words);
    expect(stderr).toBe('');
    const [first, second] = [summaryOf(run), resultOf(json) as unknown as Summary];
    expect([second.before, second.after, second.sft.loss]).toEqual([first.before, first.after, first.sft.loss]);
    expect(readFileSync(join(again, 'model/model.safetensors'))).toEqual(
      readFileSync(join(run, 'model/model.safetensors')),
    );
  });

  test.each([
    ['grpo', ['--rl.algorithm', '{ name: grpo, learningRate: 1e-4 }', '--rl.groupSize', '4']],
    ['a critic of its own', ['--rl.critic', 'own']],
    ['what another run has learned', ['--model', run, '--sft', 'null']],
  ])('with %s', async (name, words) => {
    const runDirectory = join(root, name.replaceAll(' ', '-'));
    const {
      code,
      stdout: quiet,
      stderr,
    } = await gymformer(['train', recipe, ...words, '--quiet', '--runDirectory', runDirectory]);
    expect([code, quiet, stderr]).toEqual([0, '', '']);
    expect(summaryOf(runDirectory).after.accuracy).toBeGreaterThanOrEqual(0);
  });
});

describe('learning by example', () => {
  test('that ends before its first step has no loss to tell of', () => {
    const ended = { steps: 0, tokens: 0, seconds: 1, trainLoss: [], stoppedBy: 'signal' } as const;
    expect(sftSummary(ended, null)).toBe('   0 steps on 0 tokens in 1.0 s: interrupted.');
  });

  test('ends as soon as enough answers are right', async () => {
    const runDirectory = join(root, 'enough');
    const problems = ['--dataset', '{ generator: addition, digits: 2, count: 400 }'];
    const enough = ['--sft.stopAtAccuracy', '0', '--sft.accuracyInterval', '4'];
    const { code } = await gymformer([
      'train',
      recipe,
      ...problems,
      ...enough,
      '--quiet',
      '--runDirectory',
      runDirectory,
    ]);
    expect(code).toBe(0);
    expect(summaryOf(runDirectory).sft.steps).toBe(4);
    const { stopReason } = JSON.parse(readFileSync(join(runDirectory, 'sft/summary.json'), 'utf8')) as {
      readonly stopReason: string;
    };
    expect(stopReason).toMatch(/^[\d.]+ % of answers are right$/);
  });
});

describe('gymformer completions', () => {
  test('shows texts from first to last', async () => {
    const { code, stdout, stderr } = await gymformer(['completions', join(root, 'run'), '--count', '3']);
    expect([code, stderr]).toEqual([0, '']);
    const updates = [...stdout.matchAll(/^update (\d+): return [\d.]+, (?:right|wrong), \d+ tokens\n {2}\d\+\d=/gm)];
    expect(updates.map(([, update]) => update)).toEqual(['1', '2', '2']);
  });

  test.each([
    [[root], 1, /has no completions\.jsonl: give the directory of a run/],
    [[join(root, 'run'), '--count', 'x'], 2, /--count is 'x', but must be a whole number of 1 or more/],
  ])('%j', async (words, exitCode, message) => {
    const { code, stderr } = await gymformer(['completions', ...words]);
    expect(stderr).toMatch(message);
    expect(code).toBe(exitCode);
  });
});

describe('gymformer evaluate', () => {
  test('a model that is in no run needs a recipe', async () => {
    const { code, stderr } = await gymformer(['evaluate', join(root, 'run/model'), '--recipe', 'none.yaml']);
    expect(code).toBe(1);
    expect(stderr).toContain('Cannot read the recipe none.yaml');
  });
});
