// Every algorithm must learn these, and twice the same.

import { describe, expect, test } from 'vitest';
import { Box, Discrete, makeVec, MultiBinary, MultiDiscrete, type Space, type VectorEnv } from '../../src/env/index.ts';
import { defaultRng } from '../../src/random/index.ts';
import { type PPOConfig, RolloutCollector } from '../../src/rl/index.ts';
import { learnerFor, policyFor, vectorOf, weightsOf } from './agents.ts';
import { IdentityEnv } from './environments.ts';

const config: PPOConfig = {
  lrActor: 0.005,
  lrSchedule: 'linear',
  rolloutSteps: 64,
  minibatchSize: 64,
  updateEpochs: 8,
  gamma: 0.5,
  gaeLambda: 0.5,
  entropyCoef: 0,
};

const box = (shape: number[]) => new Box({ low: -1, high: 1, shape });

describe('an environment that asks for what it shows', () => {
  // Rewards a step: at best 1 for each element, or 0 in a Box; at random 1 / n for each, or -1/3 - 1 a dimension in a Box.
  test.each<readonly [string, Space, updates: number, best: number, enough: number]>([
    ['Discrete', new Discrete(4, { start: 1 }), 12, 1, 0.98],
    ['MultiDiscrete', new MultiDiscrete([3, 2]), 12, 2, 1.96],
    ['MultiBinary', new MultiBinary(3), 12, 3, 2.94],
    ['Box', box([1]), 30, 0, -0.005],
    ['Box of two', box([2]), 40, 0, -0.01],
  ])('%s', async (_, space, updates, best, enough) => {
    const env = vectorOf(() => new IdentityEnv(space), 8);
    const { collector, ppo, policy, config: resolved } = learnerFor(env, config);
    for (let i = 0; i < updates; i++) {
      await ppo.update(await collector.collect({ steps: resolved.rolloutSteps }), { progress: i / updates });
    }
    // Without noise, on fresh episodes.
    for (const [name, parameter] of policy.namedParameters()) {
      if (name === 'head.logStd') parameter.set(parameter.storage.data.map(() => -20));
    }
    const fresh = vectorOf(() => new IdentityEnv(space), 8);
    const { rewards } = await new RolloutCollector(fresh, policy, { generator: defaultRng(1), seed: 99 }).collect({
      steps: 100,
    });
    const mean = rewards.reduce((sum, reward) => sum + reward, 0) / rewards.length;
    expect(mean).toBeGreaterThan(enough);
    expect(mean).toBeLessThanOrEqual(best);
  });
});

// Both ways of resetting: same-step, and the next-step of CartPole's own vector environment.
const cartPoles: readonly (readonly [string, () => VectorEnv])[] = [
  [
    'one by one',
    () =>
      makeVec('CartPole-v1', { numEnvs: 4, vectorizationMode: 'sync', vectorKwargs: { autoresetMode: 'same-step' } }),
  ],
  ['all at once', () => makeVec('CartPole-v1', { numEnvs: 4, vectorizationMode: 'vectorEntryPoint' })],
];

test.each(cartPoles)('CartPole, stepped %s, stays up', async (_, make) => {
  const env = make();
  const cartPole: PPOConfig = { lrActor: 2.5e-3, rolloutSteps: 128, minibatchSize: 128, updateEpochs: 4 };
  const { collector, ppo } = learnerFor(env, cartPole, { policy: policyFor(env, { hidden: 64 }) });
  const returns: number[] = [];
  for (let i = 0; i < 60; i++) {
    const rollout = await collector.collect({ steps: 128 });
    returns.push(...rollout.episodes.map((episode) => episode.return));
    await ppo.update(rollout, { progress: i / 60 });
  }
  const mean = (part: readonly number[]): number => part.reduce((sum, x) => sum + x, 0) / part.length;
  // At random it is about 22 steps; 195 is what CartPole-v0 calls solved.
  expect(mean(returns.slice(0, 20))).toBeLessThan(50);
  expect(mean(returns.slice(-20))).toBeGreaterThan(195);
});

describe('the same seeds', () => {
  const run = async (space: Space, seed: number) => {
    const { collector, ppo, policy } = learnerFor(
      vectorOf(() => new IdentityEnv(space), 4),
      config,
      { seed },
    );
    const metrics = [];
    for (let i = 0; i < 3; i++)
      metrics.push(await ppo.update(await collector.collect({ steps: 20 }), { progress: i / 3 }));
    return { metrics, weights: weightsOf(policy), state: ppo.stateDict() };
  };

  test.each<readonly [string, Space]>([
    ['Discrete', new Discrete(3)],
    ['Box', box([2])],
  ])('give the same bits, others do not: %s', async (_, space) => {
    const [first, second, other] = [await run(space, 1), await run(space, 1), await run(space, 2)];
    expect(second).toEqual(first);
    expect(other.metrics[0]!.policyLoss).not.toBe(first.metrics[0]!.policyLoss);
    expect(other.weights).not.toEqual(first.weights);
  });
});
