// The toy text tasks against Gymnasium; see ../recorded-episodes.ts for the episodes. Tables, maps and drawings were recorded
// by test/fixtures/gymnasium/record_envs.py too.

import { describe, expect, test } from 'vitest';
import type { Env } from '../../../src/env/env.ts';
import { make } from '../../../src/env/make.ts';
import {
  CliffWalkingEnv,
  FrozenLakeEnv,
  generateRandomMap,
  type TabularEnv,
  TaxiEnv,
  type Transition,
} from '../../../src/env/toy-text/index.ts';
import { expectSameEpisodes, fixture } from '../recorded-episodes.ts';

type Table = Record<string, Record<string, Transition[]>>;

interface Variants {
  readonly drawings: Record<string, { readonly actions: number[]; readonly frames: string[] }>;
  readonly taxi_riding: readonly { readonly state: number; readonly frame: string }[];
  readonly taxi_rainy_P: Table;
  readonly frozen_lake_P: Table;
  readonly cliff_slippery_P: Table;
}

const variants = fixture<Variants>('env-variants');

describe('episodes recorded in Python', () => {
  test.each([
    'env-FrozenLake-v1',
    'env-FrozenLake-v1-noslip',
    'env-FrozenLake8x8-v1',
    'env-Taxi-v4',
    'env-Taxi-v4-rainy-fickle',
    'env-CliffWalking-v1',
    'env-CliffWalkingSlippery-v1',
    'env-Blackjack-v1',
    'env-Blackjack-v1-natural',
  ])('%s', (name) => {
    expectSameEpisodes(name, (id, kwargs) => make<Env>(id, kwargs));
  });
});

function expectTable(env: TabularEnv, recorded: Table): void {
  for (const [state, actions] of Object.entries(recorded)) {
    expect({ [state]: env.P[Number(state)] }).toEqual({ [state]: Object.values(actions) });
  }
}

test.each(['FrozenLake-v1', 'Taxi-v4', 'CliffWalking-v1'])('%s has the recorded transitions and starts', (id) => {
  const recorded = fixture<{ P: Table; initial_state_distrib: number[] }>(`env-${id}-tables`);
  const env = make<TabularEnv>(id).unwrapped;
  expect(env.P).toHaveLength(Object.keys(recorded.P).length);
  expectTable(env, recorded.P);
  expect(Array.from(env.initialStateDistrib)).toEqual(recorded.initial_state_distrib);
});

test('variants have the recorded transitions', () => {
  expectTable(new TaxiEnv({ isRainy: true }), variants.taxi_rainy_P);
  expectTable(new CliffWalkingEnv({ isSlippery: true }), variants.cliff_slippery_P);
  const lake = { desc: ['SFF', 'FHG'], successRate: 0.75, rewardSchedule: [10, -5, -1] as const };
  expectTable(new FrozenLakeEnv(lake), variants.frozen_lake_P);
});

test.each(Object.entries(variants.drawings))('%s draws the recorded text', (id, { actions, frames }) => {
  const env = make<TabularEnv>(id, { renderMode: 'ansi' });
  env.reset({ seed: 3 });
  expect(env.render()).toBe(frames[0]);
  actions.forEach((action, i) => {
    env.step(action);
    expect(env.render()).toBe(frames[i + 1]);
  });
});

test.each(variants.taxi_riding)('Taxi draws a passenger in the taxi, state $state', ({ state, frame }) => {
  const env = new TaxiEnv({ renderMode: 'ansi' });
  env.state = state;
  expect(env.render()).toBe(frame);
});

interface RecordedMap {
  readonly size: number;
  readonly p: number;
  readonly seed: number;
  readonly map: string[];
}

test.each(fixture<{ maps: RecordedMap[] }>('frozenlake-random-map').maps)(
  'generateRandomMap($size, $p, $seed) is the recorded map',
  ({ size, p, seed, map }) => {
    expect(generateRandomMap(size, p, seed)).toEqual(map);
  },
);
