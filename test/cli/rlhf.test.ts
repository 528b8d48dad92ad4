import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { CliError } from '../../src/cli/cli-error.ts';
import { parseRecipeOf } from '../../src/cli/recipe.ts';
import { curveSvg } from '../../src/cli/rlhf-curve.ts';
import { label, type WrittenText } from '../../src/cli/rlhf-labels.ts';
import { bestOfNDivergence, divergence } from '../../src/cli/rlhf-measure.ts';
import { rlhfRecipeSchema } from '../../src/cli/rlhf-schema.ts';
import { descriptiveness } from '../../src/env/text/index.ts';
import { fromPretrained, RewardModel } from '../../src/lm/index.ts';
import { a, b, c, constantModel, eos } from '../env/text/rlhf/constant-model.ts';
import { gymformer } from './command.ts';

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
  [TINY.replace('kind: rlhf', 'kind: sft'), 'run `gymformer sft my.yaml`'],
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
  const summary = JSON.parse(stdout) as Record<string, unknown>;
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
  expect(readFileSync(join(run, 'curve.svg'), 'utf8')).toMatch(/^<svg [^]*PPO[^]*<\/svg>\n$/);
  expect(readFileSync(join(run, 'evaluation.jsonl'), 'utf8').trimEnd().split('\n')).toHaveLength(6);
  expect(parse(readFileSync(join(run, 'recipe.yaml'), 'utf8'))).toEqual(parse(TINY));
});

describe('labels', () => {
  const groups = Array.from({ length: 2000 }, (_, i) =>
    ['Our fox slept.', 'The proud fox sang.', 'This cat ran.', 'One owl sat calmly and quietly.'].map(
      (text, k): WrittenText => ({ prompt: [i], response: [k], tokens: [k, 0], text }),
    ),
  );

  test('are the rule, but for slips', () => {
    const { rows, slips } = label(groups, { noise: 0.1, seed: 1 });
    expect(rows[0]).toMatchObject({ query: [0], sample0: [0], sample3: [3] });
    expect(rows.filter(({ best }) => best !== 3)).toHaveLength(slips);
    // 10 % of 2000, within four standard deviations.
    expect(Math.abs(slips - 200)).toBeLessThan(4 * Math.sqrt(2000 * 0.1 * 0.9));
    expect(label(groups, { noise: 0, seed: 1 }).slips).toBe(0);
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

test('a curve is a picture, whatever its points', () => {
  for (const path of [
    [],
    [{ kl: -0.1, score: -2 }],
    [
      { kl: 0, score: 0 },
      { kl: 9, score: 12.5 },
    ],
  ]) {
    const svg = curveSvg(path, [{ name: 'a < b', kl: 1, score: 1 }], 'A & B');
    expect(svg).toContain('a &lt; b');
    expect(svg).toContain('A &amp; B');
    expect(svg).not.toMatch(/NaN|Infinity/);
  }
});
