// Runs of every kind that are interrupted by Ctrl-C in each of their stages and go on by `gymformer train --resume <run>`: in the end
// they have, to the last bit, the models of a run without a break.

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { savePretrained } from '../../src/lm/index.ts';
import { byteTokenizer, tinyGpt } from '../trainer/sft-models.ts';
import { type Finished, gymformer, resultOf, start } from './command.ts';

const root = mkdtempSync(join(tmpdir(), 'gymformer-test-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const model = join(root, 'tiny');
const pairs = join(root, 'pairs.jsonl');
const examples = join(root, 'examples.jsonl');

const LEARN = 'learningRate: 1e-3, warmupSteps: 0, batchSize: 4, lrSchedule: linear';

/** A recipe of each kind, its stages in their order, and the models that it leaves. */
const KINDS: readonly {
  readonly kind: string;
  readonly recipe: string;
  /** Folders of the run, or '' for the run itself. */
  readonly stages: readonly string[];
  readonly models: readonly string[];
}[] = [
  {
    kind: 'sft',
    recipe: `{ kind: sft, model: ${model}, dataset: ${examples}, maxSteps: 150, ${LEARN} }`,
    stages: [''],
    models: ['checkpoints/sft_step_150'],
  },
  {
    kind: 'reward',
    recipe: `{ kind: reward, model: ${model}, dataset: ${pairs}, train: full, maxSteps: 150, testSize: 4, patience: null, ${LEARN} }`,
    stages: [''],
    models: ['model'],
  },
  {
    kind: 'dpo',
    recipe: `{ kind: dpo, model: ${model}, dataset: ${pairs}, lora: { r: 2 }, maxSteps: 100, ${LEARN} }`,
    stages: [''],
    models: ['model'],
  },
  {
    kind: 'reasoning',
    recipe: `
kind: reasoning
model:
  config: { model_type: gpt2, n_positions: 48, n_embd: 16, n_layer: 1, n_head: 2 }
dataset: { generator: addition, digits: 1, count: 60 }
envOptions:
  { promptFormat: plain, template: "{question}", systemMessage: "", fewShot: [], maxGeneration: 16, reward: exactMatch, testSplit: 0.2 }
sft: { examples: 20, maxSteps: 150, ${LEARN} }
rl:
  algorithm: { name: ppo, lrActor: 1e-4, gamma: 1, updateEpochs: 1, minibatchSize: 8 }
  numEnvs: 4
  updateInterval: 8
  maxEpisodes: 320
evaluation: { problems: 12, samples: 2 }
`,
    stages: ['sft', 'rl'],
    models: ['models/sft', 'model'],
  },
  {
    kind: 'rlhf',
    recipe: `
kind: rlhf
model: ${model}
dataset: { examples: ${examples} }
sft: { maxSteps: 150, ${LEARN} }
preferences: { dataset: ${pairs} }
reward: { train: full, epochs: 20, testSize: 4, patience: null, ${LEARN} }
envOptions: { maxGeneration: 8, klCoef: { initial: 0.1, target: 1, horizon: 100 } }
rl:
  algorithm: { name: ppo, lrActor: 1e-4, gamma: 1, updateEpochs: 1, minibatchSize: 8 }
  numEnvs: 4
  updateInterval: 8
  maxEpisodes: 240
dpo: { epochs: 20, ${LEARN} }
evaluation: { texts: 4, samples: 1 }
`,
    stages: ['sft', 'reward', 'rl', 'dpo'],
    models: ['models/sft', 'models/reward', 'models/ppo', 'models/dpo'],
  },
];

beforeAll(async () => {
  await savePretrained(tinyGpt(), model, { tokenizer: byteTokenizer() });
  const rows = Array.from({ length: 20 }, (_, i) => ({ prompt: `q${i}: `, chosen: `!${'ab'[i % 2]}`, rejected: '.' }));
  writeFileSync(pairs, rows.map((row) => JSON.stringify(row)).join('\n'));
  writeFileSync(examples, rows.map(({ prompt, chosen }) => JSON.stringify({ prompt, completion: chosen })).join('\n'));
});

const linesOf = (file: string): readonly string[] =>
  existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : [];

/** Runs until there are some lines of metrics more, then presses Ctrl-C or sends another signal. */
async function interrupted(
  words: readonly string[],
  metrics: string,
  signal: 'SIGINT' | 'SIGTERM' = 'SIGINT',
): Promise<Finished> {
  const before = linesOf(metrics).length;
  const { child, finished } = start(words);
  while (linesOf(metrics).length < before + 3 && child.exitCode === null) await pause(5);
  child.kill(signal);
  return finished;
}

describe.each(KINDS)('$kind', ({ kind, recipe, stages, models }) => {
  const [file, whole, broken] = ['yaml', 'whole', 'broken'].map((name) => join(root, `${kind}.${name}`)) as [
    string,
    string,
    string,
  ];

  test('Ctrl-C in each stage, then on by --resume: the models of a run without a break', async () => {
    writeFileSync(file, recipe);
    const straight = await gymformer(['train', file, '--seed', '5', '--quiet', '--runDirectory', whole]);
    expect([straight.code, straight.stderr]).toEqual([0, '']);

    let words = ['train', file, '--seed', '5', '--runDirectory', broken];
    for (const stage of stages) {
      const { code, stdout, stderr } = await interrupted(words, join(broken, stage, 'metrics.jsonl'));
      expect([stage, code], stderr).toEqual([stage, 130]);
      expect(stderr).toMatch(/Stopping at this (step|update)\./);
      expect(stdout).toContain(`npx gymformer train --resume ${broken}\n`);
      expect(JSON.parse(readFileSync(join(broken, 'summary.json'), 'utf8'))).toMatchObject({ stoppedBy: 'signal' });
      words = ['train', '--resume', broken];
    }
    const { code, stderr } = await gymformer([...words, '--quiet']);
    expect([code, stderr]).toEqual([0, '']);

    for (const folder of models) {
      const weights = (run: string): Buffer => readFileSync(join(run, folder, 'model.safetensors'));
      expect([folder, weights(broken).equals(weights(whole))]).toEqual([folder, true]);
    }
    for (const stage of stages) {
      const counts = linesOf(join(broken, stage, 'metrics.jsonl')).map((line) => {
        const { step, update } = JSON.parse(line) as { readonly step?: number; readonly update?: number };
        return step ?? update;
      });
      expect(counts).toEqual(counts.map((_, i) => i + 1));
      expect(counts).toHaveLength(linesOf(join(whole, stage, 'metrics.jsonl')).length);
    }
    expect(parse(readFileSync(join(broken, 'recipe.yaml'), 'utf8'))).toEqual({ ...parse(recipe), seed: 5 });
  });

  test('a run at its end has nothing left to do', async () => {
    const before = linesOf(join(whole, stages.at(-1)!, 'metrics.jsonl'));
    const { code, stderr } = await gymformer(['train', '--resume', whole, '--quiet']);
    expect([code, stderr]).toEqual([0, '']);
    expect(linesOf(join(whole, stages.at(-1)!, 'metrics.jsonl'))).toEqual(before);
  });
});

describe('agent', () => {
  const words = ['train', 'CartPole-v1', '--totalSteps', '8192', '--saveInterval', '20', '--seed', '5'];
  const [whole, broken] = [join(root, 'agent.whole'), join(root, 'agent.broken')];
  const saved = (run: string): Buffer => {
    const { checkpoint } = JSON.parse(readFileSync(join(run, 'summary.json'), 'utf8')) as { checkpoint: string };
    return readFileSync(join(checkpoint, 'model.safetensors'));
  };
  const timeless = (run: string): unknown[] =>
    linesOf(join(run, 'metrics.jsonl')).map((line) => ({
      ...JSON.parse(line),
      seconds: 0,
      stepsPerSecond: 0,
      memory: 0,
    }));

  test.each(['SIGINT', 'SIGTERM'] as const)('%s, then on by --resume: the run without a break', async (signal) => {
    if (!existsSync(whole)) expect((await gymformer([...words, '--quiet', '--runDirectory', whole])).code).toBe(0);
    rmSync(broken, { recursive: true, force: true });
    const { code, stdout } = await interrupted(
      [...words, '--runDirectory', broken],
      join(broken, 'metrics.jsonl'),
      signal,
    );
    expect(code).toBe(signal === 'SIGINT' ? 130 : 143);
    expect(stdout).toContain(`train --resume ${broken}\n`);
    const on = await gymformer(['train', '--resume', broken, '--quiet']);
    expect([on.code, on.stderr]).toEqual([0, '']);
    expect(timeless(broken)).toEqual(timeless(whole));
    expect(saved(broken).equals(saved(whole))).toBe(true);
  });

  test('a run that another process writes is refused; the lock of a dead one is not in the way', async () => {
    const run = join(root, 'agent.locked');
    const { child, finished } = start([...words, '--totalSteps', '1000000', '--runDirectory', run]);
    while (linesOf(join(run, 'metrics.jsonl')).length < 1 && child.exitCode === null) await pause(5);
    const second = await gymformer(['train', '--resume', run, '--quiet']);
    expect([second.code, second.stderr]).toEqual([
      1,
      expect.stringContaining(`process ${child.pid} is writing ${run}`),
    ]);
    child.kill('SIGKILL');
    await finished;
    expect(existsSync(join(run, 'lock.json'))).toBe(true);
    const steps = linesOf(join(run, 'metrics.jsonl')).length * 2048;
    const on = await gymformer(['train', '--resume', run, '--quiet', '--totalSteps', String(steps + 4096)]);
    expect([on.code, on.stderr]).toEqual([0, '']);
    expect(existsSync(join(run, 'lock.json'))).toBe(false);
  });
});

test('a checkpoint that is named begins a run of its own', async () => {
  const checkpoint = join(root, 'sft.whole/checkpoints/sft_step_150');
  const more = join(root, 'more');
  const { code, stdout } = await gymformer([
    'train',
    '--resume',
    checkpoint,
    '--maxSteps',
    '152',
    '--json',
    '--runDirectory',
    more,
  ]);
  expect(code).toBe(0);
  expect(resultOf(stdout)).toMatchObject({ steps: 152, seed: 5, runDirectory: more });
});

test.each([
  ['nothing to do', ['train'], 2, 'Give a recipe, the id of an environment, or --resume <run>'],
  ['no such folder', ['train', '--resume', join(root, 'none')], 1, 'there is no such folder'],
  ['no run', ['train', '--resume', model], 1, 'it is neither the directory of a run, which has a recipe.yaml, nor'],
  [
    'a stage',
    ['train', '--resume', join(root, 'rlhf.whole/sft/checkpoints/sft_step_150')],
    1,
    `it is of one stage of the run ${join(root, 'rlhf.whole')}. Give that`,
  ],
])('what cannot go on: %s', async (_name, words, exitCode, message) => {
  const { code, stderr } = await gymformer(words);
  expect(stderr).toContain(message);
  expect(stderr).not.toContain('    at ');
  expect(code).toBe(exitCode);
});
