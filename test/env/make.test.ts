import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, expectTypeOf, test } from 'vitest';
import type { StepResult } from '../../src/env/env.ts';
import {
  Autoreset,
  type Box,
  type Discrete,
  EnvError,
  EnvSpec,
  InvalidEnv,
  make,
  makeVec,
  RecordEpisodeStatistics,
  register,
  registerWrapper,
  registry,
  RewardWrapper,
  type SyncEnv,
  TimeAwareObservation,
  TransformReward,
  UnsupportedMode,
  wrapperSpec,
} from '../../src/env/index.ts';
import { setWarningHandler, type WarningHandler } from '../../src/env/warnings.ts';
import { CountingEnv } from './fake-env.ts';

class Doubled extends RewardWrapper {
  override reward(reward: number): number {
    return 2 * reward;
  }
}

class Scaled extends RewardWrapper {
  readonly factor: number;
  constructor(env: ConstructorParameters<typeof RewardWrapper>[0], options: { readonly factor: number }) {
    super(env, options);
    this.factor = options.factor;
  }
  override reward(reward: number): number {
    return this.factor * reward;
  }
}

declare module '../../src/env/env-types.ts' {
  interface EnvTypes {
    'test/Counting-v0': CountingEnv;
  }
}

let previous: WarningHandler;
const warnings: string[] = [];

beforeAll(() => {
  register({
    id: 'test/Counting-v0',
    entryPoint: (kwargs: { readonly length?: number }) => new CountingEnv(kwargs),
    maxEpisodeSteps: 5,
    rewardThreshold: 15,
    kwargs: { length: 100 },
  });
});
afterAll(() => {
  registry.delete('test/Counting-v0');
});
beforeEach(() => {
  warnings.length = 0;
  previous = setWarningHandler((message) => warnings.push(message));
});
afterEach(() => {
  setWarningHandler(previous);
});

describe('make', () => {
  test('wraps as Gymnasium does', () => {
    expect(String(make('test/Counting-v0'))).toBe(
      '<TimeLimit<OrderEnforcing<PassiveEnvChecker<CountingEnv<test/Counting-v0>>>>>',
    );
    expect(String(make('test/Counting-v0', { disableEnvChecker: true, maxEpisodeSteps: -1 }))).toBe(
      '<OrderEnforcing<CountingEnv<test/Counting-v0>>>',
    );
    expect(String(make('test/Counting-v0').unwrapped)).toBe('<CountingEnv<test/Counting-v0>>');
  });

  test('arguments: those of make come over those of register', () => {
    expect(make('test/Counting-v0').unwrapped.length).toBe(100);
    expect(make('test/Counting-v0', { length: 3 }).unwrapped.length).toBe(3);
  });

  test.each([
    [
      'CartPole-v1',
      'suttonBartoRewards',
      "CartPole takes no argument 'suttonBartoRewards'. Did you mean 'suttonBartoReward'?",
    ],
    ['MountainCar-v0', 'flag', "MountainCar takes no argument 'flag'; it takes goalVelocity, renderMode"],
    ['MountainCarContinuous-v0', 'flag', 'it takes goalVelocity, renderMode'],
    ['Pendulum-v1', 'gravity', 'it takes g, renderMode'],
    ['Acrobot-v1', 'g', "Acrobot takes no argument 'g'; it takes renderMode"],
    ['FrozenLake-v1', 'slippery', "Did you mean 'isSlippery'?"],
    ['CliffWalking-v1', 'slippery', "Did you mean 'isSlippery'?"],
    ['Taxi-v4', 'rainy', "Taxi takes no argument 'rainy'"],
    ['Blackjack-v1', 'decks', 'it takes natural, sab, renderMode'],
  ])('arguments that %s does not take', (id, name, message) => {
    expect(() => make(id, { [name]: 1 })).toThrow(message);
    expect(() => makeVec(id, { [name]: 1, numEnvs: 2 })).toThrow(EnvError);
  });

  test('the time limit truncates and counts anew after a reset', () => {
    const env = make('test/Counting-v0', { maxEpisodeSteps: 2 });
    for (let episode = 0; episode < 2; episode++) {
      env.reset();
      expect(env.step(0)[3]).toBe(false);
      expect(env.step(0)[3]).toBe(true);
    }
  });

  test('types follow from the id, or are given', () => {
    const env = make('test/Counting-v0');
    env.reset();
    expectTypeOf(env).toExtend<SyncEnv<Float32Array, number>>();
    expectTypeOf(env.observationSpace).toExtend<Box>();
    expectTypeOf(env.actionSpace).toExtend<Discrete>();
    expectTypeOf(env.unwrapped).toExtend<CountingEnv>();
    expectTypeOf(new RecordEpisodeStatistics(env).step(1)).toEqualTypeOf<StepResult<Float32Array>>();
    expectTypeOf(new RecordEpisodeStatistics(env).actionSpace.n).toEqualTypeOf<number>();
    const given = make<CountingEnv>('test/Counting-v0' as string);
    given.reset();
    expectTypeOf(given.step(1)).toEqualTypeOf<StepResult<Float32Array>>();
    const unknown = make('test/Counting-v0' as string);
    void unknown.reset();
    expectTypeOf(unknown.step(1)).toEqualTypeOf<StepResult<unknown> | Promise<StepResult<unknown>>>();
    const vector = makeVec('test/Counting-v0', { numEnvs: 2 });
    expectTypeOf(vector.reset()[0]).toEqualTypeOf<Float32Array>();
    expectTypeOf(vector.singleActionSpace).toExtend<Discrete>();
    expect(env.observationSpace.shape[0] * env.actionSpace.n).toBe(6);
  });

  test('unknown ids, render modes, and entry points that return no Env', () => {
    expect(() => make('test/Countin-v0')).toThrow('Did you mean: `Counting`?');
    expect(() => make('test/Counting-v0', { renderMode: 'human' })).toThrow(UnsupportedMode);
    const broken = new EnvSpec({ id: 'test/Broken-v0', entryPoint: () => ({}) as never });
    expect(() => broken.make()).toThrow(InvalidEnv);
  });
});

describe('EnvSpec', () => {
  test('of a made environment makes the same again', () => {
    const env = make('test/Counting-v0', { length: 4, maxEpisodeSteps: 9 });
    const { spec } = env;
    expect(spec?.maxEpisodeSteps).toBe(9);
    expect(spec?.kwargs).toEqual({ length: 4 });
    expect([spec?.orderEnforce, spec?.disableEnvChecker, spec?.rewardThreshold]).toEqual([true, false, 15]);
    expect(env.unwrapped.spec).toMatchObject({
      maxEpisodeSteps: undefined,
      orderEnforce: false,
      disableEnvChecker: true,
    });
    expect(String(spec?.make())).toBe(String(env));
  });

  test('lists wrappers, in process and through JSON', () => {
    const env = new Autoreset(new TimeAwareObservation(make('test/Counting-v0'), { flatten: false }));
    const json = env.spec?.toJson() ?? '';
    expect(JSON.parse(json).additionalWrappers).toEqual([
      { name: 'TimeAwareObservation', kwargs: { flatten: false } },
      { name: 'Autoreset', kwargs: {} },
    ]);
    const again = EnvSpec.fromJson(json).make();
    expect(String(again)).toBe(String(env));
    expect(String(again.observationSpace)).toBe(String(env.observationSpace));
    expect(EnvSpec.fromJson(json).toJson()).toBe(json);
  });

  test('JSON names wrappers, and only registered ones are made', () => {
    const env = new Scaled(make('test/Counting-v0'), { factor: 3 });
    const json = env.spec?.toJson() ?? '';
    expect(() => EnvSpec.fromJson(json)).toThrow('registerWrapper(Scaled)');
    registerWrapper(Scaled);
    const again = EnvSpec.fromJson(json).make();
    again.reset();
    expect(again.step(0)).toMatchObject([expect.anything(), 3, false, false, {}]);
    expect(() => EnvSpec.fromJson('{"id":"rm -rf"}')).toThrow(/Malformed/);
    expect(() =>
      EnvSpec.fromJson('{"id":"test/Counting-v0","additionalWrappers":[{"name":"constructor","kwargs":{}}]}'),
    ).toThrow('No wrapper `constructor` is registered');
    expect(() => EnvSpec.fromJson('[1]')).toThrow('Not the JSON of an EnvSpec');
  });

  test('what cannot be written says why', () => {
    const env = make('test/Counting-v0');
    expect(() => new TransformReward(env, { func: (r) => r }).spec?.toJson()).toThrow(
      /options of wrapper TransformReward.func cannot be written as JSON/,
    );
    const silent = new Doubled(env);
    expect(() => silent.spec?.toJson()).toThrow('Doubled did not record its options');
    expect(() => silent.spec?.make()).toThrow('Doubled did not record its options');
  });

  test('additionalWrappers of register are applied, innermost first', () => {
    const spec = new EnvSpec({
      id: 'test/Scaled-v0',
      entryPoint: () => new CountingEnv(),
      additionalWrappers: [wrapperSpec(Scaled, { factor: 2 }), wrapperSpec(Scaled, { factor: 5 })],
    });
    const env = spec.make();
    env.reset();
    expect(env.step(0)).toMatchObject([expect.anything(), 10, false, false, {}]);
    // An entry point may apply the first of them itself.
    const prewrapped = spec.with({ entryPoint: () => new Scaled(new CountingEnv(), { factor: 2 }) }).make();
    expect(String(prewrapped).match(/<Scaled</g)).toHaveLength(2);
  });

  test('pprint', () => {
    const { spec } = new Autoreset(make('test/Counting-v0'));
    expect(spec?.pprint({ print: false })).toBe(
      'id=test/Counting-v0\nrewardThreshold=15\nmaxEpisodeSteps=5\nadditionalWrappers=[\n\tname=Autoreset, kwargs={}\n]',
    );
    expect(spec?.pprint({ print: false, printAll: true })).toMatch('orderEnforce=true\ndisableEnvChecker=false');
  });
});

describe('makeVec', () => {
  test('sync by default, with arguments, wrappers and options', () => {
    const env = makeVec('test/Counting-v0', {
      numEnvs: 3,
      length: 4,
      maxEpisodeSteps: 2,
      wrappers: [(inner) => new Doubled(inner)],
      vectorKwargs: { autoresetMode: 'same-step' },
    });
    env.reset({ seed: 1 });
    env.step(Int32Array.of(0, 1, 2));
    const [, rewards, , truncations, infos] = env.step(Int32Array.of(0, 1, 2));
    expect([...rewards]).toEqual([4, 4, 4]);
    expect([...truncations]).toEqual([1, 1, 1]);
    expect(infos.finalObservation).toHaveLength(3);
    expect(String(env)).toBe('SyncVectorEnv(test/Counting-v0, numEnvs=3)');
    const again = makeVec(env.spec ?? '');
    expect(again.numEnvs).toBe(3);
    expect(again.metadata.autoresetMode).toBe('same-step');
  });

  test('refuses what does not go together', () => {
    expect(() => makeVec('test/Counting-v0', { vectorizationMode: 'vectorEntryPoint' })).toThrow(
      "has no vectorEntryPoint: use vectorizationMode 'sync'",
    );
    expect(() => makeVec('test/Counting-v0', { numEnvs: 0 })).toThrow('numEnvs to be a positive integer');
    const native = new EnvSpec({
      id: 'test/Native-v0',
      vectorEntryPoint: ({ numEnvs }) => makeVec('test/Counting-v0', { numEnvs }),
    });
    expect(makeVec(native, { numEnvs: 2 }).numEnvs).toBe(2);
    expect(() => makeVec(native, { vectorizationMode: 'sync' })).toThrow('has no entryPoint');
    expect(() => makeVec(native, { wrappers: [(env) => env] })).toThrow("pass vectorizationMode: 'sync'");
    expect(() => native.make()).toThrow('without an entryPoint: use makeVec');
  });
});
