// Batches as Gymnasium makes them. space-batches.json was recorded with Gymnasium 1.3.0 and NumPy 2.4.6: for each space of
// spaces.json `space.seed(42); batched = batch_space(space, 3)`, then `repr(batched)` and twice `batched.sample()`; `flat`
// holds `repr(flatten_space(space))`, `reprs` those of further spaces, `small dtypes` ten samples of
// `Discrete(5, dtype=..., seed=42)`. Graphs are left out: their batches hold copies whose samples changed in 1.4.

import { describe, expect, test } from 'vitest';
import {
  Box,
  batchSpace,
  concatenate,
  createEmptyArray,
  Dict,
  Discrete,
  flattenSpace,
  type IntegerDtype,
  iterate,
  MultiDiscrete,
  type Space,
  Text,
  Tuple,
} from '../../../src/env/spaces/index.ts';
import { comparable, readFixture, spaces } from './fixture-spaces.ts';

const fixture = readFixture('space-batches.json') as {
  batches: Record<string, { repr: string; samples: unknown[] }>;
  flat: Record<string, string>;
  reprs: Record<string, string>;
  'small dtypes': Record<IntegerDtype, number[]>;
};

/** MultiDiscrete batches are Boxes of int32 here, of int64 in Gymnasium. */
const int32 = (name: string, repr: string): string =>
  name.includes('MultiDiscrete') ? repr.replaceAll('int64', 'int32') : repr;

describe.each(Object.entries(fixture.batches))('a batch of %s', (name, recorded) => {
  test('has the repr and the samples of Gymnasium', () => {
    const space = spaces[name]();
    space.seed(42);
    const batched = batchSpace(space, 3);
    expect(String(batched)).toBe(int32(name, recorded.repr));
    const samples = recorded.samples.map(() => batched.sample());
    expect(samples.map(comparable)).toEqual(recorded.samples.map(comparable));
  });
});

describe.each(Object.entries(spaces))('values of %s', (_, make) => {
  test('go into a batch and come out again', () => {
    const space = make();
    space.seed(7);
    const values = Array.from({ length: 3 }, () => space.sample());
    const batched = batchSpace(space, 3);
    const batch = concatenate(space, values, createEmptyArray(space, 3));
    expect(batched.contains(batch)).toBe(true);
    expect(concatenate(space, values)).toEqual(batch);
    expect(iterate(batched, batch)).toEqual(values);
  });

  test('leave the space its stream', () => {
    const [space, twin] = [make(), make()];
    space.seed(7);
    twin.seed(7);
    batchSpace(space, 2).sample();
    expect(space.sample()).toEqual(twin.sample());
  });
});

test('concatenate writes into the memory that it is given', () => {
  const space = new Tuple([new Box({ low: 0, high: 1, shape: [2] }), new Discrete(3)]);
  const out = createEmptyArray(space, 2) as [Float32Array, Int32Array];
  const batch = concatenate(
    space,
    [
      [Float32Array.of(0.5, 1), 2],
      [Float32Array.of(0, 0.25), 1],
    ],
    out,
  ) as unknown[];
  expect(batch[0]).toBe(out[0]);
  expect(out).toEqual([Float32Array.of(0.5, 1, 0, 0.25), Int32Array.of(2, 1)]);
});

test('what is no batch is refused', () => {
  expect(() => iterate(new Discrete(3), 1)).toThrow(/Discrete\(3\) holds single numbers/);
  expect(() => iterate(new Text({ maxLength: 2 }), 'ab')).toThrow(/batchSpace/);
  expect(() => concatenate(new Box({ low: 0, high: 1, shape: [2] }), [[1, 2, 3]])).toThrow(/item 0 has 3/);
  expect(() => batchSpace(new Discrete(2), 0)).toThrow(/positive number/);
});

test.each(Object.entries(fixture.flat))('the flat space of %s', (name, repr) => {
  expect(String(flattenSpace(spaces[name]()))).toBe(repr);
});

const grid = (from: number, to: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => from + (i * (to - from)) / (count - 1));
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);
const symmetric = (bounds: number[], dtype: 'float32' | 'float64' = 'float32'): Space =>
  new Box({ low: bounds.map((bound) => -bound), high: bounds, dtype });

const reprs: Record<string, () => Space> = {
  cartpole: () => symmetric([4.8, Infinity, 0.41887903, Infinity]),
  max: () => symmetric([4.8, 3.4028235e38]),
  'f32 scalar max': () => new Box({ low: -3.4028235e38, high: 3.4028235e38, shape: [2] }),
  f64: () => new Box({ low: [0.1, -1 / 3], high: [0.2, 2.5], dtype: 'float64' }),
  small: () => new Box({ low: [0.00001, 0.5], high: [0.00002, 0.75] }),
  'small scalar': () => new Box({ low: 0.00001, high: 0.00002, shape: [3], dtype: 'float64' }),
  'big ratio': () => symmetric([0.5, 2000.25], 'float64'),
  '2d': () => new Box({ low: [-1, -2.5, -3, -4], high: [1, 2.5, 3, 4], shape: [2, 2] }),
  '3d': () => new Box({ low: range(-8, 0), high: range(0, 8), shape: [2, 2, 2] }),
  long: () => new Box({ low: grid(-1, 0, 30), high: grid(0.5, 1.5, 30) }),
  'long ints': () => new Box({ low: range(-20, 20), high: range(0, 40), dtype: 'int64' }),
  'int64 unbounded': () => new Box({ low: -Infinity, high: Infinity, shape: [2], dtype: 'int64' }),
  bools: () => new Box({ low: [0, 1], high: [1, 1], dtype: 'bool' }),
  'scalar shape': () => new Box({ low: -1.5, high: 2, shape: [] }),
  'md long': () => new MultiDiscrete(range(1, 40)),
  'tuple empty': () => new Tuple([]),
  d: () => new Discrete(3, { dtype: 'int8' }),
  quotes: () => new Dict({ "it's": new Discrete(2), 'a"b': new Discrete(2) }),
};

test.each(Object.entries(fixture.reprs))('the repr %s', (name, repr) => {
  expect(String(reprs[name]())).toBe(repr);
});

test.each(Object.entries(fixture['small dtypes']))('samples of a Discrete of %s', (dtype, recorded) => {
  const space = new Discrete(5, { dtype: dtype as IntegerDtype });
  space.seed(42);
  expect(recorded.map(() => space.sample())).toEqual(recorded);
});
