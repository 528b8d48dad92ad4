// The contract of Gymnasium 1.x: an environment is reset and stepped, nothing more.
// Source: Towers et al. 2024, "Gymnasium: A Standard Interface for Reinforcement Learning Environments", arXiv 2407.17032.

import { type Generator, npRandom } from '../random/index.ts';
import { EnvError } from './errors.ts';
import type { Space } from './spaces/space.ts';
import type { EnvSpec } from './spec.ts';

/** A value that may come now or later. Synchronous environments return it now and never pay for a promise. */
export type MaybePromise<T> = T | Promise<T>;

/** Auxiliary facts about a step or a reset, for diagnostics; never needed for learning. */
export type Info = Record<string, unknown>;

/**
 * What `step` returns: `[observation, reward, terminated, truncated, info]`.
 *
 * Each step returns a new array, which wrappers may write to: TimeLimit sets `truncated` in place and allocates nothing.
 */
export type StepResult<Observation> = [
  observation: Observation,
  reward: number,
  terminated: boolean,
  truncated: boolean,
  info: Info,
];

/** What `reset` returns: `[observation, info]`, a new array each time. */
export type ResetResult<Observation> = [observation: Observation, info: Info];

/** How an episode begins. `seed` restarts the random stream; without it the stream goes on. `options` are the environment's own. */
export interface ResetOptions {
  readonly seed?: number | bigint | undefined;
  readonly options?: Readonly<Record<string, unknown>> | undefined;
}

/** Facts about an environment class: how it can be drawn, and how fast. */
export interface EnvMetadata {
  readonly renderModes: readonly string[];
  /** Frames per second that look natural. */
  readonly renderFps?: number;
  readonly [key: string]: unknown;
}

/**
 * An environment: the world an agent acts in.
 *
 * Subclasses set the two spaces and write `reset` and `step`. Random numbers come from `this.npRandom`, which `reset`
 * seeds: call `this.seedFrom(options)` first in every `reset`.
 *
 * `step` and `reset` may return a promise (an environment that asks a server, say); see {@link SyncEnv} for those that never do.
 */
export abstract class Env<Observation = unknown, Action = unknown> {
  abstract readonly observationSpace: Space<Observation>;
  abstract readonly actionSpace: Space<Action>;
  readonly metadata: EnvMetadata = { renderModes: [] };
  /** How `render` draws, chosen when the environment is made; null draws nothing. */
  readonly renderMode: string | null = null;

  #generator: Generator | undefined;
  #seed: bigint | undefined;
  #spec: EnvSpec | null = null;

  /** Starts a new episode. With a seed, the same episode every time; without one, the random stream goes on. */
  abstract reset(options?: ResetOptions): MaybePromise<ResetResult<Observation>>;

  /** Takes one action. After `terminated` (the task ended) or `truncated` (time ran out) call `reset`. */
  abstract step(action: Action): MaybePromise<StepResult<Observation>>;

  /** The picture of the present state, in the form that `renderMode` names; null when there is none. */
  render(): unknown {
    return null;
  }

  /**
   * Everything that decides what happens next, the position of the random stream included, so that {@link loadState} goes on from there to
   * the last bit: plain data (numbers, texts, booleans, null, typed arrays, and arrays and objects of these) that steps to come do not
   * change. Null if this environment cannot say, as by default: a run then begins new episodes wherever it saves a checkpoint.
   *
   * @example
   * override saveState() {
   *   return { position: this.position, random: this.npRandom.state };
   * }
   * override loadState({ position, random }: ReturnType<Walk['saveState']>): void {
   *   this.position = position;
   *   this.npRandom.state = random;
   * }
   */
  saveState(): unknown {
    return null;
  }

  /** Goes on from where {@link saveState} was called, in this or in another environment made with the same arguments; no reset is needed. */
  loadState(_state: unknown): void {
    throw new EnvError(`${this} cannot load a state: it has no saveState and loadState of its own`);
  }

  /** Frees what the environment holds. May be called more than once. */
  close(): MaybePromise<void> {}

  /** The innermost environment, without wrappers. */
  get unwrapped(): Env {
    return this as unknown as Env;
  }

  /** How this environment was made, and how to make it again; null if it was built without `make`. */
  get spec(): EnvSpec | null {
    return this.#spec;
  }

  set spec(spec: EnvSpec | null) {
    this.#spec = spec;
  }

  /** The environment's random stream: NumPy's PCG64. Seeded from the operating system until `reset` gets a seed. */
  get npRandom(): Generator {
    if (this.#generator === undefined) [this.#generator, this.#seed] = npRandom();
    return this.#generator;
  }

  set npRandom(generator: Generator) {
    this.#generator = generator;
    this.#seed = undefined;
  }

  /** The seed of `npRandom`; undefined when the generator was set from outside. */
  get npRandomSeed(): bigint | undefined {
    void this.npRandom;
    return this.#seed;
  }

  /** Restarts `npRandom` if the options carry a seed. Every `reset` calls this first. */
  protected seedFrom(options?: ResetOptions): void {
    if (options?.seed !== undefined) [this.#generator, this.#seed] = npRandom(options.seed);
  }

  /** Whether this environment, or one that it wraps, has an attribute of that name. */
  hasWrapperAttr(name: string): boolean {
    return name in this;
  }

  /**
   * The attribute of that name, of this environment or of the outermost one below that has it. Methods come bound to
   * their environment. Throws a TypeError if none has it.
   */
  getWrapperAttr(name: string): unknown {
    if (!(name in this)) throw new TypeError(`${this} has no attribute '${name}'`);
    const value: unknown = Reflect.get(this, name);
    return typeof value === 'function' ? value.bind(this) : value;
  }

  /**
   * Sets an attribute where it exists: here, or on the outermost environment below that has it. Where none has it, it is
   * created here, unless `force` is false. Returns whether it was set.
   */
  setWrapperAttr(name: string, value: unknown, { force = true }: { readonly force?: boolean } = {}): boolean {
    return (force || name in this) && Reflect.set(this, name, value);
  }

  /** The class and, if known, the id, such as `<CartPoleEnv<CartPole-v1>>`. */
  toString(): string {
    return this.spec === null ? `<${this.constructor.name} instance>` : `<${this.constructor.name}<${this.spec.id}>>`;
  }
}

/** An environment whose `reset` and `step` answer at once, as all of the built-in classic ones do. */
export interface SyncEnv<Observation = unknown, Action = unknown> extends Env<Observation, Action> {
  reset(options?: ResetOptions): ResetResult<Observation>;
  step(action: Action): StepResult<Observation>;
}

/** The observations of an environment type. */
export type ObservationOf<E extends Env> = Awaited<ReturnType<E['reset']>>[0];

/** The actions of an environment type; unknown for a class whose `step` takes none. */
export type ActionOf<E extends Env> = Parameters<E['step']> extends readonly [] ? unknown : Parameters<E['step']>[0];

/** What a wrapper of `E` returns: at once if `E` answers at once, else perhaps as a promise. */
export type Answer<E extends Env, T> = E extends SyncEnv ? T : MaybePromise<T>;
