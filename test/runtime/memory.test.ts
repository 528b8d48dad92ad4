// Native memory is given back: sessions, values and bindings live outside the collector's sight.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { compile } from '../../src/runtime/index.ts';
import { full, gradients, ones, stored, type Tensor, tensor } from '../../src/tensor/index.ts';

const MEGABYTE = 2 ** 20;
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** By how much the process grows while `work` is repeated, in bytes, after a tenth of it to warm up. */
function growth(times: number, work: () => void): number {
  for (let i = 0; i < times / 10; i++) work();
  collect();
  const before = process.memoryUsage.rss();
  for (let i = 0; i < times; i++) work();
  collect();
  return process.memoryUsage.rss() - before;
}

test('two thousand programs, compiled, run and disposed of', () => {
  const weight = { data: new Float32Array(64 * 64) };
  const grown = growth(2000, () => {
    const f = compile(
      (x: Tensor) => {
        const w = stored(weight, [64, 64], 'w');
        return gradients(x.linear(w).tanh().sum(), [w]);
      },
      { threads: 1 },
    );
    f(ones([8, 64]));
    f.dispose();
  });
  // A leak of one session each would be some 200 MB.
  expect(grown / MEGABYTE).toBeLessThan(100);
});

test('twenty thousand runs, the results of each tensors of their own', () => {
  const f = compile((x: Tensor) => ({ y: x.exp(), sum: x.sum() }), { threads: 1 });
  const x = tensor(new Float32Array(5000));
  const grown = growth(20_000, () => {
    f(x);
  });
  f.dispose();
  // Kept results would be 400 MB.
  expect(grown / MEGABYTE).toBeLessThan(150);
});

test('memory that moves: the values bound to where it was are freed', () => {
  const weights = Array.from({ length: 40 }, () => ({ data: new Float32Array(4) }));
  const f = compile(() => weights.map((weight) => stored(weight, [4], 'w').sum()), { threads: 1 });
  const bound = f.bind();
  const places = [new Float32Array(4), new Float32Array(4)] as const;
  let turn = 0;
  const grown = growth(5000, () => {
    weights[0]!.data = places[turn++ % 2 === 0 ? 0 : 1];
    bound.run();
  });
  bound.release();
  f.dispose();
  // Eighty values each time that are not released come to some 100 MB.
  expect(grown / MEGABYTE).toBeLessThan(30);
});

test('a large program on one thread keeps no more than on several', () => {
  const matrix = (rows: number, columns: number): Tensor => full([rows, columns], 0.01);
  const layers = Array.from({ length: 5 }, () => [matrix(256, 1024), matrix(1024, 256)] as const);
  const loss = (x: Tensor): Tensor =>
    layers.reduce((hidden, [up, down]) => hidden.add(hidden.matmul(up).gelu().matmul(down)), x).sum();
  const f = compile((x: Tensor) => gradients(loss(x), layers.flat()).map((gradient) => gradient.sum()), { threads: 1 });
  const bound = f.bind({ shape: [1536, 256], dtype: 'float32' });
  const before = process.memoryUsage.rss();
  for (let i = 0; i < 2; i++) bound.run();
  const grown = process.memoryUsage.rss() - before;
  bound.release();
  f.dispose();
  // Two results of 6 MB a layer, and gradients on their way. Planned as one block they are twice as much.
  expect(grown / MEGABYTE).toBeLessThan(110);
});
