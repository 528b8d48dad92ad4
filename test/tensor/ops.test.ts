// Every primitive operation, over random shapes: its native value against the float64 interpreter, its gradient against
// central finite differences of the interpreter, and the native gradient against the interpreted one.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { argument, gradients, type Op, type Tensor, tensor } from '../../src/tensor/index.ts';
import { shapeRules } from '../../src/tensor/ops.ts';
import { type Case, cases } from './cases.ts';
import { interpret } from './interpreter.ts';
import { runNatively } from './native.ts';

const OPS = Object.keys(shapeRules) as Op[];
/** The seed keeps runs alike; a failing case is printed with the path to it. */
const RUNS = { seed: 20261122, numRuns: 30 };

function traced({ inputs, build }: Case): { leaves: Tensor[]; y: Tensor; data: (readonly number[])[] } {
  const leaves = inputs.map(({ shape, dtype }, i) => argument(i, shape, dtype));
  return { leaves, y: build(leaves), data: inputs.map(({ data }) => data) };
}

/** A weighted sum of `y` with fixed weights of either sign, and its gradients with respect to the float leaves. */
function differentiated(y: Tensor, leaves: readonly Tensor[]): { loss: Tensor; wanted: Tensor[]; slopes: Tensor[] } {
  const weights = Float32Array.from({ length: y.size }, (_, i) => Math.cos(1 + 2.3 * i));
  const loss = y
    .cast('float32')
    .mul(tensor(weights, { shape: y.shape }))
    .sum();
  const wanted = leaves.filter(({ dtype }) => dtype === 'float32');
  return { loss, wanted, slopes: gradients(loss, wanted) };
}

function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, relative: number, what: string): void {
  expect(actual.length, what).toBe(expected.length);
  const scale = Math.max(1, ...Array.from(expected, Math.abs));
  for (let i = 0; i < expected.length; i++) {
    const far = Math.abs(actual[i]! - expected[i]!);
    if (!(far <= relative * scale)) expect(actual[i], `${what}, element ${i}`).toBe(expected[i]);
  }
}

function centralDifference(loss: Tensor, data: readonly (readonly number[])[], which: number, element: number): number {
  const step = 1e-4;
  const shifted = (by: number): number => {
    const values = data.map((numbers) => Float64Array.from(numbers));
    values[which]![element]! += by;
    return interpret([loss], { arguments: values })[0]!.data[0]!;
  };
  // Fourth order, so that curvature costs no digits.
  return (8 * (shifted(step) - shifted(-step)) - (shifted(2 * step) - shifted(-2 * step))) / (12 * step);
}

test('there are cases for every operation', () => {
  expect(Object.keys(cases).sort()).toEqual([...OPS].sort());
});

describe.each(OPS)('%s', (op) => {
  test('natively gives what the interpreter gives', () => {
    fc.assert(
      fc.property(cases[op], (given) => {
        const { leaves, y, data } = traced(given);
        const [native] = runNatively([y], leaves, data);
        const [exact] = interpret([y], { arguments: data.map((numbers) => Float64Array.from(numbers)) });
        expect(exact!.shape).toEqual(y.shape);
        expectClose(native!, exact!.data, y.dtype === 'float32' ? 2e-6 : 0, String(y));
      }),
      RUNS,
    );
  });

  test('has the gradient that finite differences have', () => {
    fc.assert(
      fc.property(cases[op], (given) => {
        // The further outputs of norms and losses serve first derivatives only, attention to a cache none.
        if (op === 'output' || op === 'cachedAttention') return;
        const { leaves, y, data } = traced(given);
        const { loss, wanted, slopes } = differentiated(y, leaves);
        if (wanted.length === 0) return;
        const values = data.map((numbers) => Float64Array.from(numbers));
        const exact = interpret(slopes, { arguments: values });
        const native = runNatively(slopes, leaves, data);
        wanted.forEach((leaf, i) => {
          expect(slopes[i]!.shape).toEqual(leaf.shape);
          // A row of nearly equal numbers leaves layer norm's gradient few digits in float32.
          const relative = op === 'layerNorm' ? 5e-4 : 2e-5;
          expectClose(native[i]!, exact[i]!.data, relative, `native gradient of ${leaf}`);
          const which = leaves.indexOf(leaf);
          const constant = op === 'stopGradient' || y.dtype !== 'float32';
          const differences = values[which]!.map((_, element) =>
            constant ? 0 : centralDifference(loss, data, which, element),
          );
          expectClose(exact[i]!.data, differences, 1e-6, `gradient of ${leaf}`);
        });
      }),
      RUNS,
    );
  });
});
