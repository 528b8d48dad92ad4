// Equality with Gymnasium, value for value. spaces.json was recorded with Gymnasium 1.4.0 (development) and NumPy 1.24.2:
// for each space `space.seed(42)`, ten times `space.sample()`, and what `repr`, `flatdim`, `flatten` and `to_jsonable`
// give. Earlier versions differ in the samples of Graph (drawn from the graph's stream, not its parts') and in the order
// of Text's default characters (that of a Python set).

import { describe, expect, test } from 'vitest';
import {
  Discrete,
  flatdim,
  flatten,
  flattenSpace,
  MultiBinary,
  MultiDiscrete,
  Sequence,
  type Space,
  Text,
  unflatten,
} from '../../../src/env/spaces/index.ts';
import { comparable, readFixture, spaces } from './fixture-spaces.ts';

interface SpaceFixture {
  repr: string;
  seed_42_returns: unknown;
  samples: unknown[];
  flatdim?: number;
  flattened?: unknown[];
  jsonable?: unknown;
}

const fixture = readFixture('spaces.json') as {
  spaces: Record<string, SpaceFixture>;
  masked: Record<string, unknown[]>;
};

describe.each(Object.entries(fixture.spaces))('%s', (name, recorded) => {
  const make = spaces[name];

  test('repr, seeds and samples', () => {
    const space = make();
    expect(String(space)).toBe(recorded.repr);
    expect(space.seed(42)).toEqual(recorded.seed_42_returns);
    const samples = recorded.samples.map(() => space.sample());
    expect(samples.map(comparable)).toEqual(recorded.samples.map(comparable));
    for (const sample of samples) expect(space.contains(sample)).toBe(true);
  });

  test('flat values, and back', () => {
    const space = make();
    space.seed(42);
    const samples = recorded.samples.map(() => space.sample());
    const flatSpace = flattenSpace(space);
    for (const sample of samples) {
      const flat = flatten(space, sample);
      expect(flatSpace.contains(flat)).toBe(true);
      expect(unflatten(space, flat)).toEqual(sample);
    }
    if (recorded.flattened === undefined) expect(() => flatdim(space)).toThrow(/fixed length/);
    else {
      expect(flatdim(space)).toBe(recorded.flatdim);
      const flat = samples.slice(0, 3).map((sample) => flatten(space, sample));
      expect(flat.map(comparable)).toEqual(recorded.flattened.map(comparable));
    }
  });

  test('JSON, and back', () => {
    const space = make();
    space.seed(42);
    const samples = recorded.samples.map(() => space.sample());
    if (recorded.jsonable !== undefined) expect(space.toJsonable(samples.slice(0, 2))).toEqual(recorded.jsonable);
    expect(space.fromJsonable(JSON.parse(JSON.stringify(space.toJsonable(samples))))).toEqual(samples);
  });

  test('equals itself, its copy, and nothing else', () => {
    const space = make();
    expect(space.equals(space.clone())).toBe(true);
    for (const [otherName, other] of Object.entries(spaces)) expect(space.equals(other())).toBe(otherName === name);
    expect(space.equals(null)).toBe(false);
  });

  test('contains no strangers', () => {
    const space = make();
    const foreign = [
      null,
      undefined,
      NaN,
      1.5,
      'ä',
      -100,
      {},
      [null],
      new Float64Array(1),
      () => 1,
      { nodes: 3 },
      [7, 7],
    ];
    for (const value of foreign) expect(space.contains(value), String(value)).toBe(false);
  });
});

const masked: Record<string, { space: Space; options: object }> = {
  'Discrete(5) mask=[0,1,0,1,1]': { space: new Discrete(5), options: { mask: [0, 1, 0, 1, 1] } },
  'Discrete(5) mask=all zero': { space: new Discrete(5), options: { mask: [0, 0, 0, 0, 0] } },
  'MultiBinary(4) mask=[0,1,2,2]': { space: new MultiBinary(4), options: { mask: [0, 1, 2, 2] } },
  'MultiDiscrete([2,3]) mask=([1,0],[0,1,1])': {
    space: new MultiDiscrete([2, 3]),
    options: {
      mask: [
        [1, 0],
        [0, 1, 1],
      ],
    },
  },
  'Text(4,charset=abc) mask=(3,[1,0,1])': {
    space: new Text({ maxLength: 4, charset: 'abc' }),
    options: { mask: [3, [1, 0, 1]] },
  },
  'Sequence(Discrete(3)) mask=(4,[1,0,1])': {
    space: new Sequence(new Discrete(3)),
    options: { mask: [4, [1, 0, 1]] },
  },
  'Discrete(5) probability=[.1,.2,.3,.2,.2]': {
    space: new Discrete(5),
    options: { probability: [0.1, 0.2, 0.3, 0.2, 0.2] },
  },
  'MultiBinary(4) probability=[.1,.5,.9,1]': {
    space: new MultiBinary(4),
    options: { probability: [0.1, 0.5, 0.9, 1] },
  },
  'MultiDiscrete([2,3]) probability=([.3,.7],[.2,.3,.5])': {
    space: new MultiDiscrete([2, 3]),
    options: {
      probability: [
        [0.3, 0.7],
        [0.2, 0.3, 0.5],
      ],
    },
  },
};

test.each(Object.entries(fixture.masked))('%s', (name, recorded) => {
  const { space, options } = masked[name];
  space.seed(42);
  expect(recorded.map(() => comparable(space.sample(options)))).toEqual(recorded);
});
