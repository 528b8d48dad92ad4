// Values and gradients against PyTorch 2.13 (float64), recorded in test/fixtures/torch/ops.json; to record it again:
// `python test/fixtures/torch/record.py`. Natively in float32, and by the interpreter in float64: whoever judges is judged too.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { argument, concat, type DType, gradients, type Shape, stack, Tensor, tensor } from '../../src/tensor/index.ts';
import { interpret } from './interpreter.ts';
import { runNatively } from './native.ts';

interface Recorded {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly data: readonly number[];
}
interface Attributes {
  readonly axes: readonly number[] | null;
  readonly axis: number;
  readonly keepDims: boolean;
  readonly approximate: 'none' | 'tanh';
  readonly exponent?: number;
  readonly min: number | null;
  readonly max: number | null;
  readonly dtype: DType;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly shape: Shape;
  readonly perm: readonly number[];
  readonly starts: readonly (number | null)[];
  readonly stops: readonly (number | null)[];
  readonly steps: readonly number[];
  readonly pads: readonly (readonly [number, number])[];
  readonly value: number;
  readonly depth: number;
  readonly epsilon: number;
}
interface Row {
  readonly op: string;
  readonly name: string;
  readonly inputs: readonly Recorded[];
  readonly attrs: Attributes;
  readonly output: Recorded;
  readonly cotangent: readonly number[] | null;
  readonly grads: readonly (readonly number[] | null)[];
}

const { rows } = JSON.parse(readFileSync(new URL('../fixtures/torch/ops.json', import.meta.url), 'utf8')) as {
  rows: Row[];
};

type Call = (inputs: Tensor[], attrs: Attributes) => Tensor;
const method =
  (name: keyof Tensor): Call =>
  ([x, ...rest]) =>
    (x![name] as unknown as (...args: Tensor[]) => Tensor).apply(x, rest);
const reduction =
  (name: 'sum' | 'mean' | 'max' | 'logsumexp'): Call =>
  ([x], { axes, keepDims }) =>
    x![name]({ axis: axes ?? undefined, keepDims });

/** How each recorded operation is written here, where it is not just the method of that name. */
const calls: Record<string, Call> = {
  gelu: ([x], { approximate }) => x!.gelu(approximate),
  pow: ([x, y], { exponent }) => x!.pow(y ?? exponent!),
  clip: ([x], { min, max }) => x!.clip(min ?? -Infinity, max ?? Infinity),
  cast: ([x], { dtype }) => x!.cast(dtype),
  matmul: ([a, b], { transposeA, transposeB }) => a!.matmul(b!, { transposeA, transposeB }),
  sum: reduction('sum'),
  mean: reduction('mean'),
  max: reduction('max'),
  logsumexp: reduction('logsumexp'),
  argmax: ([x], { axis, keepDims }) => (keepDims ? x!.argmax(axis).unsqueeze(axis) : x!.argmax(axis)),
  softmax: ([x], { axis }) => x!.softmax(axis),
  logSoftmax: ([x], { axis }) => x!.logSoftmax(axis),
  cumsum: ([x], { axis }) => x!.cumsum(axis),
  reshape: ([x], { shape }) => x!.reshape(shape),
  transpose: ([x], { perm }) => x!.permute(perm),
  slice: ([x], { axes, starts, stops, steps }) => {
    const of = <T>(values: readonly T[], missing: T): T[] =>
      x!.shape.map((_, axis) => values[axes!.findIndex((a) => (a + x!.rank) % x!.rank === axis)] ?? missing);
    return x!.slice(of(starts, null), of(stops, null), of(steps, 1));
  },
  concat: (inputs, { axis }) => concat(inputs, axis),
  stack: (inputs, { axis }) => stack(inputs, axis),
  pad: ([x], { pads, value }) =>
    x!.pad(
      pads.map(([before]) => before),
      pads.map(([, after]) => after),
      value,
    ),
  expand: ([x], { shape }) => x!.expand(shape),
  gather: ([x, indices], { axis }) => x!.gather(indices!, axis),
  oneHot: ([x], { depth }) => x!.oneHot(depth),
  layerNorm: ([x, weight, bias], { epsilon }) => x!.layerNorm(weight!, bias!, epsilon),
  rmsNorm: ([x, weight], { epsilon }) => x!.rmsNorm(weight!, epsilon),
  crossEntropy: ([logits, targets]) => logits!.crossEntropy(targets!).mean(),
};

/** Within `relative` of the largest number in sight: cancellation leaves small ones no digits of their own. */
function expectClose(actual: ArrayLike<number>, expected: readonly number[], relative: number): void {
  expect(actual.length).toBe(expected.length);
  const scale = Math.max(1e-3, ...expected.map(Math.abs));
  expected.forEach((value, i) => {
    expect(Math.abs(actual[i]! - value), `element ${i}: ${actual[i]} for ${value}`).toBeLessThanOrEqual(
      relative * scale,
    );
  });
}

describe.each([...new Set(rows.map(({ op }) => op))])('%s as PyTorch', (op) => {
  test.each(rows.filter((row) => row.op === op))('$name', ({ inputs, attrs, output, cotangent, grads }) => {
    const leaves = inputs.map(({ shape, dtype }, i) => argument(i, shape, dtype));
    const y = (calls[op] ?? method(op as keyof Tensor))(leaves, attrs);
    expect(y.shape).toEqual(output.shape);
    expect(y.dtype).toBe(output.dtype);
    const wanted = leaves.filter((_, i) => grads[i]);
    const outputs = [y];
    if (cotangent !== null) {
      const weights = tensor(Float32Array.from(cotangent), { shape: output.shape });
      outputs.push(...gradients(y.mul(weights).sum(), wanted));
    }
    const recordedGrads = grads.filter((grad) => grad !== null);

    const native = runNatively(
      outputs,
      leaves,
      inputs.map(({ data }) => data),
    );
    expectClose(native[0]!, output.data, 1e-5);
    recordedGrads.forEach((grad, i) => expectClose(native[i + 1]!, grad, 1e-4));

    const exact = interpret(outputs, { arguments: inputs.map(({ data }) => Float64Array.from(data)) });
    expectClose(exact[0]!.data, output.data, 1e-7);
    recordedGrads.forEach((grad, i) => expectClose(exact[i + 1]!.data, grad, 1e-6));
  });
});

test('there is a row for every public operation of the framework', () => {
  const recorded = new Set(rows.map(({ op }) => op));
  const composed = ['square', 'item', 'data', 'dataSync', 'toString', 'unsqueeze', 'squeeze', 'permute', 'dropout'];
  const elsewhere = ['constructor', 'rank', 'size', 'sign', 'reciprocal', 'linear', 'min', 'and', 'or', 'not'];
  const names = Object.getOwnPropertyNames(Tensor.prototype).filter(
    (name) => ![...composed, ...elsewhere].includes(name),
  );
  expect(names.filter((name) => !recorded.has(name))).toEqual([]);
});
