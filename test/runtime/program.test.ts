// Programs over memory: in place where that is right, by way of a copy where it is not; any leaf as an output; clear ends.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { npRandom } from '../../src/random/index.ts';
import {
  assign,
  type Assignment,
  type Binding,
  type Engine,
  engine,
  Program,
  type Tree,
} from '../../src/runtime/index.ts';
import {
  argument,
  full,
  gradients,
  ones,
  scalar,
  type Storage,
  stored,
  type Tensor,
  tensor,
  uniform,
  zeros,
} from '../../src/tensor/index.ts';
import { interpret } from '../tensor/interpreter.ts';

const numbers = (count: number, phase: number): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => Math.sin(1.7 * i + phase));

/** The engine, noting the memory of outputs at each binding. */
function noting(): { engine: Engine; outputs: () => readonly Binding[] } {
  let last: readonly Binding[] = [];
  const native = engine();
  return {
    outputs: () => last,
    engine: {
      name: native.name,
      load(model, options) {
        const loaded = native.load(model, options);
        return {
          bind(inputs, outputs) {
            last = outputs;
            return loaded.bind(inputs, outputs);
          },
          release: () => loaded.release(),
        };
      },
    },
  };
}

const load = <T extends Tree>(tree: T, leaves: readonly Tensor[] = []): Program<T> =>
  new Program(tree, leaves, { engine: engine(), threads: 1 });

/** Runs the assignments once and compares with what the interpreter says their values were before. */
function expectAssigned(assignments: readonly Assignment[], outputs: readonly Tensor[] = []): void {
  const expected = interpret([...assignments.map(({ value }) => value), ...outputs]);
  const program = load([assignments, outputs] as const);
  const bound = program.bind();
  bound.run();
  [...assignments.map(({ target }) => target.data), ...bound.results[1]].forEach((data, which) => {
    const { data: exact } = expected[which]!;
    const scale = Math.max(1, ...exact.map(Math.abs));
    exact.forEach((value, i) => {
      expect(Math.abs(data[i]! - value) / scale, `assignment ${which}, element ${i}`).toBeLessThan(1e-4);
    });
  });
  bound.release();
  program.dispose();
}

/** Whether `assignment` is written straight into its target. */
function inPlace(assignment: Assignment, others: readonly Tree[] = []): boolean {
  const { engine: noted, outputs } = noting();
  const program = new Program([assignment, ...others], [], { engine: noted, threads: 1 });
  program.bind().release();
  program.dispose();
  return outputs().some(({ data }) => data === assignment.target.data);
}

describe('assignments', () => {
  const n = 32;
  const state = (phase: number): [Storage, Tensor] => {
    const storage = { data: numbers(n * n, phase) };
    return [storage, stored(storage, [n, n], `w${phase}`)];
  };
  const x = tensor(numbers(n * n, 9), { shape: [n, n] });

  test('element by element are in place: an optimizer copies nothing', () => {
    const [moment, m] = state(1);
    const [weight, w] = state(2);
    const [gradient] = state(3);
    const g = stored(gradient, [n, n], 'g');
    const average = m.mul(0.9).add(g.mul(0.1));
    const update = [assign(moment, average), assign(weight, w.sub(average.mul(0.01)))];
    expect(inPlace(update[0]!, [update[1]!])).toBe(true);
    expect(inPlace(update[1]!, [update[0]!])).toBe(true);
    expect(inPlace(assign(weight, w.reshape([n * n]).mul(2)))).toBe(true);
    expect(inPlace(assign(gradient, x.matmul(w)))).toBe(true);
    expectAssigned(update);
  });

  test('after clipping by the norm are in place: every reader comes before', () => {
    const [weight, w] = state(1);
    const loss = x.matmul(w).tanh().matmul(w).square().mean();
    const [slope] = gradients(loss, [w]);
    const update = assign(weight, w.sub(slope!.mul(scalar(1).div(slope!.square().sum().sqrt().add(1)))));
    expect(inPlace(update, [loss])).toBe(true);
    expectAssigned([update], [loss]);
  });

  // Each reads the weight as something else than the element it overwrites.
  test.each<[string, (w: Tensor) => Tensor]>([
    ['a product', (w) => x.matmul(w)],
    ['a product with a reshaped weight', (w) => w.reshape([2 * n, n / 2]).matmul(ones([n / 2, n / 2]))],
    ['a product that is fused with a sum', (w) => x.matmul(w).add(x)],
    ['a product that is fused with a scale', (w) => x.matmul(w).mul(2)],
    ['a product that is fused with an activation', (w) => x.matmul(w).relu()],
    ['a transpose', (w) => w.transpose().add(x)],
    ['a softmax', (w) => w.softmax()],
    ['a reversal', (w) => w.slice([null], [null], [-1])],
    ['a norm', (w) => w.sub(w.mean({ axis: 1, keepDims: true }))],
    ['a running sum', (w) => w.cumsum(0)],
  ])('%s is written by way of a copy', (_, value) => {
    const [weight, w] = state(4);
    const update = assign(weight, value(w).reshape([n * n]));
    expect(inPlace(update)).toBe(false);
    expectAssigned([update]);
  });

  test('fused with the backward pass: gradient descent on a deep network, no clipping', () => {
    // ONNX Runtime may run the update of a weight before the product that takes the gradient through that weight.
    const layers = Array.from({ length: 6 }, (_, i) => state(i));
    const loss = layers
      .reduce((h, [, w]) => h.matmul(w).mul(0.3).tanh(), x)
      .square()
      .mean();
    const slopes = gradients(
      loss,
      layers.map(([, w]) => w),
    );
    const updates = layers.map(([storage, w], i) => assign(storage, w.sub(slopes[i]!.mul(50))));
    expectAssigned(updates, [loss]);
  });

  test('a reader beside the writer sees the old value', () => {
    const [weight, w] = state(5);
    const view = w.reshape([n * n]).reshape([n / 2, 2 * n]);
    expectAssigned([assign(weight, w.add(1))], [view.matmul(view.exp(), { transposeB: true }), w]);
  });

  test('a swap', () => {
    const [a, x1] = state(6);
    const [b, x2] = state(7);
    expectAssigned([assign(a, x2), assign(b, x1)]);
  });

  test('over parts of one buffer', () => {
    const flat = numbers(12, 8);
    const whole: Storage = { data: flat };
    const first: Storage = { data: flat.subarray(0, 4) };
    const last: Storage = { data: flat.subarray(8) };
    const all = stored(whole, [3, 4], 'all');
    const mixed = all.sum({ axis: 0 });
    expectAssigned([assign(first, stored(last, [4], 'last').add(mixed)), assign(last, mixed.mul(2))], [all]);
  });

  test('whatever the graph', () => {
    const binary: ((a: Tensor, b: Tensor) => Tensor)[] = [
      (a, b) => a.matmul(b),
      (a, b) => a.matmul(b, { transposeB: true }).mul(0.5),
      (a, b) => a.add(b),
      (a, b) => a.mul(b),
      (a, b) =>
        a
          .reshape([8, 2])
          .add(b.reshape([8, 2]))
          .reshape([4, 4]),
      (a, b) => a.transpose().sub(b),
      (a, b) => a.softmax().maximum(b),
      (a, b) => a.add(b.sum({ axis: 0 })),
    ];
    const step = fc.tuple(fc.constantFrom(...binary), fc.nat({ max: 20 }), fc.nat({ max: 20 }));
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 1, maxLength: 8 }),
        fc.array(fc.nat(20), { minLength: 4, maxLength: 4 }),
        (steps, picks) => {
          const a: Storage = { data: numbers(16, 1) };
          const b: Storage = { data: numbers(16, 2) };
          const pool = [stored(a, [4, 4], 'a'), stored(b, [16], 'b').reshape([4, 4])];
          const pick = (i: number): Tensor => pool[i % pool.length]!;
          for (const [op, i, j] of steps) pool.push(op(pick(i), pick(j)).tanh());
          const [p, q, r, s] = picks.map((i) => pick(pool.length - 1 - (i % pool.length))) as [
            Tensor,
            Tensor,
            Tensor,
            Tensor,
          ];
          expectAssigned([assign(a, p), assign(b, q)], [r, s]);
        },
      ),
      { seed: 20261122, numRuns: 120 },
    );
  });

  test('follow memory that moves', () => {
    const weight: Storage = { data: Float32Array.of(1, 2) };
    const program = load(assign(weight, stored(weight, [2], 'w').mul(3)));
    const bound = program.bind();
    bound.run();
    const before = weight.data;
    weight.data = new Float32Array(new SharedArrayBuffer(16), 4, 2);
    weight.data.set([10, 20]);
    bound.run();
    bound.run();
    expect([...before, ...weight.data]).toEqual([3, 6, 90, 180]);
    bound.release();
    weight.data = new Float32Array(2);
    expect(() => bound.run()).toThrow('released');
    program.dispose();
  });

  test('that do not fit or contradict each other are refused', () => {
    const weight: Storage = { data: new Float32Array(2) };
    expect(() => load(assign(weight, zeros([3])))).toThrow('does not fit memory of 2 float32 elements');
    expect(() => load([assign(weight, zeros([2])), assign(weight, ones([2]))])).toThrow('assigns twice');
    expect(() => load([])).toThrow('computes nothing');
  });
});

describe('outputs', () => {
  test('may be arguments, constants, parameters, duplicates and further results', () => {
    const x = argument(0, [2], 'float32');
    const weight: Storage = { data: Float32Array.of(5, 6) };
    const y = x.mul(2);
    const constant = tensor([7, 8]);
    const w = stored(weight, [2], 'w');
    const program = load([x, x, y, y, y.add(1), constant, constant, w, x.stopGradient(), full([2], 3)], [x]);
    const bound = program.bind();
    bound.arguments[0]!.set([1, 2]);
    bound.run();
    expect(bound.results.map((data) => [...data])).toEqual([
      [1, 2],
      [1, 2],
      [2, 4],
      [2, 4],
      [3, 5],
      [7, 8],
      [7, 8],
      [5, 6],
      [1, 2],
      [3, 3], // biome-ignore format: in a row
    ]);
    expect(new Set(bound.results.map(({ buffer }) => buffer)).size).toBe(10);
    bound.release();
    program.dispose();
  });

  test('of every type and size', () => {
    const [f, i, b] = [argument(0, [], 'float32'), argument(1, [0, 3], 'int32'), argument(2, [1], 'bool')];
    const program = load({ f: f.neg(), i: i.add(1), b: b.not(), same: [f, i, b] }, [f, i, b]);
    const bound = program.bind();
    bound.arguments[0]!.set([4]);
    bound.arguments[2]!.set([1]);
    bound.run();
    expect(bound.results).toEqual({
      f: Float32Array.of(-4),
      i: new Int32Array(0),
      b: Uint8Array.of(0),
      same: [Float32Array.of(4), new Int32Array(0), Uint8Array.of(1)],
    });
    bound.release();
    program.dispose();
  });

  test('large constants are read where they are', () => {
    const data = numbers(100_000, 1);
    const program = load(tensor(data, { shape: [100, 1000] }).sum({ axis: 1 }));
    const bound = program.bind();
    bound.run();
    for (let row = 0; row < 100; row++) {
      const sum = data.subarray(1000 * row, 1000 * (row + 1)).reduce((a, b) => a + b, 0);
      expect(bound.results[row]).toBeCloseTo(sum, 2);
    }
    bound.release();
    program.dispose();
  });

  test('draws are fresh at each run, and in the order of the generator', () => {
    const program = load(uniform([3], npRandom(1)[0]));
    const bound = program.bind();
    const draws: number[] = [];
    for (let i = 0; i < 3; i++) {
      bound.run();
      draws.push(...bound.results);
    }
    expect(draws).toEqual([...npRandom(1)[0].random(9, 'float32')]);
    bound.release();
    program.dispose();
  });
});

describe('memory', () => {
  const x = argument(0, [3], 'float32');

  test('of the caller, also small arrays that a collector moves', () => {
    const program = load([x.mul(2), x.sum()], [x]);
    const bindings = Array.from({ length: 200 }, (_, i) => {
      // Over no buffer of their own: V8 keeps such arrays among its objects until somebody asks for their address.
      const memory = { arguments: [Float32Array.of(i, 1, 2)], outputs: [new Float32Array(3), new Float32Array(1)] };
      return { memory, bound: program.bind(memory) };
    });
    let garbage: unknown[] = [];
    for (let i = 0; i < 300_000; i++) {
      if (i % 1000 === 0) garbage = [];
      garbage.push(new Float32Array(4), { i });
    }
    bindings.forEach(({ memory, bound }, i) => {
      bound.run();
      expect(memory.outputs.map((data) => [...data])).toEqual([[2 * i, 2, 4], [i + 3]]);
      bound.release();
    });
    program.dispose();
  });

  test('that does not fit is refused with what would', () => {
    const program = load(x.mul(2), [x]);
    expect(() => program.bind({ arguments: [new Float32Array(2)] })).toThrowErrorMatchingInlineSnapshot(
      `[Error: argument 0: a Float32Array of 2 elements was given, but shape [3] of float32 takes a Float32Array of 3]`,
    );
    expect(() => program.bind({ outputs: [new Int32Array(3)] })).toThrowErrorMatchingInlineSnapshot(
      `[Error: output 0: a Int32Array of 3 elements was given, but shape [3] of float32 takes a Float32Array of 3]`,
    );
    program.dispose();
  });

  test('of an argument may be the output, where that is right', () => {
    const memory = Float32Array.of(1, 2, 3);
    const twice = load(x.mul(2), [x]);
    const bound = twice.bind({ arguments: [memory], outputs: [memory] });
    bound.run();
    expect([...memory]).toEqual([2, 4, 6]);
    bound.release();
    twice.dispose();
    const reversed = load(x.slice([null], [null], [-1]), [x]);
    expect(() => reversed.bind({ arguments: [memory], outputs: [memory] })).toThrow('still read after it is written');
    reversed.dispose();
  });
});

describe('the end', () => {
  test('a disposed program neither binds nor runs, and can be disposed again', () => {
    const program = load(ones([2]).mul(2));
    const bound = program.bind();
    bound.run();
    program.dispose();
    program.dispose();
    expect(() => program.bind()).toThrow('has been disposed and cannot be bound');
    expect(() => bound.run()).toThrow('has been disposed and cannot run again');
    bound.release();
    bound.release();
  });

  test('a signal ends a run between two operations, and the next one is whole', async () => {
    const x = full([256, 256], 0.01).add(uniform([256, 256], npRandom(1)[0]));
    let product = x;
    for (let i = 0; i < 200; i++) product = product.matmul(x).tanh();
    const program = load(product.sum());
    const bound = program.bind();
    const controller = new AbortController();
    const run = bound.runAsync(controller.signal);
    controller.abort(new Error('enough'));
    await expect(run).rejects.toThrow('enough');
    await bound.runAsync(new AbortController().signal);
    expect((bound.results as Float32Array)[0]).toBeGreaterThan(1);
    bound.release();
    program.dispose();
  });

  test('not before an asynchronous run is over', async () => {
    const size = 500;
    const x = full([size, size], 0.001);
    const program = load(
      x
        .add(uniform([size, size], npRandom(1)[0]))
        .matmul(x)
        .matmul(x)
        .sum(),
    );
    const bound = program.bind();
    const running = bound.runAsync();
    expect(() => bound.run()).toThrow('still running');
    expect(() => bound.release()).toThrow('still running');
    expect(() => program.dispose()).toThrow('still running');
    await running;
    bound.run();
    bound.release();
    program.dispose();
  });
});
