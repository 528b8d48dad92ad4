// What the toy text tasks promise beyond Gymnasium's episodes.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { SyncEnv } from '../../../src/env/env.ts';
import { DeprecatedEnv, InvalidAction, ResetNeeded, UnsupportedMode } from '../../../src/env/errors.ts';
import { make } from '../../../src/env/make.ts';
import {
  BlackjackEnv,
  CliffWalkingEnv,
  FrozenLakeEnv,
  generateRandomMap,
  type TabularEnv,
  TaxiEnv,
} from '../../../src/env/toy-text/index.ts';

const tabular: readonly (readonly [string, () => TabularEnv])[] = [
  ['FrozenLake', () => new FrozenLakeEnv()],
  ['FrozenLake', () => new FrozenLakeEnv({ mapName: '8x8', successRate: 0.7 })],
  ['CliffWalking', () => new CliffWalkingEnv({ isSlippery: true })],
  ['Taxi', () => new TaxiEnv()],
  ['Taxi', () => new TaxiEnv({ isRainy: true, rainyProbability: 0.5 })],
];
const all: readonly (readonly [string, () => SyncEnv])[] = [
  ...tabular,
  ['Blackjack', () => new BlackjackEnv()],
] as never;

test.each(all)('%s refuses actions outside its space and steps without an episode', (name, makeEnv) => {
  const env = makeEnv();
  expect(() => env.step(0)).toThrow(ResetNeeded);
  env.reset({ seed: 1 });
  for (const action of [6, -1, 0.5, Number.NaN, null, 'length']) {
    expect(() => env.step(action), String(action)).toThrow(InvalidAction);
    expect(() => env.step(action)).toThrow(`${name}: action`);
    expect(() => env.step(action)).toThrow(String(env.actionSpace));
  }
});

test.each(tabular)('%s: the probabilities of what an action may lead to sum to 1', (_, makeEnv) => {
  const env = makeEnv();
  expect(env.initialStateDistrib.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 12);
  for (const transitions of env.P.flat()) {
    expect(transitions.reduce((sum, [probability]) => sum + probability, 0)).toBeCloseTo(1, 12);
    for (const [, next] of transitions) expect(env.P[next]).toBeDefined();
  }
});

test('render modes that there are not are refused', () => {
  expect(() => new FrozenLakeEnv({ renderMode: 'depth_array' })).toThrow(UnsupportedMode);
  expect(() => new TaxiEnv({ renderMode: 'depth_array' })).toThrow(
    "Taxi has no render mode 'depth_array'; it has 'human', 'ansi', 'rgb_array'",
  );
  expect(() => new BlackjackEnv({ renderMode: 'ansi' })).toThrow(
    "Blackjack has no render mode 'ansi'; it has 'human', 'rgb_array'",
  );
  const env = new CliffWalkingEnv();
  env.reset();
  expect(env.render()).toBeNull();
});

test('Taxi-v3 is deprecated', () => {
  expect(() => make('Taxi-v3' as string)).toThrow(DeprecatedEnv);
  expect(() => make('Taxi-v3' as string)).toThrow('Please use `Taxi-v4` instead');
});

describe('Taxi', () => {
  test('encode and decode are inverse', () => {
    for (let state = 0; state < 500; state++) expect(TaxiEnv.encode(TaxiEnv.decode(state))).toBe(state);
  });

  test('the action mask marks exactly the actions that change the state', () => {
    const { P } = new TaxiEnv();
    P.forEach((actions, state) => {
      const changes = actions.map(([[, next]]) => (next === state ? 0 : 1));
      expect({ state, mask: [...TaxiEnv.actionMask(state)] }).toEqual({ state, mask: changes });
    });
    expect(() => TaxiEnv.actionMask(500)).toThrow('Taxi has no state 500');
  });

  test('a fickle passenger changes their mind once, on the first move of the ride', () => {
    const env = new TaxiEnv({ ficklePassenger: true, fickleProbability: 1 });
    env.reset({ seed: 4 });
    env.state = TaxiEnv.encode({ taxiRow: 2, taxiColumn: 2, passenger: 4, destination: 1 });
    const destination = () => TaxiEnv.decode(env.state as number).destination;
    env.step(4);
    expect(destination()).toBe(1);
    env.step(0);
    const changed = destination();
    expect(changed).not.toBe(1);
    for (const action of [1, 0, 1, 0]) env.step(action);
    expect(destination()).toBe(changed);
  });

  test('the action mask can be given to sample', () => {
    const env = make('Taxi-v4');
    const [, info] = env.reset({ seed: 1 });
    env.actionSpace.seed(1);
    const mask = info.actionMask as Int8Array;
    for (let i = 0; i < 30; i++) expect(mask[env.actionSpace.sample({ mask })]).toBe(1);
  });
});

describe('FrozenLake', () => {
  test('random maps can be crossed', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 9 }),
        fc.double({ min: 0.5, max: 1, noNaN: true }),
        fc.nat(),
        (size, p, seed) => {
          const map = generateRandomMap(size, p, seed);
          expect(map).toEqual(generateRandomMap(size, p, seed));
          expect(map).toHaveLength(size);
          // Another way of looking for a path than the code's: which tiles are reachable, spread until nothing changes.
          const env = new FrozenLakeEnv({ desc: map, isSlippery: false });
          const reached = new Set([0]);
          for (const state of reached) for (const [[, next]] of env.P[state]) reached.add(next);
          expect(reached.has(size * size - 1)).toBe(true);
        },
      ),
      { numRuns: 60 },
    );
  });

  test('a random lake is made when no map is named', () => {
    const { desc } = new FrozenLakeEnv({ mapName: null });
    expect(desc).toHaveLength(8);
    expect(desc[0]?.[0]).toBe('S');
  });

  test('maps that make no sense are refused', () => {
    expect(() => new FrozenLakeEnv({ desc: ['SF', 'G'] })).toThrow('equally long');
    expect(() => new FrozenLakeEnv({ desc: ['SX', 'FG'] })).toThrow('made of S, F, H and G');
    expect(() => new FrozenLakeEnv({ desc: ['FF', 'FG'] })).toThrow('has no start S');
    expect(() => new FrozenLakeEnv({ mapName: '5x5' as '4x4' })).toThrow("no map is called '5x5'; maps: 4x4, 8x8");
    expect(() => generateRandomMap(1)).toThrow('size must be an integer of at least 2 but is 1');
    expect(() => generateRandomMap(4, 0)).toThrow('p must be a probability above 0 but is 0');
  });
});

describe('Blackjack', () => {
  const play = (env: BlackjackEnv, player: number[], dealer: number[], action: number) => {
    env.reset({ seed: 1 });
    env.state = { player, dealer };
    return env.step(action);
  };

  // Sutton and Barto, Example 5.1: an ace counts 11 unless that goes over 21.
  test.each([
    [
      [1, 6],
      [17, 1],
    ],
    [
      [1, 6, 10],
      [17, 0],
    ],
    [
      [1, 1, 9],
      [21, 1],
    ],
    [
      [10, 9],
      [19, 0],
    ],
  ])('a hand of %j is %j', (player, [sum, usableAce]) => {
    const [observation] = play(new BlackjackEnv(), player, [10, 7], 0);
    expect(observation).toEqual([sum, 10, usableAce]);
  });

  test.each([
    { options: {}, player: [10, 1], dealer: [10, 9], reward: 1 },
    { options: { natural: true }, player: [10, 1], dealer: [10, 9], reward: 1.5 },
    { options: { natural: true }, player: [10, 5, 6], dealer: [10, 9], reward: 1 },
    { options: { natural: true }, player: [10, 1], dealer: [10, 1], reward: 0 },
    { options: {}, player: [10, 1], dealer: [7, 7, 7], reward: 0 },
    { options: { sab: true }, player: [10, 1], dealer: [7, 7, 7], reward: 1 },
    { options: { sab: true, natural: true }, player: [10, 1], dealer: [10, 9], reward: 1 },
    { options: { sab: true }, player: [10, 1], dealer: [1, 10], reward: 0 },
    { options: {}, player: [10, 6], dealer: [10, 7], reward: -1 },
    { options: {}, player: [10, 6], dealer: [10, 6, 10], reward: 1 },
  ])('$options: sticking with $player against $dealer earns $reward', ({ options, player, dealer, reward }) => {
    const [, earned, terminated] = play(new BlackjackEnv(options), player, dealer, 0);
    expect([earned, terminated]).toEqual([reward, true]);
  });

  test('a card too many loses', () => {
    const [[sum], reward, terminated] = play(new BlackjackEnv(), [10, 9, 2], [10, 7], 1);
    expect(sum).toBeGreaterThan(21);
    expect([reward, terminated]).toEqual([-1, true]);
  });

  test('Blackjack-v1 follows the book unless told otherwise', () => {
    expect(make('Blackjack-v1').unwrapped.sab).toBe(true);
    expect(make('Blackjack-v1', { sab: false, natural: true }).unwrapped).toMatchObject({ sab: false, natural: true });
  });
});
