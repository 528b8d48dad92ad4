import { expect, test } from 'vitest';
import { Box, Dict, Discrete, MultiBinary, MultiDiscrete, Text, Tuple } from '../../src/env/index.ts';
import { spaceFromJson, spaceSchema, spaceToJson } from '../../src/trainer/space-json.ts';

test.each([
  new Box({ low: -1, high: 2, shape: [2, 3] }),
  new Box({ low: [Number.NEGATIVE_INFINITY, 0], high: [1, Number.POSITIVE_INFINITY], dtype: 'float64' }),
  new Box({ low: 0, high: 255, shape: [4], dtype: 'uint8' }),
  new Discrete(5),
  new Discrete(3, { start: -1 }),
  new Discrete(3, { dtype: 'int8' }),
  new MultiDiscrete([2, 5]),
  new MultiDiscrete([2, 5, 3, 4], { shape: [2, 2], start: [1, 0, 0, 0], dtype: 'int32' }),
  new MultiBinary([2, 2]),
  new Tuple([new Discrete(2), new Box({ low: 0, high: 1 })]),
  new Dict({ b: new Discrete(2), a: new Tuple([new MultiBinary(3)]) }),
])('%s comes back from JSON', (space) => {
  const text = JSON.stringify(spaceToJson(space));
  const back = spaceFromJson(spaceSchema.parse(JSON.parse(text)));
  expect(back.equals(space)).toBe(true);
});

test('a space without a fixed size cannot be saved', () => {
  expect(() => spaceToJson(new Text({ maxLength: 3 }))).toThrow(/cannot be saved in a checkpoint/);
});
