import type { Env, ObservationOf } from '../env.ts';
import { Box } from '../spaces/box.ts';
import { ObservationWrapper } from '../wrapper.ts';
import { RunningMeanStd, type RunningMeanStdState } from './running-mean-std.ts';

/** Options of {@link NormalizeObservation}. */
export interface NormalizeObservationOptions {
  /** Added to the variance. Default 1e-8. */
  readonly epsilon?: number;
}

/**
 * Centres each coordinate of the observation and gives it about unit variance: `(x - mean) / sqrt(var + epsilon)`, with the
 * running mean and variance of all observations so far. Observations become float32 without bounds.
 *
 * The statistics belong to the policy that was trained with them: save `state` with it, and set `updateRunningMean` to
 * false to evaluate.
 */
export class NormalizeObservation<E extends Env = Env> extends ObservationWrapper<E, Float32Array<ArrayBuffer>, Box> {
  /** Statistics of the observations. */
  readonly obsRms: RunningMeanStd;
  /** Whether observations update the statistics. */
  updateRunningMean = true;
  readonly #epsilon: number;

  constructor(env: E, options: NormalizeObservationOptions = {}) {
    const { shape, dtype } = env.observationSpace;
    if (shape === null)
      throw new TypeError(`NormalizeObservation needs array observations, but ${env} has ${env.observationSpace}`);
    const [low, high] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
    const observationSpace = new Box({ low, high, shape });
    super(env, options, { observationSpace });
    this.obsRms = new RunningMeanStd({
      size: observationSpace.low.length,
      dtype: dtype === 'float32' ? 'float32' : 'float64',
    });
    this.#epsilon = options.epsilon ?? 1e-8;
  }

  override observation(observation: ObservationOf<E>): Float32Array<ArrayBuffer> {
    const values = typeof observation === 'number' ? [observation] : (observation as ArrayLike<number>);
    if (this.updateRunningMean) this.obsRms.update(values, 1);
    return this.obsRms.normalize(values, this.#epsilon);
  }

  get state(): RunningMeanStdState {
    return this.obsRms.state;
  }

  set state(state: RunningMeanStdState) {
    this.obsRms.state = state;
  }

  protected override saveOwnState(): unknown {
    return this.state;
  }

  protected override loadOwnState(state: RunningMeanStdState): void {
    this.state = state;
  }
}
