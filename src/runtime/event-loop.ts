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

/** Resolves after signals and timers have had their turn. */
export async function giveTurn(): Promise<void> {
  await setImmediate();
  lastTurn = performance.now();
}
