// Runs in a worker thread: reads the shared weight with a program of its own, and writes a program's result beside it.

import { parentPort, workerData } from 'node:worker_threads';
import { assign, compile } from '../../src/runtime/index.ts';
import { stored, type Tensor, tensor } from '../../src/tensor/index.ts';

const { buffer, worker } = workerData as { buffer: SharedArrayBuffer; worker: number };
const weight = { data: new Float32Array(buffer, 0, 4) };
const mine = { data: new Float32Array(buffer, 16 * (1 + worker), 4) };
const product = compile((x: Tensor) => assign(mine, stored(weight, [2, 2], 'weight').matmul(x).reshape([4])), {
  threads: 1 + worker,
});

parentPort!.on('message', (factor: number | null) => {
  if (factor === null) {
    product.dispose();
    parentPort!.close();
    return;
  }
  product(tensor([[factor, 0], [0, factor]])); // biome-ignore format: a matrix
  parentPort!.postMessage('done');
});
