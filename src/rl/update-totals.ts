// The numbers an update reports, computed from what its minibatches saw.

/**
 * What to do with a step whose loss or gradients' norm is NaN or infinite. The weights are left as they are in any case.
 *
 * - `stop`: the run saves itself and ends;
 * - `skip`: the optimizer leaves this step out, and the metric `skippedSteps` counts it; more than {@link MOST_SKIPS} in a row stop all the same.
 */
export type NonFinitePolicy = 'stop' | 'skip';

/** Steps that may be skipped in a row: where none is good any more, nothing is learned. */
export const MOST_SKIPS = 10;

/** @throws RangeError for a policy that there is not */
export function checkNonFinitePolicy(policy: NonFinitePolicy): void {
  if (policy === 'stop' || policy === 'skip') return;
  throw new RangeError(`onNonFinite is ${JSON.stringify(policy)}, but must be 'stop' or 'skip'`);
}

const ADVICE =
  'a learning rate that is too high, rewards or observations that are huge (try normalizeObservation and normalizeReward), ' +
  'or an environment that returns NaN';

/** Thrown before a bad number can reach the weights. */
export class NonFiniteError extends Error {
  override readonly name = 'NonFiniteError';
  /** Which metric it was. */
  readonly metric: string;
  readonly value: number;

  constructor(
    metric: string,
    value: number,
    {
      skipped = 0,
      cause = ADVICE,
    }: {
      /** Steps that were left out right before, for the same reason. Default 0. */
      readonly skipped?: number | undefined;
      /** What it often comes of, and what to try. Default: what agents that act in environments should look at. */
      readonly cause?: string | undefined;
    } = {},
  ) {
    const before = skipped === 0 ? '' : `, after ${skipped} skipped steps in a row`;
    super(`${metric} became ${value}${before}: often ${cause}`);
    this.metric = metric;
    this.value = value;
  }
}

/** One minibatch, row by row. */
export interface MinibatchRows {
  readonly logProbs: Float32Array;
  /** Left out without a critic. */
  readonly values?: Float32Array | undefined;
  readonly entropies: Float32Array;
  readonly oldLogProbs: Float32Array;
  readonly advantages: Float32Array;
  /** `A + eps |A|`: the most the surrogate may reach. */
  readonly limits: Float32Array;
  readonly returns: Float32Array;
  readonly oldValues: Float32Array;
  /** Each entry's share of the means; 0 for one that only fills up the batch. */
  readonly weights: Float32Array;
}

/**
 * Means over the minibatches of an update that were not skipped, each computed before its gradient step. NaN if there are none: all were
 * skipped, or in each environment the rollout held nothing but a reset.
 */
export interface MinibatchMeans {
  /** The clipped surrogate, negated. */
  readonly policyLoss: number;
  /** `0.5 mean (V - return)^2`, without its weight. */
  readonly valueLoss: number;
  /** Of the policy, in nats. */
  readonly entropy: number;
  /** How far the policy has moved, `mean(ratio - 1 - log ratio)`: never negative. Source: Schulman 2020, joschu.net/blog/kl-approx.html. */
  readonly approxKl: number;
  /** The same as `mean(-log ratio)`: also unbiased, but noisier. */
  readonly oldApproxKl: number;
  /** The share of rows whose ratio is beyond the clip range. */
  readonly clipFraction: number;
  /** The mean ratio of the policy's probabilities to what they were. */
  readonly ratio: number;
  /** The share of rows where the clipped value is further from the return; 0 without a limit for values. */
  readonly valueClipFraction: number;
  /** The global norm of the gradients before they are scaled down. */
  readonly gradNorm: number;
  /** Minibatches that the optimizer left out, where `onNonFinite` is `skip`; 0 otherwise. */
  readonly skippedSteps: number;
}

/** The same of one minibatch. */
type OneMinibatch = Omit<MinibatchMeans, 'gradNorm' | 'skippedSteps'>;

/**
 * What there is to say of a minibatch, before its gradients are applied.
 *
 * @throws NonFiniteError if a loss is not finite
 */
export function minibatchMeans(
  rows: MinibatchRows,
  { epsLow, epsHigh }: { epsLow: number; epsHigh: number },
  valueClip: number | null,
): OneMinibatch {
  const { logProbs, values, entropies, oldLogProbs, advantages, limits, returns, oldValues, weights } = rows;
  let [policy, value, entropy, kl, oldKl, clipped, ratios, valuesClipped, count] = [0, 0, 0, 0, 0, 0, 0, 0, 0];
  for (let i = 0; i < weights.length; i++) {
    const weight = weights[i]!;
    if (weight === 0) continue;
    count++;
    const logRatio = logProbs[i]! - oldLogProbs[i]!;
    const ratio = Math.exp(logRatio);
    policy -= weight * Math.min(ratio * advantages[i]!, limits[i]!);
    if (values !== undefined) {
      const target = returns[i]!;
      let error = Math.abs(values[i]! - target);
      if (valueClip !== null) {
        const old = oldValues[i]!;
        const near = old + Math.min(valueClip, Math.max(-valueClip, values[i]! - old));
        const clippedError = Math.abs(near - target);
        if (clippedError > error) {
          error = clippedError;
          valuesClipped++;
        }
      }
      value += error * error;
    }
    entropy += entropies[i]!;
    kl += ratio - 1 - logRatio;
    oldKl -= logRatio;
    ratios += ratio;
    if (ratio - 1 > epsHigh || 1 - ratio > epsLow) clipped++;
  }
  requireFinite('policyLoss', policy);
  requireFinite('valueLoss', value / count);
  requireFinite('entropy', entropy / count);
  return {
    policyLoss: policy,
    valueLoss: (0.5 * value) / count,
    entropy: entropy / count,
    approxKl: kl / count,
    oldApproxKl: oldKl / count,
    clipFraction: clipped / count,
    ratio: ratios / count,
    valueClipFraction: valuesClipped / count,
  };
}

/** Collects an update's metrics minibatch by minibatch. */
export class UpdateTotals {
  readonly #sums: Record<keyof OneMinibatch | 'gradNorm', number> = {
    policyLoss: 0,
    valueLoss: 0,
    entropy: 0,
    approxKl: 0,
    oldApproxKl: 0,
    clipFraction: 0,
    ratio: 0,
    valueClipFraction: 0,
    gradNorm: 0,
  };
  #steps = 0;
  #skipped = 0;
  #epochKl = 0;
  #epochSteps = 0;

  /**
   * Adds a minibatch whose gradients were applied.
   *
   * @throws NonFiniteError if their norm is not finite, in which case the optimizer has left the weights alone
   */
  add(minibatch: OneMinibatch, gradNorm: number): void {
    requireFinite('gradNorm', gradNorm);
    const told = { ...minibatch, gradNorm };
    for (const name of Object.keys(told) as (keyof typeof told)[]) this.#sums[name] += told[name];
    this.#steps++;
    this.#epochKl += minibatch.approxKl;
    this.#epochSteps++;
  }

  /** Counts a minibatch that the optimizer left out. */
  addSkipped(): void {
    this.#skipped++;
  }

  /** The mean `approxKl` of the minibatches since this was last asked. */
  takeEpochKl(): number {
    const mean = this.#epochKl / this.#epochSteps;
    this.#epochKl = 0;
    this.#epochSteps = 0;
    return mean;
  }

  means(): MinibatchMeans {
    const means = { ...this.#sums };
    for (const name of Object.keys(means) as (keyof typeof means)[]) means[name] /= this.#steps;
    return { ...means, skippedSteps: this.#skipped };
  }
}

function requireFinite(metric: string, value: number): void {
  if (!Number.isFinite(value)) throw new NonFiniteError(metric, value);
}

/** `1 - var(returns - values) / var(returns)` over the valid rows; NaN where all returns are equal. */
export function explainedVariance(values: Float32Array, returns: Float32Array, valid: Uint8Array): number {
  const errors = varianceOf(valid, (row) => returns[row]! - values[row]!);
  const total = varianceOf(valid, (row) => returns[row]!);
  return total === 0 ? Number.NaN : 1 - errors / total;
}

function varianceOf(valid: Uint8Array, at: (row: number) => number): number {
  let [count, mean, squares] = [0, 0, 0];
  // Welford's recurrence: one pass, no cancellation.
  for (let row = 0; row < valid.length; row++) {
    if (!valid[row]) continue;
    const x = at(row);
    const delta = x - mean;
    mean += delta / ++count;
    squares += delta * (x - mean);
  }
  return squares / count;
}
