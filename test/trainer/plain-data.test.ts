import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fromJson, toJson } from '../../src/trainer/plain-data.ts';

const throughJson = (value: unknown): unknown => fromJson(JSON.parse(JSON.stringify(toJson(value, 'it'))));

test('plain data comes back as it was, to the last bit', () => {
  const leaf = fc.oneof(
    fc.double(),
    fc.integer(),
    fc.string(),
    fc.boolean(),
    fc.bigInt(),
    fc.constantFrom(null, undefined, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0),
    fc.float32Array(),
    fc.float64Array(),
    fc.uint8Array(),
    fc.int32Array(),
  );
  const key = fc.oneof(fc.string(), fc.constantFrom('$', '__proto__', 'base64'));
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      leaf,
      fc.array(tie('tree')),
      fc.dictionary(key, tie('tree'), { noNullPrototype: true }),
    ),
  }));
  fc.assert(
    fc.property(tree, (value) => {
      expect(throughJson(value)).toStrictEqual(value);
    }),
  );
});

test('a view of a part of a buffer is that part', () => {
  const whole = Float64Array.of(1, 2, 3, 4);
  expect(throughJson(whole.subarray(1, 3))).toEqual(Float64Array.of(2, 3));
});

test('what is no plain data is named with its place', () => {
  expect(() => toJson({ a: [1, () => 2] }, 'state')).toThrow('state.a[1] is a function, which is no plain data');
  expect(() => toJson({ when: new Date() }, 'state')).toThrow('state.when is a Date');
  expect(() => toJson([new Map()], 'state')).toThrow('state[0] is a Map');
  expect(() => fromJson({ $: 'constructor', base64: '' })).toThrow(TypeError);
  expect(() => fromJson({ $: 'Float64Array', base64: 'AAAA' })).toThrow('a part of a Float64Array');
});
