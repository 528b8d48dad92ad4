// How many units a minibatch takes, and how many its program has room for.

/** The sizes of an update's minibatches. */
export interface BatchSize {
  /** Units of a minibatch; the last one of an epoch may have fewer. */
  readonly taken: number;
  /** Units that the program has room for. */
  readonly filled: number;
}

/**
 * @param wanted units of a minibatch, or -1 for all
 * @param count of units there are
 */
export function batchSizeFor(wanted: number, count: number): BatchSize {
  if (wanted !== -1 && wanted < count) return { taken: wanted, filled: wanted };
  return { taken: Math.max(1, count), filled: roundedUp(Math.max(1, count)) };
}

/**
 * A length of at least `count`, of which there are eight between a power of two and the next: rollouts of many lengths then
 * share few programs.
 */
function roundedUp(count: number): number {
  const unit = Math.max(1, 2 ** (Math.floor(Math.log2(count)) - 3));
  return unit * Math.ceil(count / unit);
}
