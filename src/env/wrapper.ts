// Wrappers change what an environment takes and gives, without touching the environment. Source: gymnasium.Wrapper, Gymnasium 1.x.

import type { Generator } from '../random/index.ts';
import {
  type ActionOf,
  type Answer,
  Env,
  type EnvMetadata,
  type ObservationOf,
  type ResetOptions,
  type ResetResult,
  type StepResult,
} from './env.ts';
import type { EnvKwargs, EnvSpec, WrapperConstructor } from './spec.ts';
import type { Space } from './spaces/space.ts';

/**
 * An environment around an environment; by itself it passes everything through.
 *
 * Subclasses change `step`, `reset`, `render` or a space. A synchronous environment stays synchronous when wrapped, in
 * type and in deed: `step` and `reset` of the inner environment return an array at once or a promise of one, and a wrapper does likewise.
 *
 * The spaces, `metadata` and `renderMode` are taken from the inner environment when the wrapper is built. Everything else is asked for each time.
 *
 * Pass `options` to `super` for {@link EnvSpec} to be able to make the wrapper again; they must then be plain data.
 *
 * @typeParam E the wrapped environment
 * @typeParam Observation what the wrapper gives; by default what `E` gives
 * @typeParam Action what the wrapper takes; by default what `E` takes
 */
export abstract class Wrapper<
  E extends Env = Env,
  Observation = ObservationOf<E>,
  Action = ActionOf<E>,
  ObservationSpace extends Space<Observation> = Space<Observation> & E['observationSpace'],
  ActionSpace extends Space<Action> = Space<Action> & E['actionSpace'],
> extends Env<Observation, Action> {
  readonly env: E;
  readonly observationSpace: ObservationSpace;
  readonly actionSpace: ActionSpace;
  override readonly metadata: EnvMetadata;
  override readonly renderMode: string | null;
  /** The options that the wrapper was built with; null if it did not say. */
  readonly wrapperOptions: EnvKwargs | null;

  #ownSpec: EnvSpec | null = null;

  /**
   * @param options what the subclass was given as options, so that a specification can list them; `{}` where it takes none
   * @param spaces the spaces that differ from those of `env`
   */
  constructor(
    env: E,
    options?: object,
    spaces: {
      readonly observationSpace?: ObservationSpace | undefined;
      readonly actionSpace?: ActionSpace | undefined;
    } = {},
  ) {
    super();
    if (!(env instanceof Env)) throw new TypeError(`${new.target.name} expects an Env to wrap but got ${String(env)}`);
    this.env = env;
    // A subclass that gives other observations or actions than `E` passes its space: the types of the defaults are then not used.
    this.observationSpace = spaces.observationSpace ?? (env.observationSpace as unknown as ObservationSpace);
    this.actionSpace = spaces.actionSpace ?? (env.actionSpace as unknown as ActionSpace);
    this.metadata = env.metadata;
    this.renderMode = env.renderMode;
    this.wrapperOptions = options === undefined ? null : { ...options };
  }

  reset(options?: ResetOptions): Answer<E, ResetResult<Observation>> {
    return this.env.reset(options) as Answer<E, ResetResult<Observation>>;
  }

  step(action: Action): Answer<E, StepResult<Observation>> {
    return this.env.step(action) as Answer<E, StepResult<Observation>>;
  }

  override render(): unknown {
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

  override close(): ReturnType<E['close']> {
    return this.env.close() as ReturnType<E['close']>;
  }

  override get unwrapped(): E['unwrapped'] {
    return this.env.unwrapped;
  }

  /** The specification of the inner environment with this wrapper added. */
  override get spec(): EnvSpec | null {
    const inner = this.env.spec;
    if (this.#ownSpec === null && inner !== null) this.#ownSpec = this.addToSpec(inner);
    return this.#ownSpec;
  }

  override set spec(spec: EnvSpec | null) {
    this.#ownSpec = spec;
  }

  /** How this wrapper changes the specification of what it wraps: by default it is added to `additionalWrappers`. */
  protected addToSpec(inner: EnvSpec): EnvSpec {
    const entryPoint = this.constructor as WrapperConstructor;
    const added = { name: entryPoint.name, kwargs: this.wrapperOptions, entryPoint };
    return inner.with({ additionalWrappers: [...inner.additionalWrappers, added] });
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

  override hasWrapperAttr(name: string): boolean {
    return name in this || this.env.hasWrapperAttr(name);
  }

  override getWrapperAttr(name: string): unknown {
    if (!(name in this) && this.env.hasWrapperAttr(name)) return this.env.getWrapperAttr(name);
    return super.getWrapperAttr(name);
  }

  override setWrapperAttr(name: string, value: unknown, { force = true }: { readonly force?: boolean } = {}): boolean {
    if (name in this) return Reflect.set(this, name, value);
    return this.env.setWrapperAttr(name, value, { force: false }) || (force && Reflect.set(this, name, value));
  }

  override toString(): string {
    return `<${this.constructor.name}${this.env}>`;
  }
}

/** A wrapper that changes observations, through `observation`. */
export abstract class ObservationWrapper<
  E extends Env = Env,
  Observation = ObservationOf<E>,
  ObservationSpace extends Space<Observation> = Space<Observation>,
> extends Wrapper<E, Observation, ActionOf<E>, ObservationSpace> {
  /** The observation to give in place of the inner environment's. */
  abstract observation(observation: ObservationOf<E>): Observation;

  override reset(options?: ResetOptions): Answer<E, ResetResult<Observation>> {
    const result = this.env.reset(options);
    const answer = Array.isArray(result) ? this.#change(result) : result.then((later) => this.#change(later));
    return answer as Answer<E, ResetResult<Observation>>;
  }

  override step(action: ActionOf<E>): Answer<E, StepResult<Observation>> {
    const result = this.env.step(action);
    const answer = Array.isArray(result) ? this.#change(result) : result.then((later) => this.#change(later));
    return answer as Answer<E, StepResult<Observation>>;
  }

  #change(result: StepResult<unknown> | ResetResult<unknown>): typeof result {
    result[0] = this.observation(result[0] as ObservationOf<E>);
    return result;
  }
}

/** A wrapper that changes actions on their way in, through `action`. */
export abstract class ActionWrapper<
  E extends Env = Env,
  Action = ActionOf<E>,
  ActionSpace extends Space<Action> = Space<Action>,
> extends Wrapper<E, ObservationOf<E>, Action, Space<ObservationOf<E>> & E['observationSpace'], ActionSpace> {
  /** The action that the inner environment is given. */
  abstract action(action: Action): ActionOf<E>;

  override step(action: Action): Answer<E, StepResult<ObservationOf<E>>> {
    return this.env.step(this.action(action)) as Answer<E, StepResult<ObservationOf<E>>>;
  }
}

/** A wrapper that changes rewards, through `reward`. */
export abstract class RewardWrapper<E extends Env = Env> extends Wrapper<E> {
  /** The reward to give in place of the inner environment's. */
  abstract reward(reward: number): number;

  override step(action: ActionOf<E>): Answer<E, StepResult<ObservationOf<E>>> {
    const result = this.env.step(action);
    const answer = Array.isArray(result) ? this.#change(result) : result.then((later) => this.#change(later));
    return answer as Answer<E, StepResult<ObservationOf<E>>>;
  }

  #change(result: StepResult<unknown>): StepResult<unknown> {
    result[1] = this.reward(result[1]);
    return result;
  }
}
