// The spaces of the recorded fixtures, by the names they have there, and typed arrays as the nested lists of JSON.

import { readFileSync } from 'node:fs';
import {
  Box,
  Dict,
  Discrete,
  Graph,
  MultiBinary,
  MultiDiscrete,
  OneOf,
  Sequence,
  type Space,
  Text,
  Tuple,
} from '../../../src/env/spaces/index.ts';

export const spaces: Readonly<Record<string, () => Space>> = {
  'Box(-1,1,(3,))': () => new Box({ low: -1, high: 1, shape: [3] }),
  'Box(-1,1,(3,),float64)': () => new Box({ low: -1, high: 1, shape: [3], dtype: 'float64' }),
  'Box(low=[-1,-2],high=[2,4])': () => new Box({ low: [-1, -2], high: [2, 4] }),
  'Box(0,255,(2,2,3),uint8)': () => new Box({ low: 0, high: 255, shape: [2, 2, 3], dtype: 'uint8' }),
  'Box(-5,5,(4,),int64)': () => new Box({ low: -5, high: 5, shape: [4], dtype: 'int64' }),
  'Box(0,1,(4,),bool)': () => new Box({ low: 0, high: 1, shape: [4], dtype: 'bool' }),
  'Box(-inf,inf,(3,))': () => new Box({ low: -Infinity, high: Infinity, shape: [3] }),
  'Box(0,inf,(3,))': () => new Box({ low: 0, high: Infinity, shape: [3] }),
  'Box(-inf,0,(3,))': () => new Box({ low: -Infinity, high: 0, shape: [3] }),
  'Box(mixed)': () => new Box({ low: [-1, -Infinity, 0, -Infinity], high: [1, Infinity, Infinity, 5] }),
  'Discrete(5)': () => new Discrete(5),
  'Discrete(3,start=-1)': () => new Discrete(3, { start: -1 }),
  'MultiBinary(5)': () => new MultiBinary(5),
  'MultiBinary([2,3])': () => new MultiBinary([2, 3]),
  'MultiDiscrete([3,5,2])': () => new MultiDiscrete([3, 5, 2]),
  'MultiDiscrete([[2,3],[4,5]])': () => new MultiDiscrete([2, 3, 4, 5], { shape: [2, 2] }),
  'MultiDiscrete([3,5],start=[1,-2])': () => new MultiDiscrete([3, 5], { start: [1, -2] }),
  'Tuple(Discrete(3),Box(-1,1,(2,)))': () => new Tuple([new Discrete(3), new Box({ low: -1, high: 1, shape: [2] })]),
  'Tuple(Discrete(2),Tuple(Discrete(3),MultiBinary(2)))': () =>
    new Tuple([new Discrete(2), new Tuple([new Discrete(3), new MultiBinary(2)])]),
  'Dict(b=Discrete(2),a=Box(0,1,(2,)))': () =>
    new Dict({ b: new Discrete(2), a: new Box({ low: 0, high: 1, shape: [2] }) }),
  'Dict(z=Discrete(4),inner=Dict(y=MultiDiscrete([2,3]),x=Box(-1,1,(1,))))': () =>
    new Dict({
      z: new Discrete(4),
      inner: new Dict({ y: new MultiDiscrete([2, 3]), x: new Box({ low: -1, high: 1, shape: [1] }) }),
    }),
  'Text(5)': () => new Text({ maxLength: 5 }),
  'Text(min_length=2,max_length=8,charset=abc)': () => new Text({ minLength: 2, maxLength: 8, charset: 'abc' }),
  'Sequence(Discrete(4))': () => new Sequence(new Discrete(4)),
  'Sequence(Box(-1,1,(2,)),stack=True)': () => new Sequence(new Box({ low: -1, high: 1, shape: [2] }), { stack: true }),
  'Graph(node=Box(-1,1,(3,)),edge=Discrete(5))': () =>
    new Graph({ nodeSpace: new Box({ low: -1, high: 1, shape: [3] }), edgeSpace: new Discrete(5) }),
  'Graph(node=Discrete(4),edge=None)': () => new Graph({ nodeSpace: new Discrete(4) }),
  'OneOf(Discrete(3),Box(-1,1,(2,)))': () => new OneOf([new Discrete(3), new Box({ low: -1, high: 1, shape: [2] })]),
};

/** Any value with its arrays, typed or nested, flat, and its GraphInstance keys as in Python: comparable with the JSON. */
export function comparable(value: unknown): unknown {
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as ArrayLike<number>);
  if (typeof value === 'boolean') return Number(value);
  if (Array.isArray(value)) return value.flatMap(comparable);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, part]) => [
    key === 'edgeLinks' ? 'edge_links' : key,
    comparable(part),
  ]);
  return Object.fromEntries(entries);
}

/** Reads a fixture of recorded Gymnasium behaviour. */
export function readFixture(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`../../fixtures/gymnasium/${name}`, import.meta.url), 'utf8'));
}
