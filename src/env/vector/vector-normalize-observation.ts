import { EnvError } from '../errors.ts';
import { Box } from '../spaces/box.ts';
import { batchSpace } from '../spaces/batch.ts';
import type { Space } from '../spaces/space.ts';
import type { NormalizeObservationOptions } from '../wrappers/normalize-observation.ts';
import { RunningMeanStd, type RunningMeanStdState } from '../wrappers/running-mean-std.ts';
import type { ObservationsOf, VectorAnswer, VectorEnv, VectorResetOptions, VectorResetResult } from './vector-env.ts';
import { VectorObservationWrapper } from './vector-wrapper.ts';

/** {@link NormalizeObservation} for vector environments: one mean and variance over all. For autoreset mode `next-step`. */
export class VectorNormalizeObservation<V extends VectorEnv = VectorEnv> extends VectorObservationWrapper<
  V,
  Float32Array<ArrayBuffer>
> {
  /** Statistics of the observations. */
  readonly obsRms: RunningMeanStd;
  /** Whether observations update the statistics. */
  updateRunningMean = true;
  readonly #epsilon: number;

  constructor(env: V, options: NormalizeObservationOptions = {}) {
    const { shape, dtype } = env.singleObservationSpace;
    if (shape === null) {
      throw new TypeError(
        `VectorNormalizeObservation needs array observations, but ${env} has ${env.singleObservationSpace}`,
      );
    }
    const { autoresetMode } = env.metadata;
    if (autoresetMode !== 'next-step') {
      throw new EnvError(
        `VectorNormalizeObservation needs autoreset mode 'next-step', but ${env} has '${autoresetMode}': ` +
          'wrap each sub-environment in NormalizeObservation instead',
      );
    }
    const [low, high] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
    const single = new Box({ low, high, shape });
    super(env, {
      singleObservationSpace: single,
      observationSpace: batchSpace(single, env.numEnvs) as Space<Float32Array<ArrayBuffer>>,
    });
    this.obsRms = new RunningMeanStd({ size: single.low.length, dtype: dtype === 'float32' ? 'float32' : 'float64' });
    this.#epsilon = options.epsilon ?? 1e-8;
  }

  override reset(options?: VectorResetOptions): VectorAnswer<V, VectorResetResult<Float32Array<ArrayBuffer>>> {
    if (options?.options?.resetMask?.some((flag) => !flag)) {
      throw new EnvError('VectorNormalizeObservation cannot reset a part of the environments: leave out resetMask');
    }
    return super.reset(options);
  }

  override observations(observations: ObservationsOf<V>): Float32Array<ArrayBuffer> {
    const values = observations as ArrayLike<number>;
    if (this.updateRunningMean) this.obsRms.update(values, this.numEnvs);
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
