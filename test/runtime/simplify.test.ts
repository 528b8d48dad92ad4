// What is left out of a program, and that leaving it out changes no number.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Parameter } from '../../src/nn/index.ts';
import { assign, engine, Program } from '../../src/runtime/index.ts';
import { simplify } from '../../src/runtime/simplify.ts';
import { argument, gradients, makeNode, ones, type Tensor, tensor } from '../../src/tensor/index.ts';
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

test('what is written into zeros and then added is added where it belongs', () => {
  const table = argument(0, [5, 2], 'float32');
  const [more, rows] = [argument(1, [5, 2], 'float32'), argument(2, [3], 'int32')];
  // Row 3 is read twice, so that its gradients add up.
  const taken = table.take(rows);
  const loss = taken.square().sum().add(table.mul(more).sum());
  const [gradient] = gradients(loss, [table]);
  expect(gradient!.op).toBe('add');
  expect(simplify([gradient!])[0]).toMatchObject({ op: 'putRows', inputs: { length: 3 } });
  const data = [Array.from({ length: 10 }, (_, i) => i), Array.from({ length: 10 }, (_, i) => 10 * i), [3, 0, 3]];
  const [native] = runNatively([gradient!], [table, more, rows], data);
  // 2 x for each reading, and what it is multiplied by.
  expect([...native!]).toEqual([0 + 0, 10 + 2, 20, 30, 40, 50, 60 + 24, 70 + 28, 80, 90]);
});

test('stays where what is written into zeros is wanted for itself, or is stretched', () => {
  const values = argument(0, [1, 2], 'float32');
  const written = makeNode('putRows', [values, argument(1, [1], 'int32')], { rows: 4 });
  const onto = argument(2, [4, 2], 'float32');
  const ops = (outputs: Tensor[]): string[] => simplify(outputs).map(({ op }) => op);
  expect(ops([written.add(onto)])).toEqual(['putRows']);
  expect(ops([written.add(onto), written])).toEqual(['add', 'putRows']);
  expect(ops([written.add(argument(2, [2], 'float32'))])).toEqual(['add']);
  const both = simplify([written.add(written)])[0]!;
  expect(both.op).toBe('add');
});

test('adds rows to gradients in place, and only where nobody reads them afterwards', () => {
  const memory = new Parameter([4, 2]);
  memory.storage.data.set([1, 2, 3, 4, 5, 6, 7, 8]);
  const values = argument(0, [2, 2], 'float32');
  const rows = argument(1, [2], 'int32');
  const written = memory.add(makeNode('putRows', [values, rows], { rows: 4 }));
  const later = memory.mul(10).matmul(ones([2, 1]));
  const program = new Program({ later, grown: assign(memory.storage, written) }, [values, rows], {
    engine: engine(),
    threads: 1,
  });
  const bound = program.bind();
  bound.arguments[0]!.set([100, 200, 300, 400]);
  bound.arguments[1]!.set([2, 2]);
  bound.run();
  expect([...bound.results.later]).toEqual([30, 70, 110, 150]);
  expect([...memory.storage.data]).toEqual([1, 2, 3, 4, 405, 606, 7, 8]);
  bound.run();
  expect([...memory.storage.data]).toEqual([1, 2, 3, 4, 805, 1206, 7, 8]);
});
