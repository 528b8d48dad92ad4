// Small runs for resume.test.ts, by name. As a program it makes one, or goes on with it if it is there: `resumable-runs.ts <name> <run>`.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { fromConfig } from '../../src/lm/index.ts';
import { LMActorNetwork, LMCriticNetwork, MLPActorNetwork, MLPCriticNetwork } from '../../src/rl/index.ts';
import type { TextAlgorithm } from '../../src/trainer/algorithms.ts';
import { type RunResult, trainAgent } from '../../src/trainer/index.ts';
import { envOptions, tinyConfig } from './tiny-text.ts';

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
const writer = (where: Where, algorithm: TextAlgorithm) => {
  const actor = new LMActorNetwork(fromConfig(tinyConfig, { seed: 0 }));
  const own = algorithm.name === 'ppo' ? { critic: new LMCriticNetwork(actor.model, { seed: 1 }) } : {};
  return trainAgent({ ...text, actor, ...own, algorithm, ...where });
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
} as const satisfies Record<string, (where: Where) => Promise<RunResult>>;

export const NAMES = Object.keys(RUNS) as (keyof typeof RUNS)[];

/** Makes a run, or goes on with the one that is there. */
export function resumable(name: keyof typeof RUNS, runDirectory: string): Promise<RunResult> {
  const resume = existsSync(join(runDirectory, 'config.json')) ? runDirectory : undefined;
  return RUNS[name]({ runDirectory, resume });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [, , name, run] = process.argv;
  await resumable(name as keyof typeof RUNS, run!);
}
