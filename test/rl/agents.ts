// Small agents for tests.

import { type AutoresetMode, type Env, SyncVectorEnv, type VectorEnv, flatdim } from '../../src/env/index.ts';
import { defaultRng } from '../../src/random/index.ts';
import {
  ActorCriticPolicy,
  actionHeadFor,
  MLPActorNetwork,
  MLPCriticNetwork,
  PPO,
  type PPOConfig,
  resolvePPOConfig,
  RolloutCollector,
} from '../../src/rl/index.ts';

export function vectorOf(make: () => Env, numEnvs = 1, autoresetMode: AutoresetMode = 'same-step'): VectorEnv {
  return new SyncVectorEnv(
    Array.from({ length: numEnvs }, () => make),
    { autoresetMode },
  ) as unknown as VectorEnv;
}

/** An MLP policy for an environment. */
export function policyFor(env: VectorEnv, { seed = 1, hidden = 16 } = {}): ActorCriticPolicy {
  const inputs = flatdim(env.singleObservationSpace);
  const outputs = actionHeadFor(env.singleActionSpace).outputSize;
  return new ActorCriticPolicy({
    observationSpace: env.singleObservationSpace,
    actionSpace: env.singleActionSpace,
    actor: new MLPActorNetwork(inputs, hidden, outputs, { seed }),
    critic: new MLPCriticNetwork(inputs, hidden, { seed: seed + 1 }),
  });
}

/** All that it takes to learn; every stream from `seed`. */
export function learnerFor(env: VectorEnv, config: PPOConfig, { seed = 1, policy = policyFor(env, { seed }) } = {}) {
  const resolved = resolvePPOConfig(config, env.numEnvs);
  const collector = new RolloutCollector(env, policy, { generator: defaultRng(seed + 2), seed: seed + 3 });
  const ppo = new PPO(policy, resolved, { generator: defaultRng(seed + 4) });
  return { config: resolved, policy, collector, ppo };
}

/** All weights, one after another. */
export function weightsOf(policy: ActorCriticPolicy): Float32Array {
  return Float32Array.from(policy.parameters().flatMap(({ storage }) => [...storage.data]));
}
