import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { CliError } from '../../src/cli/cli-error.ts';
import { parseRecipeOf } from '../../src/cli/recipe.ts';
import { label, type WrittenText } from '../../src/cli/rlhf-labels.ts';
import { bestOfNDivergence, divergence } from '../../src/cli/rlhf-measure.ts';
import { rlhfRecipeSchema } from '../../src/cli/rlhf-schema.ts';
import { type RlhfSetup, setUp } from '../../src/cli/rlhf-setup.ts';
import { descriptiveness, sceneSentences } from '../../src/env/text/index.ts';
import { fromPretrained, RewardModel, savePretrained } from '../../src/lm/index.ts';
import { readRun } from '../../src/tracking/index.ts';
import { a, b, c, constantModel, eos } from '../env/text/rlhf/constant-model.ts';
import { byteTokenizer, tinyGpt } from '../trainer/sft-models.ts';
import { gymformer, resultOf } from './command.ts';

const root = mkdtempSync(join(tmpdir(), 'gymformer-test-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const TINY = `
kind: rlhf
dataset: { generator: scenes, count: 60, queries: 20 }
model:
  config: { model_type: gpt2, n_positions: 48, n_embd: 16, n_layer: 1, n_head: 2 }
  vocabSize: 300
sft: { maxSteps: 4, batchSize: 8, learningRate: 1e-3 }
preferences: { count: 16, candidates: 3, noise: 0.1 }
reward: { train: full, epochs: 1, batchSize: 4, learningRate: 1e-3, testSize: 0.25, warmupSteps: 1 }
envOptions: { maxGeneration: 12, klCoef: { initial: 0.1, target: 1, horizon: 100 } }
rl:
  algorithm: { name: ppo, lrActor: 1e-3, gamma: 1, updateEpochs: 1, minibatchSize: 8 }
  numEnvs: 4
  updateInterval: 8
  maxEpisodes: 16
dpo: { epochs: 1, batchSize: 8, learningRate: 1e-4 }
evaluation: { texts: 6, samples: 1 }
seed: 3
`;

test('the shipped recipe is one', () => {
  const path = new URL('../../recipes/rlhf-descriptiveness.yaml', import.meta.url);
  const recipe = parseRecipeOf(rlhfRecipeSchema, readFileSync(path, 'utf8'), 'rlhf-descriptiveness.yaml');
  expect(recipe.preferences).toEqual({ count: expect.any(Number), candidates: 4, noise: 0.1 });
});

test.each([
  [TINY.replace('generator: scenes', 'generator: novels'), "dataset.generator is 'novels', but must be 'scenes'"],
  [TINY.replace('noise: 0.1', 'noise: 2'), 'preferences.noise is 2, but must be a number from 0 to 1'],
  [TINY.replace('target: 1, ', ''), 'envOptions.klCoef'],
  [
    TINY.replace('klCoef', 'klCoeff'),
    "'envOptions.klCoeff' is not a key of a recipe. Did you mean 'envOptions.klCoef'?",
  ],
  [TINY.replace('kind: rlhf', 'kind: sft'), 'run `npm run gymformer -- sft my.yaml`'],
])('a mistake is named (%#)', (text, message) => {
  const read = (): unknown => parseRecipeOf(rlhfRecipeSchema, text, 'my.yaml');
  expect(read).toThrow(CliError);
  expect(read).toThrow(message);
});

test('a run goes the whole way, and leaves models, labels, texts and a picture', async () => {
  const [recipe, run] = [join(root, 'tiny.yaml'), join(root, 'run')];
  writeFileSync(recipe, TINY);
  const { stdout, stderr, code } = await gymformer(['train', recipe, '--json', '--runDirectory', run]);
  expect([stderr, code]).toEqual(['', 0]);
  const summary = resultOf(stdout);
  expect(summary).toMatchObject({ seed: 3, labels: 16, klTarget: 1, runDirectory: run });
  expect(summary).toEqual(JSON.parse(readFileSync(join(run, 'summary.json'), 'utf8')));
  const contestants = summary['contestants'] as { name: string; kl: number }[];
  expect(contestants.map(({ name }) => name)).toEqual(['fine-tuned', 'best of 3', 'DPO', 'PPO']);
  expect(contestants.map(({ kl }) => Number.isFinite(kl))).toEqual([true, true, true, true]);
  expect(summary['points']).toHaveLength(2);

  const labels = JSON.parse(readFileSync(join(run, 'labels.json'), 'utf8')) as Record<string, unknown>[];
  expect(Object.keys(labels[0]!)).toEqual(['query', 'sample0', 'sample1', 'sample2', 'best']);
  for (const name of ['sft', 'dpo', 'ppo']) await fromPretrained(join(run, 'models', name));
  await RewardModel.fromPretrained(join(run, 'models/reward'));
  expect(readFileSync(join(run, 'media/curve.svg'), 'utf8')).toMatch(/^<svg [^]*PPO[^]*<\/svg>\s*$/);
  expect(readFileSync(join(run, 'evaluation.jsonl'), 'utf8').trimEnd().split('\n')).toHaveLength(6);
  expect(parse(readFileSync(join(run, 'recipe.yaml'), 'utf8'))).toEqual(parse(TINY));
});

describe("on data of one's own", () => {
  const model = join(root, 'tiny-model');
  const labels = join(root, 'offline_5k');
  const OWN = `
kind: rlhf
model: ${model}
preferences: { dataset: ${labels}, labelTokenizer: ${model}, badRows: skip }
reward: { train: lora, lora: { r: 2 }, epochs: 2, batchSize: 4, learningRate: 1e-3, testSize: 0.25, warmupSteps: 1 }
envOptions: { maxGeneration: 8, klCoef: 0.1, truncateAt: { token: ".", after: 2 } }
rl:
  algorithm: { name: rloo, learningRate: 1e-4 }
  groupSize: 2
  temperature: 0.8
  lora: { r: 2 }
  numEnvs: 4
  updateInterval: 8
  maxEpisodes: 16
  onEnvError: reset
dpo: { epochs: 1, batchSize: 8, lora: { r: 2 } }
evaluation: { texts: 4, samples: 1 }
seed: 3
`;
  const tokenizer = byteTokenizer();

  beforeAll(async () => {
    await savePretrained(tinyGpt(), model, { tokenizer });
    mkdirSync(labels);
    const ids = (text: string): number[] => [...tokenizer.encode(text), 50_259];
    const rows: object[] = Array.from({ length: 24 }, (_, i) => ({
      query: ids(`q${i}: `),
      ...Object.fromEntries([0, 1, 2, 3].map((k) => [`sample${k}`, ids(k === i % 4 ? 'red.' : '.')])),
      best: i % 4,
    }));
    rows[5] = { ...rows[5], best: 4 };
    writeFileSync(join(labels, 'labels.json'), JSON.stringify(rows));
  });

  test("preferences in OpenAI's format and a model are enough; without a rule the reward model measures", async () => {
    const [recipe, run] = [join(root, 'own.yaml'), join(root, 'own')];
    writeFileSync(recipe, OWN);
    const { stdout, stderr, code } = await gymformer(['train', recipe, '--runDirectory', run]);
    expect(code, stderr).toBe(0);
    expect(stderr).toContain('1 of 24 rows cannot be used and were left out; the first:');
    expect(stdout).toContain(`${model} of`);
    expect(stdout).toContain('19 queries; 4 others, never trained with, to measure by.');
    expect(stdout).toMatch(/reward model +deviation +divergence\n/);
    expect(stdout).toMatch(/By RLOO, the reward model's score (rose|fell) by \d+\.\d\d standard deviations\./);
    expect(stdout).not.toMatch(/rule|sentences/i);
    expect(stdout).toMatch(/generate .*models\/ppo --prompt '.*' --temperature 0\.8\n/);
    const summary = JSON.parse(readFileSync(join(run, 'summary.json'), 'utf8')) as Record<string, unknown>;
    expect(summary).toMatchObject({ labels: null, slips: null, klTarget: null, gain: expect.any(Number) });
    expect(summary['heldOutAccuracy']).not.toBeNull();
    const contestants = summary['contestants'] as Record<string, unknown>[];
    expect(contestants.map(({ name }) => name)).toEqual(['before', 'best of 4', 'DPO', 'RLOO']);
    expect(contestants[0]).toMatchObject({ rule: null, sentences: null, kl: 0 });
    expect((summary['points'] as object[])[0]).toMatchObject({ rule: null, reward: expect.any(Number) });
    expect(readdirSync(join(run, 'models')).sort()).toEqual(['dpo', 'ppo', 'reward']);
    // Adapters were added to the weights.
    await fromPretrained(join(run, 'models/dpo'));
    await fromPretrained(join(run, 'models/ppo'));
    expect((await readRun(join(run, 'rl'))).config).toMatchObject({ temperature: 0.8, saveInterval: 80 });
    expect(readFileSync(join(run, 'rl/metrics.jsonl'), 'utf8')).toContain('"envFailures":0');
    expect(readFileSync(join(run, 'media/curve.svg'), 'utf8')).toContain('score by the reward model');
  });

  test('examples teach a new model; queries have a file; a rule may label and measure', async () => {
    const [examples, queries, recipe, run] = ['examples.jsonl', 'queries.jsonl', 'rule.yaml', 'rule'].map((name) =>
      join(root, name),
    ) as [string, string, string, string];
    const sentences = sceneSentences({ count: 40, seed: 1 });
    writeFileSync(
      examples,
      sentences.map((text) => JSON.stringify({ prompt: text.slice(0, 4), completion: text.slice(4) })).join('\n'),
    );
    writeFileSync(
      queries,
      ['Our', 'The old', 'One', 'This', 'My'].map((query) => JSON.stringify({ query })).join('\n'),
    );
    const text = TINY.replace(
      /dataset: .*/,
      `dataset: { examples: ${examples}, queries: ${queries} }\nrule: descriptiveness`,
    );
    writeFileSync(recipe, text.replace('texts: 6', 'texts: 2'));
    const { stdout, stderr, code } = await gymformer(['train', recipe, '--json', '--runDirectory', run]);
    expect(code, stderr).toBe(0);
    const { labels, contestants } = resultOf(stdout) as { labels: number; contestants: Record<string, unknown>[] };
    expect(labels).toBe(16);
    expect(contestants[0]).toMatchObject({ name: 'fine-tuned', rule: { mean: expect.any(Number) }, sentences: null });
  });

  test.each<[string, (text: string) => string, string]>([
    ['no preferences', (text) => text.replace(/preferences: .*/, 'preferences: {}'), 'preferences.dataset is missing'],
    [
      'preferences twice',
      (text) => text.replace('badRows: skip', 'count: 5'),
      'preferences.count is 5, but must be left out',
    ],
    ['nothing to learn for sft', (text) => `${text}sft: { epochs: 1 }\n`, 'dataset.examples is missing'],
    [
      'a new model that learns nothing',
      (text) => text.replace(/model: .*/, 'model: { config: { model_type: gpt2 } }'),
      'sft is missing',
    ],
    ['a count of nothing', (text) => `${text}dataset: { count: 5 }\n`, 'dataset.count is 5, but must be left out'],
    [
      'both kinds of data',
      (text) => `${text}dataset: { generator: scenes, count: 5, examples: a.jsonl }\n`,
      "dataset.examples is 'a.jsonl', but must be left out, for a generator makes them",
    ],
    [
      'labels by no rule',
      (text) => text.replace(/preferences: .*/, 'preferences: { count: 5 }'),
      "rule is missing; it must be 'descriptiveness'",
    ],
  ])('mistakes are named: %s', (_name, change, message) => {
    expect(() => parseRecipeOf(rlhfRecipeSchema, change(OWN), 'my.yaml')).toThrow(message);
  });

  test.each<[string, string[], string]>([
    ['a bad row', ['--preferences.badRows', 'throw'], 'labels.json, line 1: best is 4'],
    ['too many texts to measure by', ['--evaluation.texts', '23'], 'evaluation.texts is 23, but there are 23 queries'],
    ['no such model', ['--model', 'no/such/model'], 'There is no folder no/such/model'],
    ['no such preferences', ['--preferences.dataset', 'none.json'], 'none.json: there is no such file or folder'],
  ])('what can be known before training is told before: %s', async (_name, words, message) => {
    const [recipe, run] = [join(root, 'own.yaml'), join(root, 'refused')];
    writeFileSync(recipe, OWN);
    const { code, stderr } = await gymformer(['train', recipe, ...words, '--runDirectory', run]);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain('    at ');
    expect(code).not.toBe(0);
    expect(existsSync(run)).toBe(false);
  });

  test('queries may be token ids, which are what the tokenizer of the labels says', async () => {
    const { queries } = await setUpWith(labels);
    expect([...queries.train, ...queries.heldOut].sort()).toEqual(
      Array.from({ length: 24 }, (_, i) => `q${i}: `).sort(),
    );
  });

  test.each([
    [
      'an id that this has not',
      [[3, 50_259], [40_000]],
      'queries.json: query 2 has the token id 40000, but the tokenizer only',
    ],
    ['nothing but padding', [[50_259]], 'queries.json: query 1 is nothing but padding'],
    ['no room for an answer', Array(9).fill('a'.repeat(200)), "leaves no room in the model's context of"],
  ])('a query with %s is told before training', async (_name, queries, message) => {
    const path = join(root, 'queries.json');
    writeFileSync(path, JSON.stringify(queries.map((query) => ({ query }))));
    await expect(setUpWith(path)).rejects.toThrow(message);
  });

  function setUpWith(queries: string): Promise<RlhfSetup> {
    const recipe = parseRecipeOf(rlhfRecipeSchema, `${OWN}dataset: { queries: ${queries} }\n`, 'my.yaml');
    return setUp({ ...recipe, runDirectory: join(root, 'set-up') }, () => undefined, false);
  }

  test('the example of the docs is a recipe', () => {
    const docs = readFileSync(new URL('../../docs/rlhf.md', import.meta.url), 'utf8');
    const [, example] = /```yaml\n(.*?)```/s.exec(docs)!;
    expect(parseRecipeOf(rlhfRecipeSchema, example!, 'docs.yaml')).toMatchObject({ kind: 'rlhf' });
  });
});

describe('labels', () => {
  const rule = { score: descriptiveness };
  const groups = Array.from({ length: 2000 }, (_, i) =>
    ['Our fox slept.', 'The proud fox sang.', 'This cat ran.', 'One owl sat calmly and quietly.'].map(
      (text, k): WrittenText => ({ prompt: [i], response: [k], tokens: [k, 0], text }),
    ),
  );

  test('are the rule, but for slips', () => {
    const { rows, slips } = label(groups, { rule, noise: 0.1, seed: 1 });
    expect(rows[0]).toMatchObject({ query: [0], sample0: [0], sample3: [3] });
    expect(rows.filter(({ best }) => best !== 3)).toHaveLength(slips);
    // 10 % of 2000, within four standard deviations.
    expect(Math.abs(slips - 200)).toBeLessThan(4 * Math.sqrt(2000 * 0.1 * 0.9));
    expect(label(groups, { rule, noise: 0, seed: 1 }).slips).toBe(0);
    expect(descriptiveness(groups[0]![3]!.text)).toBe(2);
  });
});

test('divergences are those of the distributions', async () => {
  const p = { [eos]: 0.25, [a]: 0.25, [b]: 0.25, [c]: 0.25 };
  const q = { [eos]: 0.1, [a]: 0.2, [b]: 0.3, [c]: 0.4 };
  const text = { prompt: [a], response: [b, c], tokens: [b, c, eos], text: '' };
  const expected = [0.3, 0.4, 0.1].reduce((sum, x) => sum + Math.log(0.25 / x), 0);
  expect(await divergence([text, text], constantModel(p), constantModel(q))).toBeCloseTo(expected, 4);
  expect(bestOfNDivergence(1)).toBe(0);
  expect(bestOfNDivergence(4)).toBeCloseTo(0.6363, 4);
});
