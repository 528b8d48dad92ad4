import type { ActionOf, Answer, Env, ObservationOf, ResetOptions, ResetResult, StepResult } from '../env.ts';
import type { EnvSpec } from '../spec.ts';
import { Wrapper } from '../wrapper.ts';

/** Options of {@link TimeLimit}. */
export interface TimeLimitOptions {
  /** Steps after which an episode is truncated; a positive integer. */
  readonly maxEpisodeSteps: number;
}

/** Truncates an episode after `maxEpisodeSteps` steps. `make` applies it to environments registered with such a limit. */
export class TimeLimit<E extends Env = Env> extends Wrapper<E> {
  readonly maxEpisodeSteps: number;
  #elapsedSteps = 0;

  constructor(env: E, options: TimeLimitOptions) {
    super(env, options);
    const { maxEpisodeSteps } = options;
    if (!Number.isInteger(maxEpisodeSteps) || maxEpisodeSteps <= 0) {
      throw new RangeError(`TimeLimit expects maxEpisodeSteps to be a positive integer but got ${maxEpisodeSteps}`);
    }
    this.maxEpisodeSteps = maxEpisodeSteps;
  }

  /** Steps taken since the last reset. */
  get elapsedSteps(): number {
    return this.#elapsedSteps;
  }

  override step(action: ActionOf<E>): Answer<E, StepResult<ObservationOf<E>>> {
    const result = this.env.step(action);
    const answer = Array.isArray(result) ? this.#count(result) : result.then((later) => this.#count(later));
    return answer as Answer<E, StepResult<ObservationOf<E>>>;
  }

  override reset(options?: ResetOptions): Answer<E, ResetResult<ObservationOf<E>>> {
    this.#elapsedSteps = 0;
    return this.env.reset(options) as Answer<E, ResetResult<ObservationOf<E>>>;
  }

  protected override saveOwnState(): unknown {
    return this.#elapsedSteps;
  }

  protected override loadOwnState(elapsedSteps: number): void {
    this.#elapsedSteps = elapsedSteps;
  }

  protected override addToSpec(inner: EnvSpec): EnvSpec {
    return inner.with({ maxEpisodeSteps: this.maxEpisodeSteps });
  }

  #count(result: StepResult<unknown>): StepResult<unknown> {
    if (++this.#elapsedSteps >= this.maxEpisodeSteps) result[3] = true;
    return result;
  }
}
