// An environment that goes on from a saved state is the environment that was saved, to the last bit.

import { describe, expect, test } from 'vitest';
import {
  Autoreset,
  type Env,
  EnvError,
  FrameStackObservation,
  make,
  makeVec,
  NormalizeObservation,
  NormalizeReward,
  RecordEpisodeStatistics,
  registry,
  SyncVectorEnv,
  TimeAwareObservation,
  TransformReward,
  type VectorEnv,
  VectorNormalizeObservation,
  VectorNormalizeReward,
  VectorRecordEpisodeStatistics,
} from '../../src/env/index.ts';
import { CountingEnv } from './fake-env.ts';

/** Anything that steps. */
interface Stepped {
  reset(options?: { readonly seed?: number }): unknown;
  step(action: unknown): unknown;
  saveState(): unknown;
  loadState(state: unknown): void;
}

/** What the clock says is left out. */
const untimed = (result: unknown): unknown =>
  JSON.parse(JSON.stringify(result, (key, value: unknown) => (key === 't' ? 'seconds' : value)));

/** Plays `steps` steps; of a single environment, episodes that end begin anew by themselves. */
function play(env: Stepped, actions: () => unknown, steps: number, isVector: boolean): unknown[] {
  const seen: unknown[] = [];
  for (let i = 0; i < steps; i++) {
    const result = env.step(actions()) as [unknown, number, boolean, boolean, object];
    seen.push(untimed(result));
    if (!isVector && (result[2] || result[3])) seen.push(untimed(env.reset()));
  }
  return seen;
}

/** Saves after so many steps, and lets the same and another environment go on. */
function check(makeOne: () => Stepped, actionsOf: (seed: number) => () => unknown, isVector: boolean): void {
  for (const steps of [0, 1, 7, 60]) {
    const env = makeOne();
    env.reset({ seed: 3 });
    play(env, actionsOf(1), steps, isVector);
    const state = env.saveState();
    const saved = structuredClone(state);
    const next = play(env, actionsOf(2), 80, isVector);
    // Steps to come do not change what was saved.
    expect(state).toEqual(saved);
    const other = makeOne();
    other.loadState(saved);
    expect(play(other, actionsOf(2), 80, isVector)).toEqual(next);
    env.loadState(saved);
    expect(play(env, actionsOf(2), 80, isVector)).toEqual(next);
  }
}

const ids = [...registry.keys()].filter((id) => !/CoT|RLHF|CartPole-v0/.test(id));

function actionsOf(space: Env['actionSpace']) {
  return (seed: number) => {
    space.seed(seed);
    return () => space.sample();
  };
}

describe('single environments', () => {
  test('there are many', () => expect(ids.length).toBeGreaterThan(10));

  test.each(ids)('%s', (id) => {
    const env = make(id) as Env & Stepped;
    check(() => make(id) as unknown as Stepped, actionsOf(env.actionSpace), false);
  });

  test.each([
    ['FrozenLake-v1', { isSlippery: true }],
    ['Taxi-v4', { isRainy: true, ficklePassenger: true, fickleProbability: 0.9 }],
    ['CartPole-v1', { suttonBartoReward: true }],
  ])('%s with %o', (id, options) => {
    check(() => make(id, options) as unknown as Stepped, actionsOf(make(id).actionSpace), false);
  });

  test.each<[string, (env: Env<Float32Array, number>) => Env]>([
    ['Autoreset', (env) => new Autoreset(env)],
    ['RecordEpisodeStatistics', (env) => new RecordEpisodeStatistics(env)],
    ['NormalizeObservation', (env) => new NormalizeObservation(env)],
    ['NormalizeReward', (env) => new NormalizeReward(env)],
    ['FrameStackObservation', (env) => new FrameStackObservation(env, { stackSize: 3 })],
    ['TimeAwareObservation', (env) => new TimeAwareObservation(env)],
    ['TransformReward', (env) => new TransformReward(env, { func: (reward) => -reward })],
  ])('%s', (_, wrap) => {
    const makeOne = () => wrap(make('MountainCar-v0', { maxEpisodeSteps: 20 }) as Env<Float32Array, number>);
    check(makeOne as unknown as () => Stepped, actionsOf(makeOne().actionSpace), false);
  });

  test('the queues of episode statistics come back too', () => {
    const env = new RecordEpisodeStatistics(make('CartPole-v1'));
    env.reset({ seed: 1 });
    play(env as unknown as Stepped, actionsOf(env.actionSpace)(1), 100, false);
    const other = new RecordEpisodeStatistics(make('CartPole-v1'));
    other.loadState(structuredClone(env.saveState()));
    expect(other.returnQueue).toEqual(env.returnQueue);
    expect(other.lengthQueue).toEqual(env.lengthQueue);
    expect(other.episodeCount).toBe(env.episodeCount);
    expect(other.episodeCount).toBeGreaterThan(2);
  });
});

describe('vector environments', () => {
  test.each<[string, () => VectorEnv]>([
    ['of its own, an even number', () => makeVec('CartPole-v1', { numEnvs: 4, maxEpisodeSteps: 30 })],
    ['of its own, an odd number', () => makeVec('CartPole-v1', { numEnvs: 3, maxEpisodeSteps: 30 })],
    ['one by one', () => makeVec('Acrobot-v1', { numEnvs: 3, maxEpisodeSteps: 30 })],
    ['of numbers', () => makeVec('FrozenLake-v1', { numEnvs: 3 })],
    ['of tuples', () => makeVec('Blackjack-v1', { numEnvs: 2 })],
    [
      'that reset in the same step',
      () =>
        new SyncVectorEnv(
          [0, 1].map(() => () => make('CartPole-v1')),
          { autoresetMode: 'same-step' },
        ) as VectorEnv,
    ],
    ['with statistics', () => new VectorRecordEpisodeStatistics(makeVec('CartPole-v1', { numEnvs: 2 })) as VectorEnv],
    [
      'normalised',
      () =>
        new VectorNormalizeObservation(
          new VectorNormalizeReward(makeVec('CartPole-v1', { numEnvs: 2 })) as VectorEnv,
        ) as VectorEnv,
    ],
  ])('%s', (_, makeOne) => {
    check(makeOne as unknown as () => Stepped, actionsOf(makeOne().actionSpace as Env['actionSpace']), true);
  });

  test('the state of another number of environments is refused', () => {
    const [two, three] = [2, 3].map((numEnvs) => makeVec('Acrobot-v1', { numEnvs }));
    const [twoOwn, threeOwn] = [2, 3].map((numEnvs) => makeVec('CartPole-v1', { numEnvs }));
    expect(() => three!.loadState(two!.saveState())).toThrow('cannot load the state of 2');
    expect(() => threeOwn!.loadState(twoOwn!.saveState())).toThrow(RangeError);
  });
});

test('an environment that cannot say has no state, in whatever it is wrapped', () => {
  const env = new CountingEnv({ length: 4 });
  expect(env.saveState()).toBeNull();
  expect(new FrameStackObservation(env, { stackSize: 2 }).saveState()).toBeNull();
  const vectorEnv = new SyncVectorEnv([() => new CountingEnv({ length: 4 })]);
  expect(vectorEnv.saveState()).toBeNull();
  expect(new VectorNormalizeReward(vectorEnv as VectorEnv).saveState()).toBeNull();
  expect(() => env.loadState({})).toThrow(EnvError);
});
