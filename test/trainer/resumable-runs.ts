// Small runs for resume.test.ts, by name. As a program it makes them all, one after the other, each in a folder of its name, and goes on
// with the first that is not finished: `resumable-runs.ts <folder>`.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { fromConfig } from '../../src/lm/index.ts';
import { LMActorNetwork, LMCriticNetwork, MLPActorNetwork, MLPCriticNetwork } from '../../src/rl/index.ts';
import type { TextAlgorithm } from '../../src/trainer/algorithms.ts';
import { trainAgent, trainDpo, trainReward, trainSft } from '../../src/trainer/index.ts';
import { byteTokenizer, CAPITALS, tinyGpt } from './sft-models.ts';
import { envOptions, tinyConfig, tokenizer } from './tiny-text.ts';

type Where = { readonly runDirectory: string; readonly resume: string | undefined };

const networks = () => ({
  actor: new MLPActorNetwork(4, 8, 2, { seed: 1 }),
  critic: new MLPCriticNetwork(4, 8, { seed: 2 }),
});

const ppo = { rolloutSteps: 32, minibatchSize: 32, updateEpochs: 2 } as const;
const text = {
  envName: 'CoTEnv-v0',
  envOptions,
  numEnvs: 4,
  updateInterval: 8,
  maxEpisodes: 160,
  saveInterval: 24,
  seed: 5,
};
const critic = (where: Where, algorithm: 'grpo' | 'rloo' | 'reinforce') =>
  trainAgent({
    envName: 'CartPole-v1',
    actor: networks().actor,
    algorithm: { name: algorithm, learningRate: 1e-3 },
    numEnvs: 2,
    updateInterval: 8,
    maxEpisodes: 160,
    saveInterval: 24,
    seed: 3,
    ...where,
  });
const writer = (where: Where, algorithm: TextAlgorithm, more: object = {}) => {
  const actor = new LMActorNetwork(fromConfig(tinyConfig, { seed: 0 }));
  const own = algorithm.name === 'ppo' ? { critic: new LMCriticNetwork(actor.model, { seed: 1 }) } : {};
  return trainAgent({ ...text, actor, ...own, algorithm, ...more, ...where });
};
/** A weight of the divergence that adapts, and remembers what it has come to. */
const scored = {
  envName: 'RLHFEnv-v0',
  envOptions: {
    tokenizer,
    dataset: ['1', '12', '3+4', '5'],
    reward: (completion: string) => (completion.split('7').length - 1) / 10,
    klCoef: { initial: 0.1, target: 0.5, horizon: 50 },
    whitenRewards: true,
    maxGeneration: 8,
  },
};
const pairs = CAPITALS.map(({ prompt, completion }) => ({ prompt: `>${prompt}`, chosen: completion, rejected: 'no' }));
const examples = {
  tokenizer: byteTokenizer(),
  batchSize: 2,
  maxSteps: 20,
  learningRate: 1e-2,
  warmupSteps: 2,
  evalInterval: 3,
  saveInterval: 2,
  testSize: 2,
  seed: 5,
};

const RUNS = {
  'ppo-vector': (where: Where) =>
    trainAgent({
      envName: 'CartPole-v1',
      ...networks(),
      numEnvs: 4,
      totalSteps: 128 * 16,
      saveInterval: 20,
      seed: 7,
      ppoConfig: ppo,
      normalizeObservation: true,
      normalizeReward: true,
      ...where,
    }),
  'ppo-alone': (where: Where) =>
    trainAgent({
      envName: 'CartPole-v1',
      ...networks(),
      numEnvs: 1,
      totalSteps: 64 * 16,
      saveInterval: 10,
      seed: 7,
      ppoConfig: { ...ppo, rolloutSteps: 64 },
      ...where,
    }),
  grpo: (where: Where) => critic(where, 'grpo'),
  rloo: (where: Where) => critic(where, 'rloo'),
  reinforce: (where: Where) => critic(where, 'reinforce'),
  'text-ppo': (where: Where) =>
    writer(where, { name: 'ppo', lrActor: 1e-3, updateEpochs: 1, minibatchSize: 8, lrSchedule: 'linear' }),
  'text-grpo': (where: Where) => writer(where, { name: 'grpo', learningRate: 1e-3 }),
  'text-rloo': (where: Where) => writer(where, { name: 'rloo', learningRate: 1e-3 }),
  'text-reinforce': (where: Where) => writer(where, { name: 'reinforce', learningRate: 1e-3 }),
  rlhf: (where: Where) => writer(where, { name: 'ppo', lrActor: 1e-3, updateEpochs: 1, minibatchSize: 8 }, scored),
  sft: (where: Where) =>
    trainSft({
      ...examples,
      model: tinyGpt(),
      dataset: CAPITALS,
      gradientAccumulation: 2,
      lora: { r: 2, dropout: 0.2 },
      ...where,
    }),
  reward: ({ resume, ...where }: Where) =>
    trainReward({
      ...examples,
      model: tinyGpt(),
      datasetsPath: pairs,
      train: 'full',
      patience: null,
      resumeCheckpoint: resume,
      ...where,
    }),
  dpo: (where: Where) => trainDpo({ ...examples, model: tinyGpt(), dataset: pairs, lrSchedule: 'cosine', ...where }),
} as const satisfies Record<string, (where: Where) => Promise<object>>;

export const NAMES = Object.keys(RUNS) as (keyof typeof RUNS)[];

/** Makes a run, or goes on with the one that is there. */
export async function resumable(name: (typeof NAMES)[number], runDirectory: string): Promise<void> {
  const resume = existsSync(join(runDirectory, 'config.json')) ? runDirectory : undefined;
  await RUNS[name]({ runDirectory, resume });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  for (const name of NAMES) {
    const run = join(process.argv[2]!, name);
    if (!existsSync(join(run, 'summary.json'))) await resumable(name, run);
  }
}
