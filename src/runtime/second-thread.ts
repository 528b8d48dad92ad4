// A thread beside this one that runs prepared native calls. A call through koffi's own threads takes 0.1 ms to begin and to be heard of;
// here both threads watch a word of shared memory, so that halves of a millisecond's work can run side by side.

import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';

/** Words of the shared memory: its state, then where the call's arguments and result lie (as 64-bit words). */
const [IDLE, CALLED, RUNNING, DONE] = [0, 1, 2, 3];

/** How often to look before going to sleep, from which waking takes longer than the work: about a millisecond of looking. */
const SPINS = 200_000;

// Plain JavaScript, since a worker has no loader for TypeScript. The function and its arguments are addresses in this process, which is
// the worker's too.
const PROGRAM = `
const { workerData } = require('node:worker_threads');
const koffi = require(workerData.koffi);
const { state, words, path } = workerData;
// A thread's first call must be of a function that it has loaded itself: koffi sets the thread up then.
const library = koffi.load(path);
library.func('OrtGetApiBase', 'void*', [])();
const call = koffi.decode(words[0], koffi.proto('void*', ['void*', 'void*', 'void*', 'void*', 'size_t', 'void*', 'size_t', 'void*']));
for (;;) {
  for (let i = 0; i < ${SPINS} && Atomics.load(state, 0) !== ${CALLED}; i++);
  for (let seen; (seen = Atomics.compareExchange(state, 0, ${CALLED}, ${RUNNING})) !== ${CALLED}; ) Atomics.wait(state, 0, seen);
  words[9] = call(words[1], null, words[3], words[4], words[5], words[6], words[7], words[8]) ?? 0n;
  Atomics.store(state, 0, ${DONE});
  Atomics.notify(state, 0);
}
`;

/** Runs one prepared call at a time. */
export class SecondThread {
  readonly #state = new Int32Array(new SharedArrayBuffer(4));
  /** The function, its eight arguments, and its result. */
  readonly #words = new BigUint64Array(new SharedArrayBuffer(80));

  /**
   * @param library the path of ONNX Runtime
   * @param run the address of its function Run
   */
  constructor(library: string, run: bigint) {
    this.#words[0] = run;
    const koffi = createRequire(import.meta.url).resolve('koffi');
    const workerData = { koffi, path: library, state: this.#state, words: this.#words };
    // It waits for ever, and keeps no process from ending.
    new Worker(PROGRAM, { eval: true, execArgv: [], workerData }).unref();
  }

  /** Begins a call of `Run`. Nothing is awaited: {@link wait} must follow before the next. */
  begin(args: readonly bigint[]): void {
    args.forEach((arg, i) => (this.#words[1 + i] = arg));
    Atomics.store(this.#state, 0, CALLED);
    Atomics.notify(this.#state, 0);
  }

  /** Whether the call has not been taken up yet, because the thread's core is busy; it is taken back then, and left to the caller. */
  takeBack(): boolean {
    return Atomics.compareExchange(this.#state, 0, CALLED, IDLE) === CALLED;
  }

  /** Returns what the call returned, as soon as it has: the address of a status, or null if all went well. */
  wait(): bigint | null {
    const state = this.#state;
    for (let i = 0; i < SPINS && Atomics.load(state, 0) !== DONE; i++);
    while (Atomics.load(state, 0) !== DONE) Atomics.wait(state, 0, RUNNING);
    Atomics.store(state, 0, IDLE);
    return this.#words[9] || null;
  }
}
