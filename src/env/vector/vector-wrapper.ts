// Wrappers of vector environments. Source: gymnasium.vector.VectorWrapper, Gymnasium 1.x.

import type { Generator } from '../../random/index.ts';
import { EnvError } from '../errors.ts';
import type { Space } from '../spaces/space.ts';
import type { EnvSpec } from '../spec.ts';
import {
  type ActionsOf,
  type ObservationsOf,
  type VectorAnswer,
  VectorEnv,
  type VectorEnvMetadata,
  type VectorResetOptions,
  type VectorResetResult,
  type VectorStepResult,
} from './vector-env.ts';

/** The spaces of a wrapper that differ from those of what it wraps. */
export interface VectorSpaces<Observations, Actions> {
  readonly observationSpace?: Space<Observations>;
  readonly singleObservationSpace?: Space;
  readonly actionSpace?: Space<Actions>;
  readonly singleActionSpace?: Space;
}

/**
 * A vector environment around a vector environment; by itself it passes everything through. Synchronous ones stay synchronous.
 *
 * Spaces and metadata are taken from the inner environment when the wrapper is built.
 *
 * @typeParam V the wrapped vector environment
 * @typeParam Observations what the wrapper gives; by default what `V` gives
 * @typeParam Actions what the wrapper takes; by default what `V` takes
 */
export abstract class VectorWrapper<
  V extends VectorEnv = VectorEnv,
  Observations = ObservationsOf<V>,
  Actions = ActionsOf<V>,
> extends VectorEnv<Observations, Actions> {
  readonly env: V;
  readonly numEnvs: number;
  readonly observationSpace: Space<Observations>;
  readonly actionSpace: Space<Actions>;
  readonly singleObservationSpace: Space;
  readonly singleActionSpace: Space;
  override readonly metadata: VectorEnvMetadata;
  override readonly renderMode: string | null;

  constructor(env: V, spaces: VectorSpaces<Observations, Actions> = {}) {
    super();
    if (!(env instanceof VectorEnv)) {
      throw new TypeError(`${new.target.name} expects a VectorEnv to wrap but got ${String(env)}`);
    }
    this.env = env;
    this.numEnvs = env.numEnvs;
    // A subclass that gives other observations or actions than `V` passes its spaces: the defaults are then not used.
    this.observationSpace = spaces.observationSpace ?? (env.observationSpace as Space<Observations>);
    this.actionSpace = spaces.actionSpace ?? (env.actionSpace as Space<Actions>);
    this.singleObservationSpace = spaces.singleObservationSpace ?? env.singleObservationSpace;
    this.singleActionSpace = spaces.singleActionSpace ?? env.singleActionSpace;
    this.metadata = env.metadata;
    this.renderMode = env.renderMode;
  }

  reset(options?: VectorResetOptions): VectorAnswer<V, VectorResetResult<Observations>> {
    return this.env.reset(options) as VectorAnswer<V, VectorResetResult<Observations>>;
  }

  step(actions: Actions): VectorAnswer<V, VectorStepResult<Observations>> {
    return this.env.step(actions) as VectorAnswer<V, VectorStepResult<Observations>>;
  }

  override render(): readonly unknown[] | null {
    return this.env.render();
  }

  /**
   * What this wrapper itself remembers from one step to the next, as plain data; undefined if nothing, as by default. One that remembers
   * something overrides this and {@link loadOwnState}.
   */
  protected saveOwnState(): unknown {
    return undefined;
  }

  /** Takes back what {@link saveOwnState} gave. */
  protected loadOwnState(_state: unknown): void {}

  /** The state of the wrapped environment, and this wrapper's own; null if the wrapped environment cannot say. */
  override saveState(): unknown {
    const env = this.env.saveState();
    return env === null ? null : { env, own: this.saveOwnState() };
  }

  override loadState(state: unknown): void {
    const { env, own } = state as { readonly env: unknown; readonly own: unknown };
    this.env.loadState(env);
    this.loadOwnState(own);
  }

  override close(): ReturnType<V['close']> {
    return this.env.close() as ReturnType<V['close']>;
  }

  override get closed(): boolean {
    return this.env.closed;
  }

  override get unwrapped(): V['unwrapped'] {
    return this.env.unwrapped;
  }

  override get spec(): EnvSpec | null {
    return this.env.spec;
  }

  override set spec(spec: EnvSpec | null) {
    this.env.spec = spec;
  }

  override get npRandom(): Generator {
    return this.env.npRandom;
  }

  override set npRandom(generator: Generator) {
    this.env.npRandom = generator;
  }

  override get npRandomSeed(): bigint | undefined {
    return this.env.npRandomSeed;
  }

  override toString(): string {
    return `<${this.constructor.name}, ${this.env}>`;
  }
}

/**
 * A vector wrapper that changes observations, through `observations`.
 *
 * Not for autoreset mode `same-step`: there the last observation of an episode goes another way (`infos.finalObservation`).
 */
export abstract class VectorObservationWrapper<
  V extends VectorEnv = VectorEnv,
  Observations = ObservationsOf<V>,
> extends VectorWrapper<V, Observations> {
  constructor(env: V, spaces: VectorSpaces<Observations, ActionsOf<V>> = {}) {
    super(env, spaces);
    if (env.metadata.autoresetMode === 'same-step') {
      throw new EnvError(
        `${new.target.name} cannot see the final observations of autoreset mode 'same-step': ` +
          "use 'next-step', or wrap each sub-environment",
      );
    }
  }

  /** The batch to give in place of the inner environment's. */
  abstract observations(observations: ObservationsOf<V>): Observations;

  override reset(options?: VectorResetOptions): VectorAnswer<V, VectorResetResult<Observations>> {
    const result = this.env.reset(options);
    const answer = Array.isArray(result) ? this.#change(result) : result.then((later) => this.#change(later));
    return answer as VectorAnswer<V, VectorResetResult<Observations>>;
  }

  override step(actions: ActionsOf<V>): VectorAnswer<V, VectorStepResult<Observations>> {
    const result = this.env.step(actions);
    const answer = Array.isArray(result) ? this.#change(result) : result.then((later) => this.#change(later));
    return answer as VectorAnswer<V, VectorStepResult<Observations>>;
  }

  #change(result: VectorStepResult<unknown> | VectorResetResult<unknown>): typeof result {
    result[0] = this.observations(result[0] as ObservationsOf<V>);
    return result;
  }
}

/** A vector wrapper that changes actions on their way in, through `actions`. */
export abstract class VectorActionWrapper<
  V extends VectorEnv = VectorEnv,
  Actions = ActionsOf<V>,
> extends VectorWrapper<V, ObservationsOf<V>, Actions> {
  /** The batch that the inner environment is given. */
  abstract actions(actions: Actions): ActionsOf<V>;

  override step(actions: Actions): VectorAnswer<V, VectorStepResult<ObservationsOf<V>>> {
    return this.env.step(this.actions(actions)) as VectorAnswer<V, VectorStepResult<ObservationsOf<V>>>;
  }
}

/** A vector wrapper that changes rewards, through `rewards`. */
export abstract class VectorRewardWrapper<V extends VectorEnv = VectorEnv> extends VectorWrapper<V> {
  /** The rewards to give in place of the inner environment's. */
  abstract rewards(rewards: Float64Array): Float64Array;

  override step(actions: ActionsOf<V>): VectorAnswer<V, VectorStepResult<ObservationsOf<V>>> {
    const result = this.env.step(actions);
    const answer = Array.isArray(result) ? this.#change(result) : result.then((later) => this.#change(later));
    return answer as VectorAnswer<V, VectorStepResult<ObservationsOf<V>>>;
  }

  #change(result: VectorStepResult<unknown>): VectorStepResult<unknown> {
    result[1] = this.rewards(result[1]);
    return result;
  }
}
