import { expect, test } from 'vitest';
import { Box, Discrete } from '../../src/env/index.ts';
import { Linear, Module } from '../../src/nn/index.ts';
import { defaultRng } from '../../src/random/index.ts';
import { ActorCriticPolicy, PPO, type PPOConfig, type PPOMetrics, resolvePPOConfig } from '../../src/rl/index.ts';
import type { Tensor } from '../../src/tensor/index.ts';
import { expectClose, recorded } from './recorded.ts';

interface Recorded {
  readonly name: string;
  readonly shared: boolean;
  readonly outputs: number;
  readonly gaussian: boolean;
  readonly config: PPOConfig & { readonly progress: number };
  readonly rollout: Readonly<
    Record<
      | 'observations'
      | 'actions'
      | 'logProbs'
      | 'rewards'
      | 'terminated'
      | 'truncated'
      | 'finalObservations'
      | 'nextObservations',
      readonly number[]
    >
  >;
  readonly before: Readonly<Record<string, readonly number[]>>;
  readonly metrics: Readonly<Partial<Record<keyof PPOMetrics, number>>>;
  readonly after: Readonly<Record<string, readonly number[]>>;
}

class Network extends Module {
  readonly hidden: Linear;
  readonly output: Linear;

  constructor(hidden: Linear, outputs: number) {
    super();
    this.hidden = hidden;
    this.output = new Linear(5, outputs);
  }

  forward(x: Tensor): Tensor {
    return this.output.forward(this.hidden.forward(x).tanh());
  }
}

// test/fixtures/torch/ppo_update.json: four epochs in PyTorch in float64, here in float32.
test.each(recorded<{ updates: Recorded[] }>('ppo_update').updates)('weights after an update: $name', async (row) => {
  const { progress, ...config } = row.config;
  const first = new Linear(3, 5);
  const policy = new ActorCriticPolicy({
    observationSpace: new Box({ low: -Infinity, high: Infinity, shape: [3] }),
    actionSpace: row.gaussian ? new Box({ low: -1, high: 1, shape: [row.outputs] }) : new Discrete(row.outputs),
    actor: new Network(first, row.outputs),
    critic: new Network(row.shared ? first : new Linear(3, 5), 1),
  });
  const parameters = policy.namedParameters();
  expect([...parameters.keys()].sort()).toEqual(Object.keys(row.before).sort());
  for (const [name, parameter] of parameters) parameter.set(row.before[name]!);

  const { rollout } = row;
  const ppo = new PPO(policy, resolvePPOConfig({ ...config, minibatchSize: -1 }, 3), { generator: defaultRng(1) });
  const metrics = await ppo.update(
    {
      numEnvs: 3,
      rows: 24,
      observations: Float32Array.from(rollout.observations),
      actions: row.gaussian ? Float32Array.from(rollout.actions) : Int32Array.from(rollout.actions),
      logProbs: Float32Array.from(rollout.logProbs),
      rewards: Float64Array.from(rollout.rewards),
      terminated: Uint8Array.from(rollout.terminated),
      truncated: Uint8Array.from(rollout.truncated),
      valid: new Uint8Array(24).fill(1),
      finalObservations: Float32Array.from(rollout.finalObservations),
      finalRows: rollout.truncated.flatMap((truncated, i) => (truncated ? [i] : [])),
      nextObservations: Float32Array.from(rollout.nextObservations),
      episodes: [],
    },
    { progress },
  );

  for (const [name, parameter] of parameters) expectClose(parameter.storage.data, row.after[name]!, 1e-6, name);
  for (const [name, value] of Object.entries(row.metrics)) {
    expectClose([metrics[name as keyof PPOMetrics]], [value], 2e-6, name);
  }
  expect(metrics.learningRate).toBeCloseTo(config.lrActor! * (1 - progress), 12);
  expect(metrics.epochs).toBe(config.updateEpochs);
});
