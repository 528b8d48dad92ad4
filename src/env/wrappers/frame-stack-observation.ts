import type { ActionOf, Answer, Env, ObservationOf, ResetOptions, ResetResult, StepResult } from '../env.ts';
import { batchSpace, concatenate } from '../spaces/batch.ts';
import type { Space } from '../spaces/space.ts';
import type { Batch } from '../vector/vector-env.ts';
import { Wrapper } from '../wrapper.ts';
import { zeroValue } from './zero-value.ts';

/** Options of {@link FrameStackObservation}. */
export interface FrameStackObservationOptions<Observation = unknown> {
  /** How many observations make one; a positive integer. */
  readonly stackSize: number;
  /** What stands for the time before the episode: its first observation, zeros, or a given observation. Default `reset`. */
  readonly paddingType?: 'reset' | 'zero' | Observation;
}

/** Gives the latest `stackSize` observations as one batch, oldest first: `[stackSize, ...shape]`. */
export class FrameStackObservation<E extends Env = Env> extends Wrapper<
  E,
  Batch<ObservationOf<E>>,
  ActionOf<E>,
  Space<Batch<ObservationOf<E>>>
> {
  readonly stackSize: number;
  #padding: unknown;
  readonly #repeatsFirst: boolean;
  #latest: unknown[] = [];

  constructor(env: E, options: FrameStackObservationOptions<ObservationOf<E>>) {
    const { stackSize, paddingType = 'reset' } = options;
    if (!Number.isInteger(stackSize) || stackSize <= 0) {
      throw new RangeError(`FrameStackObservation expects stackSize to be a positive integer but got ${stackSize}`);
    }
    const inner: Space = env.observationSpace;
    super(env, options, { observationSpace: batchSpace(inner, stackSize) as Space<Batch<ObservationOf<E>>> });
    this.stackSize = stackSize;
    this.#repeatsFirst = paddingType === 'reset';
    if (paddingType === 'reset' || paddingType === 'zero') this.#padding = zeroValue(inner);
    else if (inner.contains(paddingType)) this.#padding = paddingType;
    else {
      throw new TypeError(
        `FrameStackObservation expects paddingType to be 'reset', 'zero' or an observation in ${inner} but got ${String(paddingType)}`,
      );
    }
  }

  override reset(options?: ResetOptions): Answer<E, ResetResult<Batch<ObservationOf<E>>>> {
    const result = this.env.reset(options);
    const answer = Array.isArray(result) ? this.#begin(result) : result.then((later) => this.#begin(later));
    return answer as Answer<E, ResetResult<Batch<ObservationOf<E>>>>;
  }

  override step(action: ActionOf<E>): Answer<E, StepResult<Batch<ObservationOf<E>>>> {
    const result = this.env.step(action);
    const answer = Array.isArray(result) ? this.#add(result) : result.then((later) => this.#add(later));
    return answer as Answer<E, StepResult<Batch<ObservationOf<E>>>>;
  }

  protected override saveOwnState(): unknown {
    return { padding: this.#padding, latest: [...this.#latest] };
  }

  protected override loadOwnState({
    padding,
    latest,
  }: {
    readonly padding: unknown;
    readonly latest: readonly unknown[];
  }): void {
    this.#padding = padding;
    this.#latest = [...latest];
  }

  #begin(result: ResetResult<unknown>): ResetResult<unknown> {
    if (this.#repeatsFirst) this.#padding = result[0];
    this.#latest = Array.from({ length: this.stackSize }, () => this.#padding);
    return this.#add(result);
  }

  #add<R extends ResetResult<unknown> | StepResult<unknown>>(result: R): R {
    this.#latest.shift();
    this.#latest.push(result[0]);
    result[0] = concatenate(this.env.observationSpace, this.#latest);
    return result;
  }
}
