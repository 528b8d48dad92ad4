import { describe, expect, expectTypeOf, test } from 'vitest';
import {
  type AutoresetMode,
  makeVec,
  type RunningMeanStdState,
  type StepResult,
  SyncVectorEnv,
  VectorActionWrapper,
  type VectorEnv,
  VectorNormalizeObservation,
  VectorNormalizeReward,
  VectorObservationWrapper,
  VectorRecordEpisodeStatistics,
  VectorRewardWrapper,
  type VectorStepResult,
} from '../../../src/env/index.ts';
import { CountingEnv, RemoteEnv } from '../fake-env.ts';
import { flat, type Row, recorded } from '../recorded.ts';

interface VectorRow extends Row {
  readonly episode?: Record<'r' | 'l' | 'mask', unknown>;
}
interface Recording {
  readonly rows: readonly VectorRow[];
  readonly rms?: RunningMeanStdState;
  readonly queues?: { readonly r: number[]; readonly l: number[]; readonly count: number };
}

// Record again: python test/fixtures/gymnasium/record_wrappers.py. 20 environments make NumPy sum pairwise, 3 do not.
const { vector } = recorded<{ readonly vector: Record<string, Recording> }>('wrappers.json');

const wrap: Record<string, (env: VectorEnv) => VectorEnv> = {
  NormalizeObservation: (env) => new VectorNormalizeObservation(env),
  NormalizeReward: (env) => new VectorNormalizeReward(env),
  RecordEpisodeStatistics: (env) => new VectorRecordEpisodeStatistics(env),
};

test.each(Object.entries(vector))('%s plays the recorded episodes', async (key, { rows, rms, queues }) => {
  const [name, numEnvs] = key.split(',');
  const env = wrap[name](makeVec('CartPole-v1', { numEnvs: Number(numEnvs), vectorizationMode: 'sync' }));
  const [first] = await env.reset({ seed: 123 });
  expect(flat(first)).toEqual(flat(rows[0].obs));
  env.actionSpace.seed(123);
  for (const row of rows.slice(1)) {
    const actions = env.actionSpace.sample();
    expect(flat(actions)).toEqual(row.action);
    const [observations, rewards, terminations, , infos] = await env.step(actions);
    expect(flat(observations)).toEqual(flat(row.obs));
    expect(env.observationSpace.contains(observations)).toBe(true);
    expect([...rewards]).toEqual(row.reward);
    expect(flat(terminations)).toEqual(flat(row.terminated));
    expect('episode' in infos).toBe(row.episode !== undefined);
    if (row.episode !== undefined) {
      const { r, l, t } = infos.episode as Record<'r' | 'l' | 't', Float64Array>;
      expect(flat([r, l, infos._episode])).toEqual(flat([row.episode.r, row.episode.l, row.episode.mask]));
      t.forEach((time, i) => expect(time >= 0 && (time === 0 || r[i] > 0)).toBe(true));
    }
  }
  if (env instanceof VectorNormalizeObservation) expect(env.state).toEqual(rms);
  if (env instanceof VectorNormalizeReward) expect(env.returnRms.state).toEqual(rms);
  if (env instanceof VectorRecordEpisodeStatistics) {
    expect({ r: env.returnQueue, l: env.lengthQueue, count: env.episodeCount }).toEqual(queues);
  }
});

const counting = (lengths: readonly number[], autoresetMode: AutoresetMode) =>
  new SyncVectorEnv(
    lengths.map((length) => () => new CountingEnv({ length })),
    { autoresetMode },
  );

describe('VectorRecordEpisodeStatistics', () => {
  // Episodes of length n have rewards 1 + ... + n, whichever way they are reset.
  test.each<AutoresetMode>(['next-step', 'same-step', 'disabled'])('mode %s', (mode) => {
    const env = new VectorRecordEpisodeStatistics(counting([2, 3], mode), { bufferLength: 3, statsKey: 'done' });
    env.reset();
    const seen: [number, number][] = [];
    for (let step = 0; step < 12; step++) {
      const [, , terminations, , infos] = env.step(new Int32Array(2));
      const stats = infos.done as Record<'r' | 'l', Float64Array> | undefined;
      terminations.forEach((ended, i) => {
        if (ended) seen.push([stats?.r[i] ?? 0, stats?.l[i] ?? 0]);
      });
      if (mode === 'disabled' && terminations.some(Boolean)) env.reset({ options: { resetMask: terminations } });
    }
    expect(seen.length).toBe(mode === 'next-step' ? 7 : 10);
    expect(seen.every(([r, l]) => (l === 2 && r === 3) || (l === 3 && r === 6))).toBe(true);
    expect(env.episodeCount).toBe(seen.length);
    expect(env.returnQueue).toEqual(seen.slice(-3).map(([r]) => r));
    expect(env.lengthQueue).toEqual(seen.slice(-3).map(([, l]) => l));
  });

  test('does not overwrite infos', () => {
    const twice = new VectorRecordEpisodeStatistics(new VectorRecordEpisodeStatistics(counting([1], 'next-step')));
    twice.reset();
    expect(() => twice.step(new Int32Array(1))).toThrow('choose another statsKey');
  });
});

describe('normalising', () => {
  test('goes on from a saved state', () => {
    const play = (env: VectorNormalizeReward<SyncVectorEnv<CountingEnv>>, steps: number) =>
      Array.from({ length: steps }, () => [...env.step(new Int32Array(2))[1]]);
    const whole = new VectorNormalizeReward(counting([3, 5], 'next-step'));
    whole.reset();
    const expected = play(whole, 10).slice(5);

    const before = new VectorNormalizeReward(counting([3, 5], 'next-step'));
    before.reset();
    play(before, 5);
    const after = new VectorNormalizeReward(before.env);
    after.state = JSON.parse(JSON.stringify(before.state)) as typeof before.state;
    expect(play(after, 5)).toEqual(expected);
    expect(() => {
      after.state = new VectorNormalizeReward(counting([3], 'next-step')).state;
    }).toThrow('State of 1 environments does not fit 2');
  });

  test('can be frozen', () => {
    const observations = new VectorNormalizeObservation(counting([9, 9], 'next-step'));
    const rewards = new VectorNormalizeReward(observations);
    rewards.reset();
    rewards.step(new Int32Array(2));
    observations.updateRunningMean = false;
    rewards.updateRunningMean = false;
    const states = [observations.state, rewards.returnRms.state];
    rewards.step(new Int32Array(2));
    expect([observations.state, rewards.returnRms.state]).toEqual(states);
  });

  test('observations need mode next-step and full resets', () => {
    expect(() => new VectorNormalizeObservation(counting([2], 'same-step'))).toThrow(
      "needs autoreset mode 'next-step'",
    );
    const env = new VectorNormalizeObservation(counting([2, 2], 'next-step'));
    expect(() => env.reset({ options: { resetMask: [true, false] } })).toThrow('leave out resetMask');
  });
});

class Negated extends VectorObservationWrapper<VectorEnv<Float32Array, Int32Array>> {
  override observations(observations: Float32Array): Float32Array {
    return observations.map((value) => -value);
  }
}
class Shifted extends VectorActionWrapper<SyncVectorEnv<CountingEnv>> {
  override actions(actions: Int32Array): Int32Array {
    return actions.map((action) => action + 1);
  }
}
class Halved<V extends VectorEnv> extends VectorRewardWrapper<V> {
  override rewards(rewards: Float64Array): Float64Array {
    return rewards.map((reward) => reward / 2);
  }
}

describe('own vector wrappers', () => {
  test('of synchronous environments', () => {
    const env = new Halved(new Shifted(counting([5, 5], 'next-step')));
    env.reset();
    const result = env.step(Int32Array.of(0, 1));
    expectTypeOf(result).toEqualTypeOf<VectorStepResult<Float32Array>>();
    expect([...result[1]]).toEqual([0.5, 0.5]);
    expect(env.env.env.getAttr('lastAction')).toEqual([1, 2]);
    expect(String(env)).toBe('<Halved, <Shifted, SyncVectorEnv(numEnvs=2)>>');
    expect(env.unwrapped).toBe(env.env.env);
    void env.close();
    expect(env.closed).toBe(true);
  });

  test('of asynchronous ones', async () => {
    const env = new Halved(new Negated(new SyncVectorEnv([() => new RemoteEnv()])));
    const [first] = await env.reset({ seed: 1 });
    const answer = env.step(Int32Array.of(0));
    expect(answer).toBeInstanceOf(Promise);
    const [observations, rewards] = await answer;
    expect([Math.sign(first[1]), observations[0], rewards[0]]).toEqual([-1, -1, 0.5]);
  });

  test('observation wrappers refuse mode same-step', () => {
    expect(() => new Negated(counting([2], 'same-step'))).toThrow(
      "cannot see the final observations of autoreset mode 'same-step'",
    );
  });
});

test('VectorNormalizeReward passes a reward that is not finite on, and forgets it', () => {
  const rewards = [1, Number.NaN, 1e300, 1];
  class Rewarding extends CountingEnv {
    override step(action: number): StepResult<Float32Array> {
      return super.step(action).with(1, this.count === 0 ? 1 : rewards[this.count - 1]) as StepResult<Float32Array>;
    }
  }
  const make = (wrapped: () => CountingEnv) =>
    new VectorNormalizeReward(new SyncVectorEnv([wrapped, () => new CountingEnv()], { autoresetMode: 'next-step' }));
  const env = make(() => new Rewarding());
  env.reset();
  const given = rewards.map(() => env.step(Int32Array.of(0, 0)));
  expect(given.map(([, [reward]]) => Number.isFinite(reward))).toEqual([true, false, true, true]);
  const { returnRms, accumulatedReward } = env.state;
  expect([...returnRms.mean, ...returnRms.var, ...accumulatedReward].every(Number.isFinite)).toBe(true);
  expect(accumulatedReward[0]).toBeCloseTo(1 + 0.99 ** 3, 6);
  expect(returnRms.count).toBeCloseTo(2 * 4 - 2, 3);
});
