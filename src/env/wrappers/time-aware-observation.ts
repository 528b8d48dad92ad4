import { Env } from '../env.ts';
import type { ActionOf, Answer, ObservationOf, ResetOptions, ResetResult, StepResult } from '../env.ts';
import { EnvError } from '../errors.ts';
import { isDict, isTuple } from '../space-kinds.ts';
import { Box } from '../spaces/box.ts';
import { Dict } from '../spaces/dict.ts';
import { flatten, flattenSpace } from '../spaces/flatten.ts';
import type { Space } from '../spaces/space.ts';
import { Tuple } from '../spaces/tuple.ts';
import { ObservationWrapper, Wrapper } from '../wrapper.ts';
import { TimeLimit } from './time-limit.ts';

/** Options of {@link TimeAwareObservation}. */
export interface TimeAwareObservationOptions {
  /** Whether observation and time become one vector. Default true. */
  readonly flatten?: boolean;
  /** Whether the time is a share of the time limit, in [0, 1], instead of a count of steps. Default false. */
  readonly normalizeTime?: boolean;
  /** The key of the time where the observation is an object. Default `time`. */
  readonly dictTimeKey?: string;
}

/**
 * Adds the number of steps taken to the observation, so that the value of a state may depend on the time left.
 * Pardo et al. 2018, "Time Limits in Reinforcement Learning", arXiv 1712.00378.
 *
 * A Dict gets a further key, a Tuple a further element, anything else becomes `{ obs, time }`; by default all is then flattened.
 * The environment needs a time limit.
 */
export class TimeAwareObservation<E extends Env = Env, Observation = Float32Array> extends ObservationWrapper<
  E,
  Observation
> {
  /** The time limit, in steps. */
  readonly maxTimesteps: number;
  #timesteps = 0;
  readonly #space: Space;
  readonly #flatten: boolean;
  readonly #normalize: boolean;
  readonly #key: string;

  constructor(env: E, options: TimeAwareObservationOptions = {}) {
    const { flatten: flattens = true, normalizeTime = false, dictTimeKey = 'time' } = options;
    const maxTimesteps = timeLimitOf(env);
    const space = withTime(
      env.observationSpace,
      normalizeTime ? new Box({ low: 0, high: 1 }) : new Box({ low: 0, high: maxTimesteps, dtype: 'int32' }),
      dictTimeKey,
    );
    const observationSpace: unknown = flattens ? flattenSpace(space) : space;
    super(env, options, { observationSpace: observationSpace as Space<Observation> });
    this.maxTimesteps = maxTimesteps;
    this.#space = space;
    this.#flatten = flattens;
    this.#normalize = normalizeTime;
    this.#key = dictTimeKey;
  }

  override reset(options?: ResetOptions): Answer<E, ResetResult<Observation>> {
    this.#timesteps = 0;
    return super.reset(options);
  }

  override step(action: ActionOf<E>): Answer<E, StepResult<Observation>> {
    this.#timesteps++;
    return super.step(action);
  }

  protected override saveOwnState(): unknown {
    return this.#timesteps;
  }

  protected override loadOwnState(timesteps: number): void {
    this.#timesteps = timesteps;
  }

  override observation(observation: ObservationOf<E>): Observation {
    const time = this.#normalize
      ? Float32Array.of(this.#timesteps / this.maxTimesteps)
      : Int32Array.of(this.#timesteps);
    const inner: Space = this.env.observationSpace;
    let value: unknown;
    if (isDict(inner)) value = { ...(observation as object), [this.#key]: time };
    else if (isTuple(inner)) value = [...(observation as readonly unknown[]), time];
    else value = { obs: observation, time };
    return (this.#flatten ? flatten(this.#space, value) : value) as Observation;
  }
}

function withTime(space: Space, time: Space, key: string): Space {
  if (isTuple(space)) return new Tuple([...space.spaces, time]);
  if (!isDict(space)) return new Dict({ obs: space, time });
  if (key in space.spaces)
    throw new EnvError(`The observations already have the key '${key}'; choose another dictTimeKey`);
  return new Dict({ ...space.spaces, [key]: time });
}

function timeLimitOf(env: Env): number {
  if (env.spec?.maxEpisodeSteps !== undefined) return env.spec.maxEpisodeSteps;
  for (let inner = env; inner instanceof Wrapper; inner = inner.env as Env) {
    if (inner instanceof TimeLimit) return inner.maxEpisodeSteps;
  }
  throw new EnvError(`TimeAwareObservation needs a time limit, but ${env} has none: wrap it in TimeLimit first`);
}
