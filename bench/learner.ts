// Agents for the benchmarks that train, with the hyper-parameters that CleanRL and rl-baselines3-zoo publish results for.

import { makeVec } from '../src/env/index.ts';
import { defaultRng } from '../src/random/index.ts';
import {
  ActorCriticPolicy,
  MLPActorNetwork,
  MLPCriticNetwork,
  PPO,
  type PPOConfig,
  resolvePPOConfig,
  type Rollout,
  RolloutCollector,
} from '../src/rl/index.ts';
import type { Benchmark } from './benchmark.ts';

/** How many environments, and how PPO learns from them. */
export interface Recipe {
  readonly numEnvs: number;
  readonly config: PPOConfig & { readonly rolloutSteps: number };
}

/** The defaults of CleanRL's cleanrl/ppo.py. */
export const CLEANRL: Recipe = {
  numEnvs: 4,
  config: { rolloutSteps: 128, minibatchSize: 128, updateEpochs: 4, valueClip: 0.2, lrSchedule: 'linear' },
};

/** CartPole-v1 in rl-baselines3-zoo's hyperparams/ppo.yml, and Stable-Baselines3's defaults for the rest. */
export const ZOO: Recipe = {
  numEnvs: 8,
  config: {
    rolloutSteps: 32,
    minibatchSize: 256,
    updateEpochs: 20,
    gamma: 0.98,
    gaeLambda: 0.8,
    entropyCoef: 0,
    lrActor: 1e-3,
    lrSchedule: 'linear',
    epsClipSchedule: 'linear',
  },
};

/** Observation and action sizes of the environments trained on. */
const SIZES = { 'CartPole-v1': [4, 2], 'Acrobot-v1': [6, 3] } as const;

export type Task = keyof typeof SIZES;

/** A learner at work. */
export interface Learner {
  readonly policy: ActorCriticPolicy;
  /** Plays one rollout. */
  collect(): Promise<Rollout>;
  /** Learns from the rollout just played; `progress` is how much of the run is over, 0 to 1. */
  update(rollout: Rollout, progress: number): Promise<unknown>;
}

/** A fresh learner: two MLPs of 64-64. */
export function learner(id: Task, seed: number, { numEnvs, config }: Recipe): Learner {
  const env = makeVec(id, { numEnvs, vectorizationMode: 'sync', vectorKwargs: { autoresetMode: 'same-step' } });
  const [inputs, outputs] = SIZES[id];
  const policy = new ActorCriticPolicy({
    observationSpace: env.singleObservationSpace,
    actionSpace: env.singleActionSpace,
    actor: new MLPActorNetwork(inputs, 64, outputs, { seed }),
    critic: new MLPCriticNetwork(inputs, 64, { seed: seed + 1000 }),
  });
  const collector = new RolloutCollector(env, policy, { generator: defaultRng(seed), seed });
  const ppo = new PPO(policy, resolvePPOConfig(config, numEnvs), { generator: defaultRng(seed + 1) });
  return {
    policy,
    collect: () => collector.collect({ steps: config.rolloutSteps }),
    update: (rollout, progress) => ppo.update(rollout, { progress }),
  };
}

/** Trains for `total` steps; the policy, and the returns of all episodes in the order they ended. */
export async function train(
  id: Task,
  seed: number,
  recipe: Recipe,
  total: number,
): Promise<{ policy: ActorCriticPolicy; returns: number[] }> {
  const { policy, collect, update } = learner(id, seed, recipe);
  const iterations = Math.floor(total / (recipe.numEnvs * recipe.config.rolloutSteps));
  const returns: number[] = [];
  for (let i = 0; i < iterations; i++) {
    const rollout = await collect();
    await update(rollout, i / iterations);
    returns.push(...rollout.episodes.map((episode) => episode.return));
  }
  return { policy, returns };
}

/**
 * What PPO learns with CleanRL's settings: the mean return of the last 100 episodes after 500,000 steps, seeds 1 to 3. We want no less
 * than CleanRL's own mean less its deviation.
 */
export function learningBesideCleanRL(id: Task, published: { mean: number; deviation: number }): Benchmark {
  const total = 500_000;
  const { mean: value, deviation } = published;
  return {
    metrics: [
      {
        key: 'lastReturn',
        what: `${id} after ${total} steps, mean of 3 seeds`,
        unit: 'return',
        better: 'higher',
        target: { kind: 'value', limit: value - deviation },
        published: { value, source: `CleanRL, +- ${deviation}` },
      },
      { key: 'worstSeed', what: `${id}, worst seed`, unit: 'return', better: 'higher' },
    ],
    peers: [
      {
        name: 'CleanRL, one seed',
        script: 'ppo_cleanrl.py',
        args: ['--env-id', id, '--total-timesteps', String(total)],
        needs: ['CLEANRL_PPO', 'GYMFORMER_LEARNING_PEERS'],
      },
    ],
    repeats: 1,
    slow: true,
    async measure() {
      const seeds: number[] = [];
      for (const seed of [1, 2, 3]) seeds.push(mean((await train(id, seed, CLEANRL, total)).returns.slice(-100)));
      return { lastReturn: mean(seeds), worstSeed: Math.min(...seeds) };
    },
  };
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
