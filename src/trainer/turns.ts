// Work that takes a while on the event loop's thread: timers and signals have their turn meanwhile.

import { setImmediate as nextTurn } from 'node:timers/promises';

const MILLISECONDS = 50;

/** What long work awaits between its pieces. @throws the signal's reason, once it is aborted */
export function turns(signal: AbortSignal | undefined): () => Promise<void> {
  let last = performance.now();
  return async () => {
    if (performance.now() - last < MILLISECONDS) return;
    await nextTurn();
    signal?.throwIfAborted();
    last = performance.now();
  };
}
