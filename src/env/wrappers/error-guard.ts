import type {
  ActionOf,
  Answer,
  Env,
  MaybePromise,
  ObservationOf,
  ResetOptions,
  ResetResult,
  StepResult,
} from '../env.ts';
import { EnvError } from '../errors.ts';
import { warn } from '../warnings.ts';
import { within } from '../within.ts';
import { Wrapper } from '../wrapper.ts';

/** Options of {@link ErrorGuard}. */
export interface ErrorGuardOptions {
  /** `truncate` ends the episode at a failed step; `throw` passes the error on. Default `truncate`. */
  readonly onError?: 'throw' | 'truncate' | undefined;
  /** Milliseconds that a step or reset which returns a promise may take. Default: no limit. */
  readonly timeoutMs?: number | undefined;
}

/** Episodes that may fail one after another: an environment that never gets through one is broken. */
const MOST_FAILURES = 10;

/**
 * Lets an environment fail without taking the run with it. A step has failed if it throws, is late, or gives a reward or observation that
 * is NaN or infinite. The episode is then truncated: the last observation again, reward 0, and `info.envError` says why. The environment
 * itself is only reset next, so it must be able to do that after a failure, and while a step that was late is still under way.
 *
 * A failed reset, or one that gives such an observation, is always thrown, and so is the eleventh failure in a row. A step that keeps the
 * thread and never returns cannot be interrupted.
 */
export class ErrorGuard<E extends Env = Env> extends Wrapper<E> {
  /** What is done with a failed step. */
  readonly onError: 'throw' | 'truncate';
  readonly #timeoutMs: number | undefined;
  #observation: unknown = null;
  #failures = 0;
  /** Episodes that failed since the last that did not. */
  #inRow = 0;

  constructor(env: E, options: ErrorGuardOptions = {}) {
    super(env, options);
    const { onError = 'truncate', timeoutMs } = options;
    if (onError !== 'throw' && onError !== 'truncate') {
      throw new RangeError(`ErrorGuard: onError is ${JSON.stringify(onError)}, but must be 'throw' or 'truncate'`);
    }
    if (timeoutMs !== undefined && !(timeoutMs > 0 && timeoutMs <= LONGEST)) {
      throw new RangeError(`ErrorGuard: timeoutMs is ${timeoutMs}, but must be above 0 and at most ${LONGEST}`);
    }
    this.onError = onError;
    this.#timeoutMs = timeoutMs;
  }

  /** Steps that have failed so far, and ended their episodes. */
  get failures(): number {
    return this.#failures;
  }

  override reset(options?: ResetOptions): Answer<E, ResetResult<ObservationOf<E>>> {
    const result = this.env.reset(options);
    const answer = Array.isArray(result)
      ? this.#began(result)
      : this.#inTime(result, 'reset').then((later) => this.#began(later));
    return answer as Answer<E, ResetResult<ObservationOf<E>>>;
  }

  override step(action: ActionOf<E>): Answer<E, StepResult<ObservationOf<E>>> {
    let answer: MaybePromise<StepResult<unknown>>;
    try {
      const result = this.env.step(action);
      answer = Array.isArray(result)
        ? this.#checked(result)
        : this.#inTime(result, 'step')
            .then((later) => this.#checked(later))
            .catch((error: unknown) => this.#failed(error));
    } catch (error) {
      answer = this.#failed(error);
    }
    return answer as Answer<E, StepResult<ObservationOf<E>>>;
  }

  protected override saveOwnState(): unknown {
    return { observation: this.#observation, inRow: this.#inRow };
  }

  protected override loadOwnState({ observation, inRow }: { observation: unknown; inRow: number }): void {
    this.#observation = observation;
    this.#inRow = inRow;
  }

  #began(result: ResetResult<unknown>): ResetResult<unknown> {
    this.#checkObservation('reset', result[0]);
    this.#observation = result[0];
    return result;
  }

  #checked(result: StepResult<unknown>): StepResult<unknown> {
    const [observation, reward, terminated, truncated] = result;
    if (!Number.isFinite(reward)) {
      throw new EnvError(`${this.env}: step gave a reward of ${String(reward)}, but rewards must be finite numbers`);
    }
    this.#checkObservation('step', observation);
    this.#observation = observation;
    if (terminated || truncated) this.#inRow = 0;
    return result;
  }

  #checkObservation(what: 'step' | 'reset', observation: unknown): void {
    if (!(observation instanceof Float32Array || observation instanceof Float64Array)) return;
    const bad = (observation as Float64Array).findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) throw new EnvError(`${this.env}: ${what} gave an observation with ${observation[bad]} at ${bad}`);
  }

  #failed(error: unknown): StepResult<unknown> {
    if (this.onError === 'throw') throw error;
    const problem = error instanceof Error ? error.message : String(error);
    if (++this.#inRow > MOST_FAILURES) {
      const message = `${this.env}: ${this.#inRow} episodes in a row have failed, the last of them so: ${problem}`;
      throw new EnvError(message, { cause: error });
    }
    this.#failures++;
    if (Number.isInteger(Math.log10(this.#failures))) {
      warn(`${this.env}: a step failed (${problem}); failure ${this.#failures}, its episode is given up`);
    }
    return [this.#observation, 0, false, true, { envError: problem }];
  }

  #inTime<T>(answer: Promise<T>, what: 'step' | 'reset'): Promise<T> {
    const milliseconds = this.#timeoutMs;
    if (milliseconds === undefined) return answer;
    const late = (): EnvError => new EnvError(`${this.env}: ${what} has not answered within ${milliseconds} ms`);
    return within(answer, milliseconds, late);
  }
}

/** What timers can wait for, in milliseconds. */
const LONGEST = 2 ** 31 - 1;
