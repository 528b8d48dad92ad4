import type { Env, ObservationOf } from '../env.ts';
import { EnvError } from '../errors.ts';
import { type Frame, isFrame } from '../rendering/frame.ts';
import { Box, Dict, type Space } from '../spaces/index.ts';
import { isDict } from '../space-kinds.ts';
import { ObservationWrapper } from '../wrapper.ts';

/** Options of {@link AddRenderObservation}. */
export interface AddRenderObservationOptions {
  /** Whether the picture takes the place of the observation, rather than coming with it. Default true. */
  readonly renderOnly?: boolean | undefined;
  /** The key of the picture. Default `pixels`. */
  readonly renderKey?: string | undefined;
  /** The key of the observation, unless it is a dictionary, which the picture joins. Default `state`. */
  readonly obsKey?: string | undefined;
}

/**
 * Lets the agent see the picture: a uint8 {@link Frame} `[height, width, 3]` in place of each observation, or, with
 * `renderOnly: false`, the dictionary of both.
 *
 * The size of the pictures is found by a reset when the wrapper is built, as in Gymnasium; so the environment must answer at once.
 */
export class AddRenderObservation<E extends Env = Env> extends ObservationWrapper<E, unknown> {
  readonly #renderOnly: boolean;
  readonly #renderKey: string;
  readonly #obsKey: string;

  constructor(env: E, options: AddRenderObservationOptions = {}) {
    const { renderOnly = true, renderKey = 'pixels', obsKey = 'state' } = options;
    super(env, options, { observationSpace: spaceWithPicture(env, { renderOnly, renderKey, obsKey }) });
    this.#renderOnly = renderOnly;
    this.#renderKey = renderKey;
    this.#obsKey = obsKey;
  }

  override observation(observation: ObservationOf<E>): unknown {
    const frame = pictureOf(this.env);
    if (this.#renderOnly) return frame;
    const rest = isDict(this.env.observationSpace) ? (observation as object) : { [this.#obsKey]: observation };
    return { ...rest, [this.#renderKey]: frame };
  }
}

function pictureOf(env: Env): Frame {
  const frame = env.render();
  if (!isFrame(frame)) {
    throw new EnvError(
      `AddRenderObservation: render() of ${env} must return a Frame (see frameOf), not ${String(frame)}`,
    );
  }
  return frame;
}

function spaceWithPicture(
  env: Env,
  { renderOnly, renderKey, obsKey }: { renderOnly: boolean; renderKey: string; obsKey: string },
): Space {
  if (env.renderMode !== 'rgb_array') {
    throw new EnvError(
      `AddRenderObservation needs frames, but the render mode is ${env.renderMode}: ` +
        "make the environment with renderMode: 'rgb_array'",
    );
  }
  if (env.reset() instanceof Promise) {
    throw new EnvError(`AddRenderObservation needs to reset ${env} at once, but its reset() returns a promise`);
  }
  const pixels = new Box({ low: 0, high: 255, shape: pictureOf(env).shape, dtype: 'uint8' });
  if (renderOnly) return pixels;
  const { observationSpace } = env;
  if (!isDict(observationSpace)) return new Dict({ [obsKey]: observationSpace, [renderKey]: pixels });
  if (renderKey in observationSpace.spaces) {
    throw new EnvError(`AddRenderObservation: the observations already have '${renderKey}'; choose another renderKey`);
  }
  return new Dict({ ...observationSpace.spaces, [renderKey]: pixels });
}
