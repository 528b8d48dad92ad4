// The engine of this process, opened when it is first needed, and how many threads it uses.

import { availableParallelism } from 'node:os';
import { argument } from '../tensor/index.ts';
import type { Engine } from './engine.ts';
import { OnnxRuntime } from './onnxruntime.ts';
import { Program } from './program.ts';

let opened: Engine | undefined;
let threads: number | undefined;

/** How many threads one operation uses unless a program says otherwise: `GYMFORMER_THREADS`, or else all processors. */
export function defaultThreads(): number {
  if (threads === undefined) {
    const wanted = process.env['GYMFORMER_THREADS'];
    const count = wanted === undefined || wanted === '' ? availableParallelism() : Number(wanted);
    if (!Number.isInteger(count) || count < 1) {
      throw new Error(`GYMFORMER_THREADS is '${wanted}', but must be a whole number of 1 or more`);
    }
    threads = count;
  }
  return threads;
}

/** The engine: opened and tested at the first call. */
export function engine(): Engine {
  if (opened === undefined) {
    const candidate = new OnnxRuntime();
    selfTest(candidate);
    opened = candidate;
  }
  return opened;
}

/**
 * Checks what everything here relies on: results in place, over the memory of an input, in memory shared by threads.
 *
 * @throws Error if the engine does otherwise.
 */
export function selfTest(candidate: Engine): void {
  const type = { shape: [3], dtype: 'float32' } as const;
  const program = new Program(argument(0, type.shape, type.dtype).mul(2).add(1), [type], {
    engine: candidate,
    threads: 1,
  });
  const memory = new Float32Array(new SharedArrayBuffer(12));
  memory.set([1, 2, 3]);
  const bound = program.bind({ arguments: [memory], outputs: [memory] });
  bound.run();
  bound.run();
  bound.release();
  program.dispose();
  if (memory.join() !== '7,11,15') {
    throw new Error(
      `${candidate.name} failed its self-test: writing in place gave [${memory.join(', ')}] instead of [7, 11, 15]. ` +
        "Install the exact version pinned in package.json ('npm install')",
    );
  }
}
