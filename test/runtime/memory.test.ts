// Native memory is given back: sessions, values and bindings live outside the collector's sight.

import { expect, test } from 'vitest';
import { compile } from '../../src/runtime/index.ts';
import { gradients, ones, stored, type Tensor, tensor } from '../../src/tensor/index.ts';

const MEGABYTE = 2 ** 20;

/** By how much the process grows while `work` is repeated, in bytes, after a tenth of it to warm up. */
function growth(times: number, work: () => void): number {
  for (let i = 0; i < times / 10; i++) work();
  const before = process.memoryUsage.rss();
  for (let i = 0; i < times; i++) work();
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
  const x = tensor(new Float32Array(1000));
  const grown = growth(20_000, () => {
    f(x);
  });
  f.dispose();
  // Kept results would be 80 MB.
  expect(grown / MEGABYTE).toBeLessThan(60);
});

test('a storage that moves at every run: bindings are freed', () => {
  const weight = { data: new Float32Array(1000) };
  const f = compile(() => stored(weight, [1000], 'w').sum(), { threads: 1 });
  const grown = growth(10_000, () => {
    weight.data = new Float32Array(1000);
    f();
  });
  f.dispose();
  expect(grown / MEGABYTE).toBeLessThan(60);
});
