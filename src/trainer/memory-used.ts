// The memory column of metrics.

/** Milliseconds for which a measurement holds. */
const HOLDS = 200;
let measured = 0;
let measuredAt = Number.NEGATIVE_INFINITY;

/** Resident memory of this process, in MB (10^6 bytes). Asked a few times a second at most: the system takes tens of microseconds. */
export function memoryUsed(): number {
  const now = performance.now();
  if (now - measuredAt > HOLDS) {
    measured = process.memoryUsage.rss() / 1e6;
    measuredAt = now;
  }
  return measured;
}
