// The rules of the spaces beyond recorded samples: seeds of composites, masks, constructor arguments, membership.

import { describe, expect, expectTypeOf, test } from 'vitest';
import {
  Box,
  Dict,
  Discrete,
  Graph,
  type GraphInstance,
  MultiBinary,
  MultiDiscrete,
  OneOf,
  Sequence,
  Space,
  Text,
  Tuple,
  unflatten,
} from '../../../src/env/spaces/index.ts';
import { readFixture, spaces } from './fixture-spaces.ts';

describe('seeds', () => {
  test.each(Object.entries(spaces))('that %s returns, give the same samples again', (_, make) => {
    const [space, twin] = [make(), make()];
    const seeds = space.seed(123);
    twin.seed(seeds);
    // Tuple and Dict draw from their parts alone; the others' own stream is among the seeds.
    expect([space.sample(), space.sample()]).toEqual([twin.sample(), twin.sample()]);
  });

  test('are drawn when none is given', () => {
    const space = new Dict({ a: new Discrete(2 ** 30), b: new Tuple([new Discrete(2)]) });
    const seeds = space.seed() as Record<string, unknown>;
    const first = space.sample().a;
    space.seed(seeds as never);
    expect(space.sample().a).toBe(first);
  });

  test('of the wrong form are refused', () => {
    expect(() => new Discrete(2).seed([1])).toThrow(/Discrete\(2\) takes one integer.*\[1\]/);
    expect(() => new Tuple([new Discrete(2)]).seed([1, 2])).toThrow(/array of 1 seeds/);
    expect(() => new OneOf([new Discrete(2)]).seed([1])).toThrow(/array of 2 seeds/);
    expect(() => new Dict({ a: new Discrete(2) }).seed({ b: 1 })).toThrow(/exactly its parts.*b/);
    expect(() => new Discrete(2).seed(-1)).toThrow(/non-negative/);
  });

  test('of a batched action space act as in Python', () => {
    // vec-cartpole-sync.json: gym.make_vec('CartPole-v1', num_envs=3); v.action_space.seed(123); its sampled actions.
    const fixture = readFixture('vec-cartpole-sync.json') as { steps: { action: number[] }[] };
    const space = new MultiDiscrete([2, 2, 2]);
    space.seed(123);
    for (const { action } of fixture.steps) expect([...space.sample()]).toEqual(action);
  });
});

describe('masks and probabilities', () => {
  const box = new Box({ low: 0, high: 1 });

  test('reach the parts of composites', () => {
    const tuple = new Tuple([new Discrete(3), box]);
    expect(tuple.sample({ mask: [[0, 0, 1], undefined] })[0]).toBe(2);
    const dict = new Dict({ a: new Discrete(3, { start: 5 }), b: box });
    expect(dict.sample({ probability: { a: [0, 1, 0], b: null } }).a).toBe(6);
    const oneOf = new OneOf([new Discrete(3), new Discrete(3)]);
    expect(
      oneOf.sample({
        mask: [
          [0, 1, 0],
          [0, 1, 0],
        ],
      })[1],
    ).toBe(1);
    const graph = new Graph({ nodeSpace: new Discrete(3), edgeSpace: new Discrete(2) });
    const { nodes, edges } = graph.sample({
      mask: [
        [
          [0, 0, 1],
          [0, 1, 0],
        ],
        [1, 0],
      ],
      numNodes: 2,
    });
    expect(nodes).toEqual(Int32Array.of(2, 1));
    expect(edges === null || (edges as Int32Array).every((edge) => edge === 0)).toBe(true);
    const fixed = graph.sample({
      probability: [
        null,
        [
          [0, 1],
          [1, 0],
        ],
      ],
      numNodes: 3,
      numEdges: 2,
    });
    expect(fixed.edges).toEqual(Int32Array.of(1, 0));
    expect(fixed.edgeLinks).toHaveLength(4);
  });

  test('set lengths', () => {
    expect(new Text({ maxLength: 9, charset: 'ab' }).sample({ probability: [5, [0, 1]] })).toBe('bbbbb');
    expect(new Text({ maxLength: 9, minLength: 0 }).sample({ mask: [null, new Int8Array(62)] })).toBe('');
    expect(
      new Sequence(new Discrete(2)).sample({
        mask: [
          [3, 3],
          [0, 1],
        ],
      }),
    ).toEqual([1, 1, 1]);
    expect(new Sequence(new Discrete(2), { stack: true }).sample({ mask: [2, [0, 1]] })).toEqual(Int32Array.of(1, 1));
  });

  test.each([
    [() => new Discrete(2).sample({ mask: [1, 1], probability: [0.5, 0.5] }), /got both/],
    [() => new Discrete(2).sample({ mask: [1] }), /mask of 2 values, but got 1/],
    [() => new Discrete(2).sample({ mask: [1, 2] }), /zeros and ones, but got 2 at 1/],
    [() => new Discrete(2).sample({ probability: [0.5, 0.6] }), /sum to 1/],
    [() => new Discrete(2).sample({ probability: [1.5, -0.5] }), /\[0, 1\]/],
    [() => new MultiBinary(2).sample({ mask: [1, 3] }), /0, 1 and 2, but got 3/],
    [() => new MultiBinary(2).sample({ probability: [1] }), /2 values/],
    [() => new MultiDiscrete([2, 2]).sample({ mask: [[1, 0]] }), /got 1 of them/],
    [() => new Text({ maxLength: 2 }).sample({ mask: [3, null] }), /length in \[1, 2\], but got 3/],
    [() => new Text({ maxLength: 2, charset: 'a' }).sample({ mask: [null, [0]] }), /must not be empty/],
    [() => new Sequence(new Discrete(2)).sample({ mask: [-1, null] }), /non-negative.*-1/],
    [() => new Tuple([new Discrete(2)]).sample({ mask: [] }), /needs 1 masks/],
    [() => box.sample({ mask: [1] as never }), /leave them out/],
    [() => new Graph({ nodeSpace: box }).sample({ numNodes: 0 }), /at least one node/],
  ])('that make no sense are refused: %s', (call, message) => {
    expect(call).toThrow(message);
  });
});

describe('constructor arguments', () => {
  test.each([
    [() => new Box({ low: 1, high: 0 }), /low <= high.*low 1 and high 0/],
    [() => new Box({ low: Number.NaN, high: 0 }), /NaN/],
    [() => new Box({ low: [0, 0], high: [1] }), /2 bounds.*2 and 1/],
    [() => new Box({ low: 0, high: 1, shape: [0] }), /positive integers/],
    [() => new Box({ low: 0, high: 256, dtype: 'uint8' }), /256.*uint8.*\[0,255\]|256.*uint8/],
    [() => new Box({ low: -Infinity, high: 1, dtype: 'uint8' }), /cannot be unbounded/],
    [() => new Box({ low: 0, high: 1, dtype: 'complex64' as 'float32' }), /no dtype complex64; choose/],
    [() => new Discrete(0), /positive integer n, but got 0/],
    [() => new Discrete(2, { start: 0.5 }), /integer start/],
    [() => new Discrete(200, { dtype: 'int8' }), /int8 cannot hold 0 to 199/],
    [() => new MultiDiscrete([2, 0]), /count 1 is 0/],
    [() => new MultiDiscrete([2], { start: [1, 2] }), /got 1 and 2/],
    [() => new MultiDiscrete([200], { dtype: 'int8' }), /element 0 starts at 0/],
    [() => new MultiBinary(-1), /positive integers/],
    [() => new Text({ maxLength: 1, minLength: 2 }), /minLength <= maxLength/],
    [() => new Text({ maxLength: 1, charset: new Set(['ab']) }), /single characters.*"ab"/],
    [() => new Tuple([3 as unknown as Space]), /Part 0 of Tuple must be a Space, but got 3/],
    [() => new Dict({ a: null as unknown as Space }), /Part 'a' of Dict/],
    [() => new OneOf([]), /at least one space/],
    [() => new Sequence('x' as unknown as Space), /must be a Space/],
  ])('that make no space are refused: %s', (call, message) => {
    expect(call).toThrow(message);
  });
});

describe('membership', () => {
  test('of a Box takes exactly its array class, length and bounds', () => {
    const box = new Box({ low: [-1, 0], high: [1, 2] });
    expect(box.contains(Float32Array.of(1, 2))).toBe(true);
    expect(box.contains(Float32Array.of(1.5, 2))).toBe(false);
    expect(box.contains(Float32Array.of(Number.NaN, 2))).toBe(false);
    expect(box.contains(Float32Array.of(1))).toBe(false);
    expect(box.contains([1, 2])).toBe(false);
    expect(new Box({ low: 0, high: 9, dtype: 'int64' }).contains(Float64Array.of(0.5))).toBe(false);
  });

  test('of a Graph holds its links to its nodes', () => {
    const graph = new Graph({ nodeSpace: new Discrete(3), edgeSpace: new Discrete(2) });
    const instance: GraphInstance = {
      nodes: Int32Array.of(1, 2),
      edges: Int32Array.of(1),
      edgeLinks: Int32Array.of(0, 1),
    };
    expect(graph.contains(instance)).toBe(true);
    expect(graph.contains({ ...instance, edgeLinks: Int32Array.of(0, 2) })).toBe(false);
    expect(graph.contains({ ...instance, edges: Int32Array.of(1, 1) })).toBe(false);
    expect(graph.contains({ ...instance, nodes: Int32Array.of(1, 3) })).toBe(false);
  });

  test('of a Text counts code points', () => {
    const text = new Text({ maxLength: 2, charset: '😀é' });
    expect(text.contains('😀😀')).toBe(true);
    expect(text.contains('😀😀é')).toBe(false);
    expect(text.contains('')).toBe(false);
  });
});

test('what is not one-hot is not unflattened', () => {
  expect(() => unflatten(new Discrete(3), [0, 0, 0])).toThrow(/nothing but zeros/);
  expect(() => unflatten(new Discrete(3), [1])).toThrow(/3 numbers, but got 1/);
});

test('a space of one’s own needs clone to be batched', () => {
  class Own extends Space<string> {
    readonly isNpFlattenable = false;
    sample(): string {
      return 'x';
    }
    contains(value: unknown): value is string {
      return value === 'x';
    }
    toJsonable(values: readonly string[]): unknown {
      return values;
    }
    fromJsonable(data: unknown): string[] {
      return data as string[];
    }
    toString(): string {
      return 'Own()';
    }
    equals(other: unknown): boolean {
      return other instanceof Own;
    }
  }
  expect(() => new Own(null, null).clone()).toThrow(/Own\(\) cannot be copied: give its class a clone\(\) method/);
});

test('element types are inferred', () => {
  const space = new Dict({ a: new Box({ low: 0, high: 1 }), b: new Tuple([new Discrete(2), new MultiBinary(2)]) });
  const value = space.sample();
  expectTypeOf(value.a).toEqualTypeOf<Float32Array<ArrayBuffer>>();
  expectTypeOf(value.b).toEqualTypeOf<[number, Int8Array<ArrayBuffer>]>();
  expectTypeOf(new Box({ low: 0, high: 1, dtype: 'int64' }).sample()).toEqualTypeOf<Float64Array<ArrayBuffer>>();
  expectTypeOf(new OneOf([new Discrete(2), new Text({ maxLength: 1 })]).sample()).toEqualTypeOf<
    [number, number | string]
  >();
  const unknownSpace: Space = space;
  if (unknownSpace instanceof Dict) expectTypeOf(unknownSpace.spaces.a).toEqualTypeOf<Space>();
});
