import { describe, expect, expectTypeOf, test } from 'vitest';
import {
  ActionWrapper,
  Autoreset,
  Box,
  ClipAction,
  ClipReward,
  type Env,
  EnvError,
  FrameStackObservation,
  InvalidBound,
  make,
  type MaybePromise,
  NormalizeObservation,
  NormalizeReward,
  ObservationWrapper,
  OrderEnforcing,
  PassiveEnvChecker,
  RecordEpisodeStatistics,
  RescaleAction,
  RescaleObservation,
  ResetNeeded,
  RewardWrapper,
  type StepResult,
  TimeAwareObservation,
  TimeLimit,
  TransformAction,
  TransformObservation,
  TransformReward,
  Wrapper,
} from '../../../src/env/index.ts';
import { RunningMeanStd } from '../../../src/env/wrappers/running-mean-std.ts';
import { CountingEnv, RemoteEnv } from '../fake-env.ts';

class Plain<E extends Env> extends Wrapper<E> {
  own = 'mine';
}

/** Each wrapper, around an environment of any kind. */
const wrappers: Record<string, (env: Env<Float32Array, number>) => Env> = {
  Wrapper: (env) => new Plain(env),
  PassiveEnvChecker: (env) => new PassiveEnvChecker(env),
  OrderEnforcing: (env) => new OrderEnforcing(env),
  TimeLimit: (env) => new TimeLimit(env, { maxEpisodeSteps: 3 }),
  Autoreset: (env) => new Autoreset(env),
  RecordEpisodeStatistics: (env) => new RecordEpisodeStatistics(env),
  NormalizeObservation: (env) => new NormalizeObservation(env),
  NormalizeReward: (env) => new NormalizeReward(env),
  ClipReward: (env) => new ClipReward(env, { maxReward: 2 }),
  TransformReward: (env) => new TransformReward(env, { func: (reward) => -reward }),
  TransformAction: (env) => new TransformAction(env, { func: (action: number) => 2 - action }),
  TransformObservation: (env) =>
    new TransformObservation(env, { func: (observation) => observation.map((x) => x + 1) }),
  FrameStackObservation: (env) => new FrameStackObservation(env, { stackSize: 2 }),
  TimeAwareObservation: (env) => new TimeAwareObservation(new TimeLimit(env, { maxEpisodeSteps: 3 })),
};

test.each(Object.entries(wrappers))('%s gives later what it gives at once', async (_, wrap) => {
  const now = wrap(new CountingEnv({ length: 4 }));
  const later = wrap(new RemoteEnv({ length: 4 }));
  const untimed = (result: unknown) =>
    JSON.parse(JSON.stringify(result, (key, value: unknown) => (key === 't' ? 0 : value))) as unknown;
  const first = now.reset({ seed: 9 });
  const firstLater = later.reset({ seed: 9 });
  expect(first).toBeInstanceOf(Array);
  expect(firstLater).toBeInstanceOf(Promise);
  expect(await firstLater).toEqual(first);
  for (let step = 0; step < 6; step++) {
    const result = now.step(1);
    const resultLater = later.step(1);
    expect(result).toBeInstanceOf(Array);
    expect(resultLater).toBeInstanceOf(Promise);
    expect(untimed(await resultLater)).toEqual(untimed(result));
  }
});

describe('Wrapper', () => {
  test('passes attributes, render, spec and the random stream through', () => {
    const inner = new CountingEnv();
    const env = new Plain(new TimeLimit(inner, { maxEpisodeSteps: 3 }));
    expect(env.unwrapped).toBe(inner);
    expect(env.npRandom).toBe(inner.npRandom);
    env.reset({ seed: 77 });
    expect(env.npRandomSeed).toBe(77n);
    const other = new CountingEnv().npRandom;
    env.npRandom = other;
    expect(inner.npRandom).toBe(other);
    expect(env.spec).toBeNull();

    expect(env.hasWrapperAttr('count')).toBe(true);
    expect(env.getWrapperAttr('own')).toBe('mine');
    expect(env.getWrapperAttr('maxEpisodeSteps')).toBe(3);
    expect(env.hasWrapperAttr('nothing')).toBe(false);
    expect(() => env.getWrapperAttr('nothing')).toThrow(
      "<Plain<TimeLimit<CountingEnv instance>>> has no attribute 'nothing'",
    );
    expect(env.setWrapperAttr('count', 12)).toBe(true);
    expect(inner.count).toBe(12);
    expect(env.setWrapperAttr('fresh', 1, { force: false })).toBe(false);
    expect(env.setWrapperAttr('fresh', 1)).toBe(true);
    expect(Reflect.get(env, 'fresh')).toBe(1);
    expect(inner.hasWrapperAttr('fresh')).toBe(false);
    env.close();
    expect(inner.closed).toBe(1);
  });

  test('wants an Env', () => {
    expect(() => new TimeLimit({} as Env, { maxEpisodeSteps: 1 })).toThrow('TimeLimit expects an Env to wrap');
  });

  test('keeps types: synchronous stays synchronous, spaces stay known', () => {
    const env = new RecordEpisodeStatistics(new TimeLimit(new CountingEnv(), { maxEpisodeSteps: 3 }));
    expectTypeOf(env.step).returns.toEqualTypeOf<StepResult<Float32Array>>();
    expectTypeOf(env.actionSpace.n).toEqualTypeOf<number>();
    const later = new TimeLimit(new RemoteEnv(), { maxEpisodeSteps: 3 });
    expectTypeOf(later.step).returns.toEqualTypeOf<MaybePromise<StepResult<Float32Array>>>();
    const normalized = new NormalizeObservation(env);
    expectTypeOf(normalized.observationSpace).toEqualTypeOf<Box>();
    expect(normalized.actionSpace.n).toBe(3);
  });

  test('own observation, action and reward wrappers', () => {
    class Sum extends ObservationWrapper<CountingEnv, Float32Array, Box> {
      constructor(env: CountingEnv) {
        super(env, {}, { observationSpace: new Box({ low: 0, high: 2000 }) });
      }
      override observation([count, noise]: Float32Array): Float32Array {
        return Float32Array.of(count + noise);
      }
    }
    class Other<E extends Env<unknown, number>> extends ActionWrapper<E, number> {
      override action(action: number): number {
        return 2 - action;
      }
    }
    class Tenth<E extends Env> extends RewardWrapper<E> {
      override reward(reward: number): number {
        return reward / 10;
      }
    }
    const inner = new CountingEnv();
    const env = new Tenth(new Other(new Sum(inner)));
    env.reset({ seed: 1 });
    const [observation, reward] = env.step(0);
    expect(observation).toHaveLength(1);
    expect(env.observationSpace.contains(observation)).toBe(true);
    expect([reward, inner.lastAction]).toEqual([0.1, 2]);
  });
});

describe('OrderEnforcing', () => {
  test('step and render want a reset first', () => {
    const env = new OrderEnforcing(new CountingEnv());
    expect(() => env.step(0)).toThrow(ResetNeeded);
    expect(() => env.step(0)).toThrow('call env.reset() first');
    expect(() => env.render()).toThrow(/env.render\(\) before env.reset\(\).*disableRenderOrderEnforcing/);
    expect(env.hasReset).toBe(false);
    env.reset();
    env.step(0);
    env.render();
    expect(new OrderEnforcing(new CountingEnv(), { disableRenderOrderEnforcing: true }).render()).toBeNull();
  });
});

describe('RecordEpisodeStatistics', () => {
  test('returns and lengths, and the latest of them', () => {
    const env = new RecordEpisodeStatistics(new CountingEnv({ length: 3 }), { bufferLength: 2 });
    for (let episode = 0; episode < 3; episode++) {
      env.reset();
      expect(env.step(0)[4]).toEqual({});
      env.step(0);
      expect(env.step(0)[4]).toEqual({ episode: { r: 6, l: 3, t: expect.any(Number) } });
    }
    expect([env.episodeCount, env.returnQueue, env.lengthQueue, env.timeQueue.length]).toEqual([3, [6, 6], [3, 3], 2]);
  });

  test('does not overwrite info', () => {
    const env = new RecordEpisodeStatistics(new RecordEpisodeStatistics(new CountingEnv({ length: 1 })));
    env.reset();
    expect(() => env.step(0)).toThrow("info already has the key 'episode'; choose another statsKey");
  });
});

describe('normalising', () => {
  test('goes on from a saved state, and can be frozen', () => {
    const env = new NormalizeReward(new NormalizeObservation(new CountingEnv()));
    env.reset({ seed: 3 });
    for (let step = 0; step < 5; step++) env.step(0);
    const other = new NormalizeReward(new NormalizeObservation(env.env.env));
    other.state = JSON.parse(JSON.stringify(env.state)) as typeof env.state;
    other.env.state = JSON.parse(JSON.stringify(env.env.state)) as typeof env.env.state;
    other.updateRunningMean = false;
    other.env.updateRunningMean = false;
    const [observation, reward] = other.step(0);
    expect([other.returnRms.state, other.env.state]).toEqual([env.returnRms.state, env.env.state]);
    const { mean, var: variance } = env.env.obsRms;
    expect(observation[0]).toBeCloseTo((6 - mean[0]) / Math.sqrt(variance[0] + 1e-8), 5);
    expect(reward).toBeCloseTo(6 / Math.sqrt(env.returnRms.var[0] + 1e-8), 12);
  });
});

describe('options that cannot be', () => {
  const env = new CountingEnv();
  const pendulum = make('Pendulum-v1');
  test.each<[string, () => unknown, unknown]>([
    ['TimeLimit 0', () => new TimeLimit(env, { maxEpisodeSteps: 0 }), /positive integer but got 0/],
    ['ClipReward without bounds', () => new ClipReward(env, {}), InvalidBound],
    [
      'ClipReward upside down',
      () => new ClipReward(env, { minReward: 2, maxReward: 1 }),
      /minReward 2 must not be greater/,
    ],
    ['FrameStack of 0', () => new FrameStackObservation(env, { stackSize: 0 }), /positive integer but got 0/],
    [
      'FrameStack with foreign padding',
      () => new FrameStackObservation(env, { stackSize: 2, paddingType: Float32Array.of(-1, 0) }),
      /'reset', 'zero' or an observation in Box/,
    ],
    ['TimeAware without limit', () => new TimeAwareObservation(env), EnvError],
    ['ClipAction of integers', () => new ClipAction(env), /needs a Box as action space/],
    [
      'RescaleAction upside down',
      () => new RescaleAction(pendulum, { minAction: 1, maxAction: -1 }),
      /greater than the new maximum/,
    ],
    [
      'RescaleAction, wrong length',
      () => new RescaleAction(pendulum, { minAction: [0, 0], maxAction: 1 }),
      /has 2 elements, but the box has 1/,
    ],
    [
      'RescaleObservation of infinite bounds',
      () => new RescaleObservation(make('CartPole-v1'), { minObs: 0, maxObs: 1 }),
      /where one is infinite, the other must be too/,
    ],
  ])('%s', (_, build, message) => {
    expect(build).toThrow(message as RegExp);
  });
});

describe('numbers that are not finite', () => {
  test('are none of the samples that the running mean and variance are of', () => {
    for (const dtype of ['float32', 'float64'] as const) {
      const [all, finite] = [new RunningMeanStd({ size: 2, dtype }), new RunningMeanStd({ size: 2, dtype })];
      all.update([1, 2, Number.NaN, 3, 4, 5, 6, Number.NEGATIVE_INFINITY], 4);
      finite.update([1, 2, 4, 5], 2);
      all.update([Number.POSITIVE_INFINITY, 1], 1);
      expect(all.state).toEqual(finite.state);
      // So large that its square is beyond the type.
      all.update([dtype === 'float32' ? 1e30 : 1e200, 7], 1);
      expect(all.state.var.every(Number.isFinite)).toBe(true);
      expect([all.mean[0], all.mean[1] > finite.mean[1]]).toEqual([finite.mean[0], true]);
    }
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY])('a reward of %d is passed on, and forgotten', (bad) => {
    let reward = 1;
    class Rewarding extends CountingEnv {
      override step(action: number): StepResult<Float32Array> {
        return super.step(action).with(1, reward) as StepResult<Float32Array>;
      }
    }
    const env = new NormalizeReward(new Rewarding());
    env.reset();
    env.step(0);
    const { returnRms, discountedReward } = env.state;
    reward = bad;
    expect(env.step(0)[1]).toBe(bad);
    expect(env.state).toEqual({ returnRms, discountedReward: 0.99 * discountedReward });
    reward = 1;
    expect(Number.isFinite(env.step(0)[1])).toBe(true);
  });
});
