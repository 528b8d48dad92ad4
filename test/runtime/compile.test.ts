// compile: one program for each combination of shapes and types, a bounded number of them, results as trees, turns.

import { describe, expect, test } from 'vitest';
import { assign, compile } from '../../src/runtime/index.ts';
import {
  gradients,
  ones,
  ShapeError,
  type Storage,
  stored,
  type Tensor,
  tensor,
  zeros,
} from '../../src/tensor/index.ts';

const elements = (x: Tensor): number[] => Array.from(x.dataSync());

/** A compiled function and how often it was traced. */
function counted<T extends Tensor>(fn: (x: Tensor) => T, maxPrograms?: number) {
  const traced: string[] = [];
  const compiled = compile(
    (x: Tensor) => {
      traced.push(`${x.dtype}[${x.shape.join()}]`);
      return fn(x);
    },
    { threads: 1, maxPrograms },
  );
  return { compiled, traced };
}

describe('programs', () => {
  test('one for each combination of shapes and types', () => {
    const { compiled, traced } = counted((x) => x.add(x));
    for (let i = 0; i < 3; i++) {
      expect(elements(compiled(tensor([1, 2])))).toEqual([2, 4]);
      expect(elements(compiled(tensor([[1, 2]])))).toEqual([2, 4]);
      expect(compiled(tensor([1, 2], { dtype: 'int32' })).dataSync()).toEqual(Int32Array.of(2, 4));
    }
    expect(traced).toEqual(['float32[2]', 'float32[1,2]', 'int32[2]']);
    expect(compiled.programCount()).toBe(3);
    compiled.dispose();
    expect(compiled.programCount()).toBe(0);
    expect(elements(compiled(tensor([1, 2])))).toEqual([2, 4]);
    expect(traced).toHaveLength(4);
    compiled.dispose();
  });

  test('at most maxPrograms, the longest unused goes', () => {
    const { compiled, traced } = counted((x) => x.neg(), 2);
    compiled(ones([1]));
    compiled(ones([2]));
    compiled(ones([1]));
    compiled(ones([3]));
    expect(compiled.programCount()).toBe(2);
    compiled(ones([1]));
    expect(traced).toEqual(['float32[1]', 'float32[2]', 'float32[3]']);
    compiled(ones([2]));
    expect(traced).toHaveLength(4);
    compiled.dispose();
  });

  test('in the hands of a caller stay, and the one asked for stays too', () => {
    const { compiled } = counted((x) => x.neg(), 1);
    const first = compiled.bind({ shape: [1], dtype: 'float32' });
    const second = compiled.bind({ shape: [2], dtype: 'float32' });
    expect(elements(compiled(tensor([1, 2, 3])))).toEqual([-1, -2, -3]);
    first.arguments[0]!.set([5]);
    second.arguments[0]!.set([6, 7]);
    first.run();
    second.run();
    expect([...first.results, ...second.results]).toEqual([-5, -6, -7]);
    first.release();
    second.release();
    compiled.dispose();
    expect(() => first.run()).toThrow('released');
  });

  test('several arguments, and lazy ones', () => {
    const f = compile((a: Tensor, b: Tensor) => a.matmul(b));
    expect(elements(f(ones([1, 2]).mul(3), tensor([[1], [2]])))).toEqual([9]);
    expect(() => f(ones([1, 2]), ones([3, 1]))).toThrow(ShapeError);
    f.dispose();
  });

  test('a function compiled inside another that is being traced has no elements to run on', () => {
    const inner = compile((y: Tensor) => y.mul(2));
    const outer = compile((x: Tensor) => inner(x.add(1)));
    expect(() => outer(ones([2]))).toThrow('an argument of a function that is being traced');
    const captures = compile((x: Tensor) => {
      const closure = compile((y: Tensor) => y.add(x));
      return closure(ones([2]));
    });
    expect(() => captures(ones([2]))).toThrow('an argument of a function that is being traced');
    for (const f of [inner, outer, captures]) f.dispose();
  });
});

describe('results', () => {
  test('as the tree that was returned', () => {
    const state: Storage = { data: new Float32Array(1) };
    const f = compile((x: Tensor) => ({
      parts: [x.slice([0], [1]), x.slice([1])] as const,
      deep: { mask: x.greater(1), where: x.argmax() },
      done: assign(state, x.sum().reshape([1])),
    }));
    const { parts, deep, done } = f(tensor([1, 2, 3]));
    expect(parts.map(elements)).toEqual([[1], [2, 3]]);
    expect(deep.mask.dataSync()).toEqual(Uint8Array.of(0, 1, 1));
    expect(deep.where.dataSync()).toEqual(Int32Array.of(2));
    expect(deep.where.shape).toEqual([]);
    expect(done).toBeUndefined();
    expect([...state.data]).toEqual([6]);
    f.dispose();
  });

  test('are not overwritten by the next call', () => {
    const f = compile((x: Tensor) => x.mul(2));
    const first = f(tensor([1]));
    f(tensor([5]));
    expect(elements(first)).toEqual([2]);
    f.dispose();
  });

  test('flow into the next call', () => {
    const f = compile((x: Tensor) => x.mul(2));
    expect(elements(f(f(f(tensor([1, -1])))))).toEqual([8, -8]);
    f.dispose();
  });

  test('train: a line is found by gradient descent', () => {
    const weight: Storage = { data: Float32Array.of(0, 0) };
    const step = compile((x: Tensor, y: Tensor) => {
      const w = stored(weight, [1, 2], 'w');
      const error = x.linear(w).sub(y);
      const loss = error.square().mean();
      return { loss, update: assign(weight, w.sub(gradients(loss, [w])[0]!.mul(0.3)).reshape([2])) };
    });
    const x = tensor([[0, 1], [1, 1], [2, 1], [-1, 1]]); // biome-ignore format: a matrix
    const y = tensor([[1], [3], [5], [-1]]);
    let loss = Infinity;
    for (let i = 0; i < 200; i++) loss = step(x, y).loss.item();
    expect(loss).toBeLessThan(1e-10);
    expect(weight.data[0]).toBeCloseTo(2, 4);
    expect(weight.data[1]).toBeCloseTo(1, 4);
    step.dispose();
  });
});

describe('asynchronous calls', () => {
  /** Long enough that a timer fires meanwhile: 20 products of 600 by 600. */
  const long = compile((x: Tensor) => {
    let y = x;
    for (let i = 0; i < 20; i++) y = y.matmul(x).clip(-1, 1);
    return y.sum();
  });

  test('leave the event loop free', async () => {
    const order: string[] = [];
    const running = long.async(ones([600, 600])).then(() => order.push('run'));
    setTimeout(() => order.push('timer'), 1);
    await running;
    expect(order).toEqual(['timer', 'run']);
  });

  test('of equal shapes take turns, of others do not mix', async () => {
    const f = compile((x: Tensor) => x.square().sum());
    const calls = Array.from({ length: 20 }, (_, i) => f.async(zeros([1 + (i % 3), 100]).add(i)));
    const sums = (await Promise.all(calls)).map((x) => x.item());
    expect(sums).toEqual(calls.map((_, i) => i * i * 100 * (1 + (i % 3))));
    f.dispose();
  });

  test('keep synchronous calls of the same program and disposal out', async () => {
    const running = long.async(ones([600, 600]));
    expect(() => long(ones([600, 600]))).toThrow('still running asynchronously');
    await running;
    expect(long(zeros([600, 600])).item()).toBe(0);
    const again = long.async(zeros([600, 600]));
    await new Promise((resolve) => setImmediate(resolve));
    expect(() => long.dispose()).toThrow('still running');
    await again;
    long.dispose();
  });

  test('reject what goes wrong and go on', async () => {
    const f = compile((x: Tensor) => ones([3]).take(x));
    const index = (i: number): Tensor => tensor(Int32Array.of(i));
    await expect(f.async(index(7))).rejects.toThrow('out of data bounds');
    expect(elements(await f.async(index(1)))).toEqual([1]);
    await expect(f.async(ones([2]))).rejects.toThrow(ShapeError);
    f.dispose();
  });
});

test('the gradient of a row that is taken very often counts every time, whatever the threads do', () => {
  const [count, width] = [16_384, 128];
  const table = zeros([2, width]);
  const gradient = compile((rows: Tensor, indices: Tensor) => gradients(rows.take(indices).sum(), [rows])[0]!, {
    threads: 2,
  }).bind(table, { shape: [count], dtype: 'int32' });
  for (let run = 0; run < 20; run++) {
    gradient.run();
    expect(new Set(gradient.results as unknown as Float32Array)).toEqual(new Set([count, 0]));
  }
});
