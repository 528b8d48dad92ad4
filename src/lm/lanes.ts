// Passes side by side: batches that do not depend on each other go through two programs at once, each with half of the threads. That takes
// less time than one after the other with all threads, which wait for each other at every operation, the more so the smaller these are.

/** How many passes run at a time. */
const LANES = 2;

export interface Lanes {
  readonly count: number;
  /** Of each lane's programs. */
  readonly threads: number;
}

/** The lanes that so many rows, on so many threads, are worth. */
export function lanesFor(rows: number, threads: number): Lanes {
  const count = Math.max(1, Math.min(LANES, rows, threads));
  return { count, threads: Math.max(1, Math.floor(threads / count)) };
}

/** The rows of a batch: a power of two, so that few programs are compiled, and enough batches for all lanes where rows allow. */
export function rowsOfBatch(rows: number, { count }: Lanes, most: number): number {
  return Math.min(most, 2 ** Math.ceil(Math.log2(Math.max(1, rows / count))));
}

/**
 * Runs all batches, each in the lane that is free first.
 *
 * @throws the first error, once no lane is at work any more
 */
export async function inLanes<T>(
  batches: readonly T[],
  { count }: Lanes,
  run: (batch: T, lane: number) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  let next = 0;
  const runLane = async (_: unknown, lane: number): Promise<void> => {
    while (next < batches.length) {
      signal?.throwIfAborted();
      await run(batches[next++]!, lane);
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: count }, runLane));
  for (const lane of ended) if (lane.status === 'rejected') throw lane.reason;
}
