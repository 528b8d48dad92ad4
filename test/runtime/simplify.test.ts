// What is left out of a program, and that leaving it out changes no number.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { simplify } from '../../src/runtime/simplify.ts';
import { argument, ones, type Tensor, tensor } from '../../src/tensor/index.ts';
import { interpret } from '../tensor/interpreter.ts';
import { runNatively } from '../tensor/native.ts';

const x = argument(0, [2, 3], 'float32');

test('stretching, transposing for a product and reshaping twice', () => {
  const row = argument(1, [3], 'float32');
  expect(simplify([x.add(row.expand([2, 3]))])[0]!.inputs).toEqual([x, row]);
  expect(simplify([x.transpose().matmul(x)])[0]).toMatchObject({
    inputs: [x, x],
    attributes: { transposeA: true, transposeB: false },
  });
  expect(simplify([x.matmul(x.reshape([3, 2]).transpose(), { transposeB: true }).add(1)])[0]!.inputs[0]).toMatchObject({
    attributes: { transposeA: false, transposeB: false },
  });
  expect(simplify([x.reshape([6]).reshape([3, 2])])[0]!.inputs).toEqual([x]);
  expect(simplify([x.reshape([6]).reshape([2, 3])])[0]).toBe(x);
});

test('stays where it gives the shape', () => {
  const row = argument(0, [3], 'float32').expand([2, 3]);
  const both = row.mul(row);
  expect(simplify([both])[0]!.shape).toEqual([2, 3]);
  expect(
    simplify([both])[0]!
      .inputs.map(({ op }) => op)
      .sort(),
  ).toEqual(['expand', 'leaf']);
  const other = x.permute([1, 0]).expand([4, 3, 2]).permute([2, 1, 0]);
  expect(simplify([other])[0]).toBe(other);
});

test('changes no number', () => {
  // Chains of layout steps between broadcasting arithmetic and products, taken at random.
  const steps: ((t: Tensor) => Tensor)[] = [
    (t) => t.transpose(),
    (t) => t.reshape([t.size]).reshape(t.shape),
    (t) => t.reshape([t.shape[1]!, t.shape[0]!]),
    (t) => t.add(ones([1, 1]).expand([t.shape[0]!, 1])),
    (t) => t.slice([0], [1]).expand(t.shape).mul(t),
    (t) => t.matmul(t.transpose()).matmul(t).tanh(),
    (t) => t.transpose().matmul(t).transpose(),
  ];
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...steps), { minLength: 1, maxLength: 6 }), (chosen) => {
      const data = [0.1, -0.2, 0.3, 0.4, 0.05, -0.6];
      const y = chosen.reduce((t, step) => step(t), x as Tensor);
      const [exact] = interpret([y], { arguments: [Float64Array.from(data)] });
      const [native] = runNatively([y], [x], [data]);
      expect(native!.length).toBe(y.size);
      exact!.data.forEach((value, i) => expect(Math.abs(native![i]! - value)).toBeLessThan(1e-5));
    }),
    { seed: 9, numRuns: 60 },
  );
});

test('an output that is a shortcut of an input is its own memory', () => {
  const [out] = runNatively([tensor([1, 2]).reshape([2, 1]).reshape([2])]);
  expect(out).toEqual(Float32Array.of(1, 2));
});
