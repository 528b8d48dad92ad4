import type { Env, ObservationOf } from '../env.ts';
import { isBox } from '../space-kinds.ts';
import type { Arrays, Dtype } from '../spaces/arrays.ts';
import { flatten, flattenSpace } from '../spaces/flatten.ts';
import type { Space } from '../spaces/space.ts';
import { ObservationWrapper } from '../wrapper.ts';
import { type Bounds, rescaleBox } from './rescale-box.ts';

/** Options of {@link TransformObservation}. */
export interface TransformObservationOptions<E extends Env, Observation> {
  /** Turns an observation of the wrapped environment into one of the wrapper. */
  readonly func: (observation: ObservationOf<E>) => Observation;
  /** The wrapper's observation space. Default: that of the wrapped environment. */
  readonly observationSpace?: Space<Observation> | undefined;
}

/** Applies a function to every observation. */
export class TransformObservation<E extends Env = Env, Observation = ObservationOf<E>> extends ObservationWrapper<
  E,
  Observation
> {
  readonly #func: (observation: ObservationOf<E>) => Observation;

  constructor(env: E, options: TransformObservationOptions<E, Observation>) {
    super(env, options, { observationSpace: options.observationSpace });
    this.#func = options.func;
  }

  override observation(observation: ObservationOf<E>): Observation {
    return this.#func(observation);
  }
}

/** Flattens observations of any space into vectors, as `flatten` does. */
export class FlattenObservation<E extends Env = Env> extends ObservationWrapper<E, Arrays[Dtype]> {
  constructor(env: E) {
    super(env, {}, { observationSpace: flattenSpace(env.observationSpace) as Space<Arrays[Dtype]> });
  }

  override observation(observation: ObservationOf<E>): Arrays[Dtype] {
    return flatten(this.env.observationSpace, observation) as Arrays[Dtype];
  }
}

/** Options of {@link RescaleObservation}. */
export interface RescaleObservationOptions {
  /** The lower bounds of the wrapper's observation space. */
  readonly minObs: Bounds;
  /** The upper bounds of the wrapper's observation space. */
  readonly maxObs: Bounds;
}

/** Maps observations from the bounds of the environment's Box affinely onto `[minObs, maxObs]`. */
export class RescaleObservation<E extends Env = Env> extends ObservationWrapper<E> {
  readonly #forward: (observation: ArrayLike<number>) => Arrays[Dtype];

  constructor(env: E, options: RescaleObservationOptions) {
    const space: Space = env.observationSpace;
    if (!isBox(space))
      throw new TypeError(`RescaleObservation needs a Box as observation space, but ${env} has ${space}`);
    const { box, forward } = rescaleBox(space, options.minObs, options.maxObs);
    super(env, options, { observationSpace: box as unknown as Space<ObservationOf<E>> });
    this.#forward = forward;
  }

  override observation(observation: ObservationOf<E>): ObservationOf<E> {
    return this.#forward(observation as ArrayLike<number>) as ObservationOf<E>;
  }
}
