// PPO with the hyper-parameters of CleanRL's ppo.py, for the benchmarks that train. Source: vwxyzjn/cleanrl, cleanrl/ppo.py.

import { makeVec } from '../src/env/index.ts';
import { defaultRng } from '../src/random/index.ts';
import {
  ActorCriticPolicy,
  MLPActorNetwork,
  MLPCriticNetwork,
  PPO,
  resolvePPOConfig,
  RolloutCollector,
} from '../src/rl/index.ts';

/** Environments side by side. */
export const ENVS = 4;

/** Observation and action sizes of the environments trained on. */
const SIZES = { 'CartPole-v1': [4, 2], 'Acrobot-v1': [6, 3] } as const;

export type Task = keyof typeof SIZES;

/** A fresh learner. `collect` plays one rollout, `update` learns from it; `progress` is how much of the run is over, 0 to 1. */
export function learner(id: Task, seed: number, rolloutSteps = 128) {
  const env = makeVec(id, { numEnvs: ENVS, vectorizationMode: 'sync', vectorKwargs: { autoresetMode: 'same-step' } });
  const [inputs, outputs] = SIZES[id];
  const policy = new ActorCriticPolicy({
    observationSpace: env.singleObservationSpace,
    actionSpace: env.singleActionSpace,
    actor: new MLPActorNetwork(inputs, 64, outputs, { seed }),
    critic: new MLPCriticNetwork(inputs, 64, { seed: seed + 1000 }),
  });
  const config = resolvePPOConfig(
    { rolloutSteps, minibatchSize: (ENVS * rolloutSteps) / 4, updateEpochs: 4, valueClip: 0.2, lrSchedule: 'linear' },
    ENVS,
  );
  const collector = new RolloutCollector(env, policy, { generator: defaultRng(seed), seed });
  const ppo = new PPO(policy, config, { generator: defaultRng(seed + 1) });
  return {
    policy,
    collect: () => collector.collect({ steps: rolloutSteps }),
    update: (rollout: Parameters<typeof ppo.update>[0], progress: number) => ppo.update(rollout, { progress }),
  };
}

/** Trains for `total` steps; the returns of all episodes, in the order they ended. */
export async function train(id: Task, seed: number, total: number): Promise<number[]> {
  const steps = 128;
  const { collect, update } = learner(id, seed, steps);
  const iterations = Math.floor(total / (ENVS * steps));
  const returns: number[] = [];
  for (let i = 0; i < iterations; i++) {
    const rollout = await collect();
    await update(rollout, i / iterations);
    returns.push(...rollout.episodes.map((episode) => episode.return));
  }
  return returns;
}
