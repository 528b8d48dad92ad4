// The native vector CartPole. Recorded by test/fixtures/gymnasium/record_envs.py.

import { describe, expect, test } from 'vitest';
import { CartPoleEnv, CartPoleVectorEnv } from '../../../src/env/classic-control/index.ts';
import { InvalidAction, ResetNeeded, UnsupportedMode } from '../../../src/env/errors.ts';
import { makeVec } from '../../../src/env/make-vec.ts';
import { npRandom } from '../../../src/random/index.ts';
import { expectClose, fixture } from '../recorded-episodes.ts';

interface RecordedStep {
  readonly action: number[];
  readonly obs: number[][];
  readonly reward: number[];
  readonly terminated: boolean[];
  readonly truncated: boolean[];
}

const recording = fixture<{ initial_obs: number[][]; steps: RecordedStep[] }>('vec-cartpole-vector_entry_point');
const { vector } = fixture<{ vector: (Omit<RecordedStep, 'action' | 'obs'> & { obs_sum: number[] })[] }>(
  'env-variants',
);

const booleans = (flags: Uint8Array) => Array.from(flags, Boolean);

test('plays the episodes that were recorded in Python', () => {
  const envs = makeVec('CartPole-v1', { numEnvs: 3, vectorizationMode: 'vectorEntryPoint' });
  const [observations] = envs.reset({ seed: 123 });
  envs.actionSpace.seed(123);
  expect(Array.from(observations)).toEqual(recording.initial_obs.flat());
  for (const recorded of recording.steps) {
    const actions = envs.actionSpace.sample();
    const [observations, rewards, terminations, truncations, infos] = envs.step(actions);
    expect(Array.from(actions)).toEqual(recorded.action);
    expect(Array.from(observations)).toEqual(recorded.obs.flat());
    expect(Array.from(rewards)).toEqual(recorded.reward);
    expect(booleans(terminations)).toEqual(recorded.terminated);
    expect(booleans(truncations)).toEqual(recorded.truncated);
    expect(infos).toEqual({});
  }
});

test('truncates, rewards and starts as Gymnasium does with other arguments', () => {
  const envs = new CartPoleVectorEnv({ numEnvs: 50, maxEpisodeSteps: 20, suttonBartoReward: true });
  envs.reset({ seed: 11, options: { low: -0.15, high: 0.1 } });
  envs.actionSpace.seed(11);
  let truncated = 0;
  for (const recorded of vector) {
    const [observations, rewards, terminations, truncations] = envs.step(envs.actionSpace.sample());
    const sums = [0, 1, 2, 3].map((column) =>
      observations.reduce((sum, x, i) => (i % 4 === column ? sum + x : sum), 0),
    );
    expectClose(sums, recorded.obs_sum);
    expect(Array.from(rewards, (reward) => reward + 0)).toEqual(recorded.reward.map((reward) => reward + 0));
    expect(booleans(terminations)).toEqual(recorded.terminated);
    expect(booleans(truncations)).toEqual(recorded.truncated);
    truncated += truncations.reduce((sum, flag) => sum + flag, 0);
  }
  expect(truncated).toBeGreaterThan(0);
});

test('moves each cart-pole as CartPole moves, however it swings', () => {
  const envs = new CartPoleVectorEnv({ numEnvs: 40 });
  const [start] = envs.reset({ seed: 5, options: { low: -0.2, high: 0.2 } });
  envs.actionSpace.seed(5);
  const singles = Array.from({ length: 40 }, () => new CartPoleEnv());
  const [random] = npRandom(5);
  const draws = random.uniform(-0.2, 0.2, [4, 40]);
  singles.forEach((single, i) => {
    single.state = [draws[i], draws[40 + i], draws[80 + i], draws[120 + i]];
    expect(Array.from(start.subarray(4 * i, 4 * i + 4))).toEqual(single.state?.map(Math.fround));
  });
  const over = new Set<number>();
  for (let step = 0; step < 60; step++) {
    const actions = envs.actionSpace.sample();
    const [observations, rewards, terminations] = envs.step(actions);
    singles.forEach((single, i) => {
      if (over.has(i)) return;
      const [observation, reward, terminated] = single.step(actions[i]);
      expect(observations.subarray(4 * i, 4 * i + 4)).toEqual(observation);
      expect([rewards[i], terminations[i] === 1]).toEqual([reward, terminated]);
      if (terminated) over.add(i);
    });
  }
  expect(over.size).toBeGreaterThan(20);
});

test('the step after an end ignores the action and begins a new episode', () => {
  const envs = new CartPoleVectorEnv({ numEnvs: 2, maxEpisodeSteps: 3 });
  envs.reset({ seed: 1 });
  const actions = Int32Array.of(1, 0);
  const flags = [1, 2, 3, 4, 5, 6, 7].map(() => {
    const [observations, rewards, , truncations] = envs.step(actions);
    return {
      rewards: [...rewards],
      truncations: [...truncations],
      isStart: observations.every((x) => Math.abs(x) <= 0.05),
    };
  });
  expect(flags.map(({ truncations }) => truncations[0])).toEqual([0, 0, 1, 0, 0, 0, 1]);
  expect(flags.map(({ rewards }) => rewards[1])).toEqual([1, 1, 1, 0, 1, 1, 1]);
  expect(flags[3]?.isStart).toBe(true);
});

test('is never truncated with maxEpisodeSteps -1, as in make', () => {
  const envs = makeVec('CartPole-v1', { numEnvs: 2, maxEpisodeSteps: -1, vectorizationMode: 'vectorEntryPoint' });
  envs.reset({ seed: 1 });
  for (let i = 0; i < 5; i++) expect([...envs.step(Int32Array.of(i & 1, i & 1))[3]]).toEqual([0, 0]);
});

test('gives new arrays each step', () => {
  const envs = new CartPoleVectorEnv({ numEnvs: 2 });
  const [first] = envs.reset({ seed: 1 });
  const copy = [...first];
  const results = [envs.step([0, 1]), envs.step([0, 1])];
  expect([...first]).toEqual(copy);
  for (let part = 0; part < 4; part++) expect(results[0][part]).not.toBe(results[1][part]);
});

describe('refuses', () => {
  const envs = new CartPoleVectorEnv({ numEnvs: 2 });
  test('a step before reset', () => {
    expect(() => new CartPoleVectorEnv().step([0])).toThrow(ResetNeeded);
  });
  test('actions outside the space, with the cart-pole they were for', () => {
    envs.reset({ seed: 1 });
    for (const action of [2, -1, 0.5, Number.NaN]) {
      expect(() => envs.step([0, action])).toThrow(InvalidAction);
      expect(() => envs.step([0, action])).toThrow(
        `cart-pole 1: action ${action} is not in the action space Discrete(2)`,
      );
    }
    expect(() => envs.step([0])).toThrow('action [0] is not in the action space MultiDiscrete([2 2])');
  });
  test('what it cannot do', () => {
    expect(() => envs.reset({ seed: [1, 2] })).toThrow('one random stream');
    expect(() => envs.reset({ options: { resetMask: [true, false] } })).toThrow('resetMask');
    expect(() => new CartPoleVectorEnv({ numEnvs: 0 })).toThrow('numEnvs must be a positive integer but is 0');
    expect(() => new CartPoleVectorEnv({ renderMode: 'ansi' })).toThrow(UnsupportedMode);
  });
});
