// What the render mode `human` does: a page in the browser that shows each step, at its natural pace.

import { Worker } from 'node:worker_threads';
import { EnvError } from '../errors.ts';
import type { ViewerFacts, ViewerFrame } from './viewer-server.ts';

/** Milliseconds to wait until the page can be opened. */
const START_LIMIT = 10_000;
/** Milliseconds to wait for somebody at a terminal to open it, before going on unseen. */
const OPEN_LIMIT = 60_000;

/**
 * Shows frames in a page on loopback, whose address it prints. `show` returns when it is time for the next frame, as a window of
 * Gymnasium's does, so that a plain loop of steps can be watched; the page is served by a thread of its own meanwhile, which does not
 * keep the process alive.
 */
export class HumanViewer {
  readonly #worker: Worker;
  readonly #fps: number;
  /** The port, and how many pages are open: written by the thread. */
  readonly #signals = new Int32Array(new SharedArrayBuffer(8));
  #next = 0;

  constructor(facts: ViewerFacts, fps: number) {
    this.#fps = fps;
    this.#worker = startThread({ facts, signals: this.#signals });
    this.#worker.unref();
    if (Atomics.wait(this.#signals, 0, 0, START_LIMIT) === 'timed-out') {
      throw new EnvError(`${facts.title}: the page that shall show it could not be served`);
    }
    process.stderr.write(`${facts.title} is shown at http://127.0.0.1:${this.#signals[0]}/\n`);
    if (process.stderr.isTTY) Atomics.wait(this.#signals, 1, 0, OPEN_LIMIT);
  }

  /** Shows a frame, then waits. */
  show(frame: ViewerFrame): void {
    this.#worker.postMessage(frame);
    const now = performance.now();
    this.#next = Math.max(this.#next, now) + 1000 / this.#fps;
    sleep(this.#next - now);
  }

  /** Ends the page. */
  close(): void {
    this.#worker.postMessage(null);
  }
}

function sleep(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

function startThread(workerData: object): Worker {
  if (!import.meta.url.endsWith('.ts')) return new Worker(new URL('viewer-thread.js', import.meta.url), { workerData });
  // In a checkout of the sources: a thread does not read TypeScript unless told to.
  const file = new URL('viewer-thread.ts', import.meta.url).href;
  const start = `import('tsx/esm/api').then(({ register }) => (register(), import('${file}')))`;
  return new Worker(start, { eval: true, workerData, stdin: false });
}
