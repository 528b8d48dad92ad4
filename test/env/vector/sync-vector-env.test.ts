import { beforeEach, describe, expect, test } from 'vitest';
import { ClosedEnvironmentError, EnvError } from '../../../src/env/errors.ts';
import {
  type AutoresetMode,
  Box,
  Discrete,
  Env,
  Dict,
  make,
  makeVec,
  RecordEpisodeStatistics,
  type ResetResult,
  type StepResult,
  SyncVectorEnv,
} from '../../../src/env/index.ts';
import { CountingEnv, RemoteEnv } from '../fake-env.ts';
import { flat, type Row, recorded } from '../recorded.ts';

describe('against recorded episodes', () => {
  // Recorded with Gymnasium 1.4-dev: gym.make_vec('CartPole-v1', num_envs=3, vectorization_mode='sync'), seeds 123.
  const recording = recorded<{ readonly initial_obs: unknown; readonly steps: readonly Row[] }>(
    'vec-cartpole-sync.json',
  );

  test('CartPole, sampled actions, autoreset on the next step', () => {
    const env = makeVec('CartPole-v1', { numEnvs: 3, vectorizationMode: 'sync' });
    const [first, firstInfos] = env.reset({ seed: 123 });
    expect(flat(first)).toEqual(flat(recording.initial_obs));
    expect(firstInfos).toEqual({});
    env.actionSpace.seed(123);
    for (const row of recording.steps) {
      const actions = env.actionSpace.sample();
      expect(flat(actions)).toEqual(row.action);
      const [observations, rewards, terminations, truncations, infos] = env.step(actions);
      expect(flat(observations)).toEqual(flat(row.obs));
      expect([...rewards]).toEqual(row.reward);
      expect(flat(terminations)).toEqual(flat(row.terminated));
      expect(flat(truncations)).toEqual(flat(row.truncated));
      expect(Object.keys(infos).sort()).toEqual(row.info_keys);
    }
  });

  interface AutoresetRow extends Row {
    readonly final_obs?: readonly unknown[];
    readonly final_info?: Record<'r' | 'l' | 'mask' | 'episode_mask', unknown>;
    readonly episode?: Record<'r' | 'l' | 'mask', unknown>;
  }
  const autoreset = recorded<Record<string, readonly AutoresetRow[]>>('autoreset.json');

  // Record again: python test/fixtures/gymnasium/record_wrappers.py
  test.each<[AutoresetMode, string]>([
    ['next-step', 'next_step'],
    ['same-step', 'same_step'],
    ['disabled', 'disabled'],
  ])('autoreset mode %s', (autoresetMode, key) => {
    const makeOne = () => new RecordEpisodeStatistics(make('CartPole-v1', { maxEpisodeSteps: 12 }));
    const env = new SyncVectorEnv([makeOne, makeOne, makeOne], { autoresetMode });
    expect(env.metadata.autoresetMode).toBe(autoresetMode);
    const [first, ...rows] = autoreset[key];
    expect(flat(env.reset({ seed: 7 })[0])).toEqual(flat(first.obs));
    env.actionSpace.seed(7);
    const names: Record<string, string> = {
      final_obs: 'finalObservation',
      _final_obs: '_finalObservation',
      final_info: 'finalInfo',
      _final_info: '_finalInfo',
    };
    for (const row of rows) {
      const actions = env.actionSpace.sample();
      expect(flat(actions)).toEqual(row.action);
      const [observations, rewards, terminations, truncations, infos] = env.step(actions);
      expect(flat(observations)).toEqual(flat(row.obs));
      expect([...rewards]).toEqual(row.reward);
      expect(flat(terminations)).toEqual(flat(row.terminated));
      expect(flat(truncations)).toEqual(flat(row.truncated));
      expect(Object.keys(infos).sort()).toEqual(row.info_keys?.map((name) => names[name] ?? name).sort());
      if (row.final_obs !== undefined) {
        const finals = infos.finalObservation as readonly (Float32Array | null)[];
        expect(finals.map((final) => final && [...final])).toEqual(row.final_obs);
        const info = infos.finalInfo as {
          readonly episode: { r: Float64Array; l: Float64Array };
          readonly _episode: Uint8Array;
        };
        expect(flat([info.episode.r, info.episode.l])).toEqual(flat([row.final_info?.r, row.final_info?.l]));
        expect(flat([infos._finalInfo, info._episode])).toEqual(
          flat([row.final_info?.mask, row.final_info?.episode_mask]),
        );
      }
      if (row.episode !== undefined) {
        const { r, l } = infos.episode as { r: Float64Array; l: Float64Array };
        expect(flat([r, l, infos._episode])).toEqual(flat([row.episode.r, row.episode.l, row.episode.mask]));
      }
      if (row.reset_obs !== undefined) {
        const resetMask = terminations.map((terminated, i) => terminated | truncations[i]);
        expect(flat(env.reset({ options: { resetMask } })[0])).toEqual(flat(row.reset_obs));
      }
    }
  });
});

describe('results', () => {
  test('are new arrays each step', () => {
    const env = new SyncVectorEnv([() => new CountingEnv(), () => new CountingEnv()]);
    env.reset({ seed: 1 });
    const first = env.step(Int32Array.of(0, 0));
    const kept = structuredClone(first);
    env.step(Int32Array.of(0, 0));
    expect(first).toEqual(kept);
  });

  test('composite observations are batched part by part', () => {
    class Composite extends Env<{ a: Float32Array; b: number }, number> {
      readonly observationSpace = new Dict({
        a: new Box({ low: 0, high: 9, shape: [2], dtype: 'float32' }),
        b: new Discrete(4),
      });
      readonly actionSpace = new Discrete(4);
      override reset(): ResetResult<{ a: Float32Array; b: number }> {
        return [{ a: Float32Array.of(0, 0), b: 0 }, {}];
      }
      override step(action: number): StepResult<{ a: Float32Array; b: number }> {
        return [{ a: Float32Array.of(action, action + 1), b: action }, action, false, false, {}];
      }
    }
    const env = new SyncVectorEnv([() => new Composite(), () => new Composite()]);
    env.reset();
    const [observations] = env.step(Int32Array.of(2, 3));
    expect(observations).toEqual({ a: Float32Array.of(2, 3, 3, 4), b: Int32Array.of(2, 3) });
    expect(env.observationSpace.contains(observations)).toBe(true);
  });

  test('infos by key: numbers, booleans, arrays, objects, anything, with masks', () => {
    class Talkative extends CountingEnv {
      readonly says: Record<string, unknown>;
      constructor(says: Record<string, unknown>) {
        super();
        this.says = says;
      }
      override step(action: number): StepResult<Float32Array> {
        const result = super.step(action);
        result[4] = this.says;
        return result;
      }
    }
    const env = new SyncVectorEnv([
      () => new Talkative({ n: 1.5, flag: true, mask: Int8Array.of(1, 0), nested: { depth: 2 } }),
      () => new Talkative({}),
      () => new Talkative({ n: -1, mask: Int8Array.of(0, 1), word: 'hello' }),
    ]);
    env.reset();
    expect(env.step(new Int32Array(3))[4]).toEqual({
      n: Float64Array.of(1.5, 0, -1),
      _n: Uint8Array.of(1, 0, 1),
      flag: Uint8Array.of(1, 0, 0),
      _flag: Uint8Array.of(1, 0, 0),
      mask: Int8Array.of(1, 0, 0, 0, 0, 1),
      _mask: Uint8Array.of(1, 0, 1),
      nested: { depth: Float64Array.of(2, 0, 0), _depth: Uint8Array.of(1, 0, 0) },
      _nested: Uint8Array.of(1, 0, 0),
      word: [null, null, 'hello'],
      _word: Uint8Array.of(0, 0, 1),
    });
  });
});

describe('reset', () => {
  const makeThree = () =>
    new SyncVectorEnv(
      Array.from({ length: 3 }, () => () => new CountingEnv()),
      { autoresetMode: 'disabled' },
    );

  test('one seed means consecutive seeds; a list gives each its own', () => {
    const [consecutive] = makeThree().reset({ seed: 10 });
    const [listed] = makeThree().reset({ seed: [10, 11, 12] });
    expect(listed).toEqual(consecutive);
    const [alone] = new CountingEnv().reset({ seed: 12 });
    expect(consecutive.slice(4)).toEqual(alone);
    const env = makeThree();
    env.reset({ seed: [10, null, 12] });
    expect(env.getAttr('npRandomSeed')).toEqual([10n, expect.any(BigInt), 12n]);
  });

  test('a mask resets a part, and is not handed down', () => {
    const env = makeThree();
    env.reset({ seed: 0 });
    env.step(new Int32Array(3));
    env.reset({ options: { resetMask: [false, true, false] } });
    expect(env.getAttr('count')).toEqual([1, 0, 1]);
    expect([...env.step(new Int32Array(3))[1]]).toEqual([2, 1, 2]);
  });

  test('bad seeds and masks', () => {
    expect(() => makeThree().reset({ seed: [1, 2] })).toThrow('got 2');
    expect(() => makeThree().reset({ options: { resetMask: [true] } })).toThrow(
      'must have 3 flags, one an environment, but has 1',
    );
    expect(() => makeThree().reset({ options: { resetMask: new Uint8Array(3) } })).toThrow('marks no environment');
    expect(() => makeThree().reset({ options: { resetMask: [true, false, false] } })).toThrow('never reset');
  });

  test('mode disabled refuses to step what has ended', () => {
    const env = new SyncVectorEnv([() => new CountingEnv({ length: 1 }), () => new CountingEnv()], {
      autoresetMode: 'disabled',
    });
    env.reset();
    env.step(new Int32Array(2));
    expect(() => env.step(new Int32Array(2))).toThrow(/sub-environments \[0\] have ended.*resetMask/);
  });
});

describe('sub-environments', () => {
  test('must agree in their spaces', () => {
    class Wider extends CountingEnv {
      override readonly observationSpace = new Box({ low: 0, high: 2000, shape: [2] });
    }
    class Longer extends CountingEnv {
      override readonly observationSpace = new Box({ low: 0, high: 1000, shape: [3] });
    }
    class Freer extends CountingEnv {
      override readonly actionSpace = new Discrete(4);
    }
    const plain = () => new CountingEnv();
    expect(() => new SyncVectorEnv([plain, () => new Wider()])).toThrow("pass observationMode: 'different'");
    const mixed = new SyncVectorEnv([plain, () => new Wider()], { observationMode: 'different' });
    expect(mixed.observationSpace).toMatchObject({ high: Float32Array.of(1000, 1000, 2000, 2000), shape: [2, 2] });
    const own = new Box({ low: -1, high: 5000, shape: [2] });
    const batch = new Box({ low: -1, high: 5000, shape: [2, 2] });
    const given = new SyncVectorEnv([plain, () => new Wider()], {
      observationMode: { singleObservationSpace: own, observationSpace: batch },
    });
    expect(given.observationSpace).toBe(batch);
    expect(() => new SyncVectorEnv([plain, () => new Longer()], { observationMode: 'different' })).toThrow(
      /same form|must agree/,
    );
    expect(() => new SyncVectorEnv([plain, () => new Freer()])).toThrow(EnvError);
    expect(() => new SyncVectorEnv([])).toThrow('at least one');
  });

  test('call, getAttr and setAttr reach through wrappers', () => {
    const env = new SyncVectorEnv([
      () => new RecordEpisodeStatistics(new CountingEnv()),
      () => new RecordEpisodeStatistics(new CountingEnv()),
    ]);
    env.reset({ seed: 5 });
    env.setAttr('count', [3, 4]);
    expect(env.getAttr('count')).toEqual([3, 4]);
    env.setAttr('count', 7);
    expect(env.call('observe').map((observation) => (observation as Float32Array)[0])).toEqual([7, 7]);
    expect(env.call('count')).toEqual([7, 7]);
    expect(() => env.setAttr('count', [1, 2, 3])).toThrow('got 3 values for 2 environments');
    expect(() => env.getAttr('nothing')).toThrow("has no attribute 'nothing'");
    expect(() => env.step(new Int32Array(3))).toThrow('expects 2 actions but got 3');
  });

  test('are closed once', () => {
    const env = new SyncVectorEnv([() => new CountingEnv(), () => new CountingEnv()]);
    void env.close();
    void env.close();
    expect(env.getAttr('closed')).toEqual([1, 1]);
    expect(() => env.reset()).toThrow(ClosedEnvironmentError);
    expect(() => env.step(new Int32Array(2))).toThrow(ClosedEnvironmentError);
  });
});

describe('asynchronous sub-environments', () => {
  beforeEach(() => {
    RemoteEnv.mostUnderWay = 0;
  });

  test.each<AutoresetMode>(['next-step', 'same-step'])(
    'give in mode %s what synchronous ones give, stepping at once',
    async (autoresetMode) => {
      const lengths = [2, 3, 5, 100];
      const now = new SyncVectorEnv(
        lengths.map((length) => () => new CountingEnv({ length })),
        { autoresetMode },
      );
      const later = new SyncVectorEnv(
        lengths.map((length) => () => new RemoteEnv({ length })),
        { autoresetMode },
      );
      expect(await later.reset({ seed: 3 })).toEqual(now.reset({ seed: 3 }));
      for (let step = 0; step < 8; step++) {
        const actions = Int32Array.of(0, 1, 2, 0);
        const answer = later.step(actions);
        expect(answer).toBeInstanceOf(Promise);
        expect(await answer).toEqual(now.step(actions));
      }
      expect(RemoteEnv.mostUnderWay).toBe(4);
      await later.close();
      expect(later.envs.map((env) => env.inner.closed)).toEqual([1, 1, 1, 1]);
    },
  );
});

test('an environment that fails later than another leaves no failure unheard', async () => {
  const unheard: unknown[] = [];
  const listener = (reason: unknown): void => void unheard.push(reason);
  process.on('unhandledRejection', listener);
  const later = (): Promise<never> => Promise.reject(new Error('later'));
  const failing = (fail: () => never | Promise<never>) => () => {
    const env = new CountingEnv();
    env.step = fail as unknown as typeof env.step;
    return env;
  };
  const atOnce = (): never => {
    throw new Error('at once');
  };
  const env = new SyncVectorEnv([failing(later), failing(atOnce)]);
  await env.reset();
  expect(() => env.step(Int32Array.of(0, 0))).toThrow('at once');
  await new Promise((resolve) => setTimeout(resolve, 10));
  process.off('unhandledRejection', listener);
  expect(unheard).toEqual([]);
});
