import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { CliError } from '../../src/cli/cli-error.ts';
import { parseOverrides } from '../../src/cli/overrides.ts';
import { parseRecipe, parseRecipeOf } from '../../src/cli/recipe.ts';
import { sftRecipeSchema } from '../../src/cli/sft-schema.ts';
import { chatmlTemplate, fromConfig, savePretrained } from '../../src/lm/index.ts';
import { byteTokenizer, tinyGpt } from '../trainer/sft-models.ts';
import { eventsOf, gymformer, resultOf, start } from './command.ts';

const root = mkdtempSync(join(tmpdir(), 'gymformer-test-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const model = join(root, 'tiny');
const chatty = join(root, 'chatty');
const dataset = join(root, 'rows.jsonl');

beforeAll(async () => {
  const tokenizer = byteTokenizer();
  await savePretrained(tinyGpt(), model, { tokenizer });
  tokenizer.chatTemplate = chatmlTemplate;
  const shape = { n_embd: 16, n_layer: 1, n_head: 1, n_positions: 20_000 };
  const tokens = { vocab_size: 258, bos_token_id: 0, eos_token_id: 0, tie_word_embeddings: false };
  const config = { model_type: 'gpt2', ...shape, ...tokens, initializer_range: 1 };
  // Of this seed the likeliest answers are letters, and have no end.
  await savePretrained(fromConfig(config, { seed: 1 }), chatty, { tokenizer });
  const rows = [
    { prompt: 'one', completion: ' eins' },
    { prompt: 'two', completion: ' zwei' },
  ];
  writeFileSync(dataset, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
});

const LEARN = ['--learningRate', '5e-3', '--lrSchedule', 'constant', '--seed', '1'];

describe('recipes', () => {
  function complaint(text: string, ...words: string[]): string {
    try {
      parseRecipeOf(sftRecipeSchema, text, 'my.yaml', parseOverrides(words));
    } catch (error) {
      expect(error).toBeInstanceOf(CliError);
      return (error as CliError).message;
    }
    throw new Error('expected a CliError, but nothing was thrown');
  }

  test('a good one says all it can', () => {
    const text = `
kind: sft
model: models/tiny
dataset: rows.jsonl
lora: { r: 4, alpha: 8, targetModules: [c_attn, c_proj] }
batchSize: 2
maxGradNorm: null
packing: true
`;
    expect(parseRecipeOf(sftRecipeSchema, text, 'my.yaml', parseOverrides(['--batchSize', '3']))).toEqual({
      kind: 'sft',
      model: 'models/tiny',
      dataset: 'rows.jsonl',
      lora: { r: 4, alpha: 8, targetModules: ['c_attn', 'c_proj'] },
      batchSize: 3,
      maxGradNorm: null,
      packing: true,
    });
  });

  test('mistakes are named by line, key, value and what is expected', () => {
    const start = 'kind: sft\nmodel: models/tiny\ndataset: rows.jsonl\n';
    expect(complaint(`${start}batchSize: 0\nlearningrate: 1\nlora: { rank: 4 }\n`).split('\n')).toEqual([
      "my.yaml:6: 'lora.rank' is not a key of a recipe; there are: r, alpha, dropout, targetModules, rsLora",
      'my.yaml:4: batchSize is 0, but must be a whole number of 1 or more',
      "my.yaml:5: 'learningrate' is not a key of a recipe. Did you mean 'learningRate'?",
    ]);
    expect(complaint('kind: sft\nmodel: models/tiny\n')).toBe(
      'my.yaml: dataset is missing; it must be the path of a dataset',
    );
    expect(complaint(`${start}epochs: 1\nmaxSteps: 1\n`)).toContain('my.yaml:5: maxSteps is 1, but must be left out');
    expect(complaint(start, '--lrSchedule', 'step')).toBe(
      "command line: lrSchedule is 'step', but must be 'constant', 'linear' or 'cosine'",
    );
  });

  test('one for another command says which', () => {
    expect(complaint('env: CartPole-v1\n')).toBe(
      'my.yaml is a recipe for an agent: run `npm run gymformer -- train my.yaml`',
    );
    expect(() => parseRecipe('kind: sft\nmodel: m\n', 'my.yaml')).toThrow('run `npm run gymformer -- sft my.yaml`');
    expect(complaint('model: m\ndataset: d\n')).toBe("my.yaml: kind is missing; it must be 'sft'");
  });
});

describe('gymformer sft', () => {
  test('a model and rows: trains, says where things are, and what was learned can be generated', async () => {
    const runDirectory = join(root, 'run');
    const words = ['--dataset', dataset, '--maxSteps', '100', ...LEARN, '--runDirectory', runDirectory];
    const { code, stdout, stderr } = await gymformer(['sft', model, ...words]);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(stdout).toContain(`Fine-tuning ${model} on ${dataset}, seed 1.`);
    expect(stdout).toMatch(
      /Trained for 100 steps on [\d,]+ tokens in [\d.]+ s\.\nLoss 5\.\d+ at first, 0\.0\d+ in the last/,
    );
    expect(readdirSync(runDirectory).sort()).toEqual([
      'checkpoints',
      'config.json',
      'media',
      'metrics.jsonl',
      'recipe.yaml',
      'summary.json',
    ]);

    // The command that it names works; so does the run's directory in place of the model's.
    const folder = /npx gymformer generate (\S+) --prompt/.exec(stdout)![1]!;
    const said = await gymformer(['generate', folder, '--prompt', 'one', '--temperature', '0']);
    expect(said).toEqual({ code: 0, stdout: ' eins\n', stderr: '' });
    const json = await gymformer([
      'generate',
      runDirectory,
      '--prompt',
      'two',
      '--temperature',
      '0',
      '--seed',
      '4',
      '--json',
    ]);
    expect(JSON.parse(json.stdout)).toMatchObject({ prompt: 'two', text: ' zwei', finishReason: 'stop', seed: 4 });
  });

  test('a stop string ends the text, and is not shown; neither is what might have begun it', async () => {
    const runDirectory = join(root, 'run');
    const words = ['generate', runDirectory, '--prompt', 'one', '--temperature', '0'];
    const whole = ' eins';
    for (const stop of ['in', 's', 'nsx']) {
      const cut = whole.includes(stop) ? whole.slice(0, whole.indexOf(stop)) : whole;
      const said = await gymformer([...words, '--stop', 'never', '--stop', stop]);
      expect(said).toEqual({ code: 0, stdout: `${cut}\n`, stderr: '' });
    }
  });

  test('the filters of sampling', async () => {
    const words = ['generate', join(root, 'run'), '--prompt', 'one', '--seed', '1', '--json'];
    // Only what is as likely as the likeliest.
    const { stdout } = await gymformer([...words, '--minP', '1']);
    expect(JSON.parse(stdout)).toMatchObject({ text: ' eins' });
    for (const [flag, value] of [
      ['--minP', '2'],
      ['--repetitionPenalty', '0'],
    ] as const) {
      const refused = await gymformer([...words, flag, value]);
      expect(refused.code).toBe(1);
      expect(refused.stderr).toContain(`sampling: ${flag.slice(2)} is ${value}, but must be`);
    }
  });

  test('the recipe of a run, run again, is the same run', async () => {
    const recipe = join(root, 'sft.yaml');
    writeFileSync(recipe, `kind: sft\nmodel: ${model}\ndataset: ${dataset}\nepochs: 4\nbatchSize: 1\n`);
    const [first, second] = [join(root, 'first'), join(root, 'second')];
    expect((await gymformer(['sft', recipe, '--runDirectory', first, '--quiet'])).stdout).toBe('');
    const ran = join(first, 'recipe.yaml');
    expect(parse(readFileSync(ran, 'utf8'))).toMatchObject({
      kind: 'sft',
      epochs: 4,
      seed: expect.any(Number) as number,
    });
    const { stdout } = await gymformer(['sft', ran, '--runDirectory', second, '--json']);
    expect(resultOf(stdout)).toMatchObject({ stoppedBy: 'epochs', steps: 8 });
    const events = eventsOf(stdout).map(({ event }) => event);
    expect([events[0], new Set(events)]).toEqual(['start', new Set(['start', 'progress', 'checkpoint', 'end'])]);
    const weights = (run: string): Buffer => readFileSync(join(run, 'checkpoints/sft_step_8/model.safetensors'));
    expect(weights(second)).toEqual(weights(first));
  });

  test('adapters are trained alone, and added to the weights in the end', async () => {
    const runDirectory = join(root, 'lora');
    const words = ['--dataset', dataset, '--maxSteps', '5', '--lora.r', '2', ...LEARN, '--runDirectory', runDirectory];
    const { code, stdout } = await gymformer(['sft', model, ...words]);
    expect(code).toBe(0);
    expect(stdout).toContain(`Model:         ${join(runDirectory, 'model')}`);
    expect(existsSync(join(runDirectory, 'checkpoints/sft_step_5/adapter_model.safetensors'))).toBe(true);
    const said = await gymformer(['generate', runDirectory, '--prompt', 'one', '--maxNewTokens', '1', '--json']);
    expect((JSON.parse(said.stdout) as { tokens: number[] }).tokens).toHaveLength(1);
  });

  test.each([
    ['no model', ['sft', 'nowhere/at/all', '--dataset', 'x.jsonl'], 1, 'There is no folder nowhere/at/all'],
    ['no dataset', ['sft', 'x'], 1, 'dataset is missing; it must be the path of a dataset'],
    ['no rows', ['sft', '<model>', '--dataset', 'nothing.jsonl'], 1, 'nothing.jsonl: there is no such file or folder'],
    ['no recipe', ['sft', 'none.yaml'], 1, 'Cannot read the recipe none.yaml: there is no such file'],
    ['no prompt', ['generate', '<model>'], 2, "There is no prompt: give one with --prompt 'text'"],
    [
      'a prompt beyond the context',
      ['generate', '<model>', '--prompt', 'x'.repeat(64)],
      1,
      'The prompt has 64 tokens, but the model reads 64',
    ],
    ['an empty prompt', ['generate', '<model>', '--prompt', ''], 2, 'The prompt is empty'],
    [
      'no number',
      ['generate', '<model>', '--prompt', 'a', '--topK', 'many'],
      2,
      "--topK is 'many', but must be a number",
    ],
    [
      'no model on the Hub',
      ['generate', 'nobody/nothing', '--prompt', 'a'],
      1,
      'There is no folder nobody/nothing; as a model of',
    ],
    ['no chat template', ['chat', '<model>'], 1, 'has no chat template: it was not made to converse'],
  ])('%s', async (_name, words, code, message) => {
    const result = await gymformer(words.map((word) => (word === '<model>' ? model : word)));
    expect(result.stderr).toContain(message);
    expect(result.stderr).not.toContain('    at ');
    expect(result.code).toBe(code);
  });
});

describe('gymformer chat', () => {
  test('answers every line, until /exit', async () => {
    const words = ['chat', chatty, '--maxNewTokens', '4', '--temperature', '0'];
    const { code, stdout, stderr } = await gymformer(words, 'hello\n\n/reset\n/help\nhello\n/exit\nhello\n');
    expect(code).toBe(0);
    expect(stderr).toBe('There is no /help; there are /reset and /exit\n');
    // After a reset the conversation is as at first, and so is the likeliest answer.
    const replies = stdout.trimEnd().split('\n');
    expect(replies).toHaveLength(2);
    expect(replies[0]).toBe(replies[1]);
    expect(replies[0]).not.toBe('');
  });

  test('remembers what was said', async () => {
    const words = ['chat', chatty, '--maxNewTokens', '4', '--temperature', '0'];
    const alone = await gymformer(words, 'hello\n');
    const later = await gymformer(words, 'good day\nhello\n');
    expect(later.stdout.trimEnd().split('\n')[1]).not.toBe(alone.stdout.trimEnd());
  });

  test('Ctrl-C ends the reply, a second one the conversation', async () => {
    const words = ['chat', chatty, '--maxNewTokens', '100000', '--temperature', '0'];
    const { child, output, finished } = start(words);
    child.stdin!.write('hello\n');
    while (output.stdout === '') await pause(20);
    child.kill('SIGINT');
    while (!output.stdout.includes('\n')) await pause(20);
    expect(child.exitCode).toBe(null);
    child.kill('SIGINT');
    expect((await finished).code).toBe(130);
  });
});
