import type { ActionOf, Answer, Env, ObservationOf, ResetOptions, ResetResult, StepResult } from '../env.ts';
import { Wrapper } from '../wrapper.ts';

/**
 * Resets the environment by itself: the step after an episode's last one ignores its action, resets, and returns the
 * first observation with reward 0 and both flags false. This is the vector environments' `next-step` mode.
 */
export class Autoreset<E extends Env = Env> extends Wrapper<E> {
  #ended = false;

  constructor(env: E) {
    super(env, {});
  }

  override reset(options?: ResetOptions): Answer<E, ResetResult<ObservationOf<E>>> {
    this.#ended = false;
    return this.env.reset(options) as Answer<E, ResetResult<ObservationOf<E>>>;
  }

  override step(action: ActionOf<E>): Answer<E, StepResult<ObservationOf<E>>> {
    let answer: StepResult<unknown> | Promise<StepResult<unknown>>;
    if (this.#ended) {
      const result = this.env.reset();
      answer = Array.isArray(result) ? this.#begin(result) : result.then((later) => this.#begin(later));
    } else {
      const result = this.env.step(action);
      answer = Array.isArray(result) ? this.#note(result) : result.then((later) => this.#note(later));
    }
    return answer as Answer<E, StepResult<ObservationOf<E>>>;
  }

  protected override saveOwnState(): unknown {
    return this.#ended;
  }

  protected override loadOwnState(ended: boolean): void {
    this.#ended = ended;
  }

  #begin([observation, info]: ResetResult<unknown>): StepResult<unknown> {
    this.#ended = false;
    return [observation, 0, false, false, info];
  }

  #note(result: StepResult<unknown>): StepResult<unknown> {
    this.#ended = result[2] || result[3];
    return result;
  }
}
