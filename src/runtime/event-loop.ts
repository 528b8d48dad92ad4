// Long work gives the event loop its turn now and then: signals, timers and sockets are heard while an agent learns.

import { setImmediate } from 'node:timers/promises';

/** How long nothing else may run, in milliseconds. */
const LONGEST_TURN = 50;

// There is one event loop, so all work shares one clock.
let lastTurn = performance.now();

/** Whether it is time for {@link giveTurn}. Cheap enough to ask at every step. */
export function turnIsDue(): boolean {
  return performance.now() - lastTurn > LONGEST_TURN;
}

/** Resolves after signals and timers have had their turn. @throws the reason of `signal`, if it is aborted by then */
export async function giveTurn(signal?: AbortSignal): Promise<void> {
  await setImmediate();
  lastTurn = performance.now();
  signal?.throwIfAborted();
}

/** Waits for an answer, but no longer than until the signal comes: its reason is thrown then, and the answer left to itself. */
export function unlessAborted<T>(answer: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return answer;
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
