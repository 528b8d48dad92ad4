// Worker threads run programs of their own over memory that all share.

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { assign, compile } from '../../src/runtime/index.ts';
import { stored, type Tensor, tensor } from '../../src/tensor/index.ts';

test('two workers and this thread read one weight, and see it change', async () => {
  const buffer = new SharedArrayBuffer(16 * 3);
  const weight = { data: new Float32Array(buffer, 0, 4) };
  weight.data.set([1, 2, 3, 4]);
  // Node 20 does not read TypeScript, and tsx's --import acts on the main thread alone: the worker registers it itself.
  const file = new URL('./shared-memory-worker.ts', import.meta.url).href;
  const start = `import('tsx/esm/api').then(({ register }) => (register(), import('${file}')))`;
  const workers = [0, 1].map((worker) => new Worker(start, { eval: true, workerData: { buffer, worker } }));
  const multiply = async (factors: readonly number[]): Promise<number[]> => {
    const answers = Promise.all(workers.map((worker) => once(worker, 'message')));
    workers.forEach((worker, i) => worker.postMessage(factors[i]));
    await answers;
    return [...new Float32Array(buffer, 16)];
  };

  expect(await multiply([10, 100])).toEqual([10, 20, 30, 40, 100, 200, 300, 400]);
  const step = compile((x: Tensor) => assign(weight, stored(weight, [4], 'weight').add(x)));
  step(tensor([1, 1, 1, 1]));
  step.dispose();
  expect(await multiply([1, 10])).toEqual([2, 3, 4, 5, 20, 30, 40, 50]);

  for (const worker of workers) worker.postMessage(null);
  expect(await Promise.all(workers.map(async (worker) => (await once(worker, 'exit'))[0] as number))).toEqual([0, 0]);
  // The library is still there for this thread after theirs have ended.
  expect(tensor([1, 2]).mul(2).dataSync()).toEqual(Float32Array.of(2, 4));
});
