import type {
  ActionOf,
  Answer,
  Env,
  EnvMetadata,
  ObservationOf,
  ResetOptions,
  ResetResult,
  StepResult,
} from '../env.ts';
import { EnvError } from '../errors.ts';
import { Wrapper } from '../wrapper.ts';

/** Options of {@link RenderCollection}. */
export interface RenderCollectionOptions {
  /** Whether `render` forgets the pictures that it gives. Default true. */
  readonly popFrames?: boolean | undefined;
  /** Whether `reset` forgets the pictures there are. Default true. */
  readonly resetClean?: boolean | undefined;
}

/**
 * Keeps the picture after each reset and step; `render` returns the list of them. The render mode becomes `rgb_array_list` (or
 * `ansi_list`). `make` applies it where such a mode is asked for that the environment does not have.
 */
export class RenderCollection<E extends Env = Env> extends Wrapper<E> {
  override readonly renderMode: string;
  override readonly metadata: EnvMetadata;
  readonly #popFrames: boolean;
  readonly #resetClean: boolean;
  #frames: unknown[] = [];

  constructor(env: E, options: RenderCollectionOptions = {}) {
    super(env, options);
    const { renderMode } = env;
    if (renderMode === null || renderMode === 'human' || renderMode.endsWith('_list')) {
      throw new EnvError(
        `RenderCollection collects what render() returns, which in render mode ${renderMode} is no picture: ` +
          "make the environment with renderMode: 'rgb_array'",
      );
    }
    this.renderMode = `${renderMode}_list`;
    const { renderModes } = env.metadata;
    this.metadata = { ...env.metadata, renderModes: [...new Set([...renderModes, this.renderMode])] };
    this.#popFrames = options.popFrames ?? true;
    this.#resetClean = options.resetClean ?? true;
  }

  override reset(options?: ResetOptions): Answer<E, ResetResult<ObservationOf<E>>> {
    const result = this.env.reset(options);
    if (this.#resetClean) this.#frames = [];
    const answer = Array.isArray(result) ? this.#collect(result) : result.then((later) => this.#collect(later));
    return answer as Answer<E, ResetResult<ObservationOf<E>>>;
  }

  override step(action: ActionOf<E>): Answer<E, StepResult<ObservationOf<E>>> {
    const result = this.env.step(action);
    const answer = Array.isArray(result) ? this.#collect(result) : result.then((later) => this.#collect(later));
    return answer as Answer<E, StepResult<ObservationOf<E>>>;
  }

  /** The pictures that were collected, oldest first. */
  override render(): unknown[] {
    const frames = this.#frames;
    if (!this.#popFrames) return [...frames];
    this.#frames = [];
    return frames;
  }

  #collect<T>(result: T): T {
    this.#frames.push(this.env.render());
    return result;
  }
}
