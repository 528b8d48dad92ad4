// Every wrapper against an episode that Gymnasium played with the same seed. Record again: python record_wrappers.py.

import { describe, expect, test } from 'vitest';
import {
  Autoreset,
  ClipAction,
  ClipReward,
  type Env,
  FlattenObservation,
  FrameStackObservation,
  make,
  NormalizeObservation,
  NormalizeReward,
  RescaleAction,
  RescaleObservation,
  RunningMeanStd,
  type RunningMeanStdState,
  TimeAwareObservation,
} from '../../../src/env/index.ts';
import { flat, type Row, recorded } from '../recorded.ts';

interface Recording {
  readonly episodes: Record<
    string,
    {
      readonly observation_space: string;
      readonly action_space: string;
      readonly rows: readonly Row[];
      readonly rms?: RunningMeanStdState;
    }
  >;
  readonly running_mean_std: readonly (RunningMeanStdState & {
    readonly dtype: 'float32' | 'float64';
    readonly size: number;
    readonly rows: number;
  })[];
}

const { episodes, running_mean_std: running } = recorded<Recording>('wrappers.json');

const wrapped: Record<string, () => Env> = {
  'NormalizeObservation(CartPole-v1)': () => new NormalizeObservation(make('CartPole-v1')),
  'NormalizeObservation(TimeAwareObservation(CartPole-v1))': () =>
    new NormalizeObservation(new TimeAwareObservation(make('CartPole-v1'))),
  'NormalizeReward(CartPole-v1)': () => new NormalizeReward(make('CartPole-v1'), { gamma: 0.9 }),
  'NormalizeReward(Pendulum-v1)': () => new NormalizeReward(make('Pendulum-v1')),
  'RescaleAction(Pendulum-v1,-0.5,1)': () => new RescaleAction(make('Pendulum-v1'), { minAction: -0.5, maxAction: 1 }),
  'RescaleObservation(Pendulum-v1,0,1)': () => new RescaleObservation(make('Pendulum-v1'), { minObs: 0, maxObs: 1 }),
  'ClipAction(Pendulum-v1)': () => new ClipAction(make('Pendulum-v1')),
  'ClipReward(Pendulum-v1,-1,-0.5)': () => new ClipReward(make('Pendulum-v1'), { minReward: -1, maxReward: -0.5 }),
  'FlattenObservation(FrozenLake-v1)': () => new FlattenObservation(make('FrozenLake-v1')),
  'FrameStackObservation(CartPole-v1,3)': () => new FrameStackObservation(make('CartPole-v1'), { stackSize: 3 }),
  'FrameStackObservation(CartPole-v1,3,zero)': () =>
    new FrameStackObservation(make('CartPole-v1'), { stackSize: 3, paddingType: 'zero' }),
  'FrameStackObservation(FrozenLake-v1,2)': () => new FrameStackObservation(make('FrozenLake-v1'), { stackSize: 2 }),
  'TimeAwareObservation(CartPole-v1)': () => new TimeAwareObservation(make('CartPole-v1')),
  'TimeAwareObservation(CartPole-v1,normalize)': () =>
    new TimeAwareObservation(make('CartPole-v1'), { normalizeTime: true }),
  'TimeAwareObservation(CartPole-v1,dict)': () => new TimeAwareObservation(make('CartPole-v1'), { flatten: false }),
  'Autoreset(CartPole-v1)': () => new Autoreset(make('CartPole-v1')),
};

/** Sine and cosine differ in the last bit between C libraries, which float32 observations mostly hide; rewards are float64. */
const DIGITS = 10;

test('every recorded wrapper is played', () => {
  expect(Object.keys(wrapped)).toEqual(Object.keys(episodes));
});

describe.each(Object.entries(wrapped))('%s', (name, makeWrapped) => {
  const { observation_space, action_space, rows, rms } = episodes[name];

  test('plays the recorded episode', async () => {
    const env = makeWrapped();
    if (observation_space !== undefined) {
      expect(String(env.observationSpace)).toBe(observation_space);
      expect(String(env.actionSpace)).toBe(action_space);
    }
    let [observation] = await env.reset({ seed: 123 });
    expect(flat(observation)).toEqual(flat(rows[0].obs));
    env.actionSpace.seed(123);
    for (const row of rows.slice(1)) {
      const action = env.actionSpace.sample();
      expect(flat(action)).toEqual(flat(row.action));
      const [next, reward, terminated, truncated] = await env.step(action);
      expect(env.observationSpace.contains(next)).toBe(true);
      expect(flat(next)).toEqual(flat(row.obs));
      expect(reward).toBeCloseTo(row.reward as number, DIGITS);
      expect([terminated, truncated]).toEqual([row.terminated, row.truncated]);
      if (row.reset_obs !== undefined) {
        [observation] = await env.reset();
        expect(flat(observation)).toEqual(flat(row.reset_obs));
      }
    }
    const statistics =
      env instanceof NormalizeObservation ? env.obsRms : env instanceof NormalizeReward ? env.returnRms : undefined;
    expect(statistics === undefined).toBe(rms === undefined);
    if (statistics === undefined || rms === undefined) return;
    expect(statistics.count).toBe(rms.count);
    rms.mean.forEach((mean, i) => expect(statistics.mean[i]).toBeCloseTo(mean, DIGITS));
    rms.var.forEach((variance, i) => expect(statistics.var[i]).toBeCloseTo(variance, DIGITS));
  });
});

describe('RunningMeanStd', () => {
  test.each(running)(
    '$dtype, $rows rows of $size: NumPy to the last bit',
    ({ dtype, size, rows, mean, var: variance, count }) => {
      const length = rows * size;
      const values = Array.from({ length: 2 * length }, (_, k) => ((k * k) % 97) / 7);
      const batches = dtype === 'float32' ? Float32Array.from(values) : Float64Array.from(values);
      const statistics = new RunningMeanStd({ size, dtype });
      statistics.update(batches.subarray(0, length), rows);
      statistics.update(batches.subarray(length), rows);
      expect(statistics.state).toEqual({ mean, var: variance, count });
    },
  );

  test('its state goes on where it stood', () => {
    const [one, other] = [new RunningMeanStd({ size: 2 }), new RunningMeanStd({ size: 2 })];
    one.update([1, 2, 3, 5], 2);
    other.state = JSON.parse(JSON.stringify(one.state)) as RunningMeanStdState;
    for (const statistics of [one, other]) statistics.update([0.1, -4], 1);
    expect(other.state).toEqual(one.state);
    expect(() => new RunningMeanStd().update([1, 2], 1)).toThrow('expects 1 rows of 1 values but got 2 values');
    expect(() => (new RunningMeanStd({ size: 3 }).state = one.state)).toThrow('cannot take a state of size 2');
  });
});
