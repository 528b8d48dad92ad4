// Many environments stepped as one. Source: gymnasium.vector.VectorEnv, Gymnasium 1.x.

import { type Generator, npRandom } from '../../random/index.ts';
import type { EnvMetadata, Info, MaybePromise } from '../env.ts';
import { EnvError } from '../errors.ts';
import type { GraphInstance } from '../spaces/graph.ts';
import type { Space } from '../spaces/space.ts';
import type { EnvSpec } from '../spec.ts';

/**
 * What happens when a sub-environment's episode ends:
 * - `next-step`: the next `step` resets it, ignoring its action; that step's reward is 0 and its flags are false.
 * - `same-step`: the same `step` resets it and returns the first observation of the new episode; the last one of the old is
 *   `infos.finalObservation[i]`, its info `infos.finalInfo`.
 * - `disabled`: nothing; call `reset({ options: { resetMask } })` for those that ended.
 */
export type AutoresetMode = 'next-step' | 'same-step' | 'disabled';

/** Facts about a vector environment. */
export interface VectorEnvMetadata extends EnvMetadata {
  readonly autoresetMode: AutoresetMode;
}

/** How all episodes begin. */
export interface VectorResetOptions {
  /** A seed for the first sub-environment, the next integers for the others; or one seed (or null for none) for each. */
  readonly seed?: number | readonly (number | null)[] | undefined;
  /** Options for every sub-environment. `resetMask` (`numEnvs` flags, at least one set) resets only the sub-environments it marks. */
  readonly options?:
    | Readonly<Record<string, unknown> & { readonly resetMask?: Uint8Array | readonly boolean[] }>
    | undefined;
}

/** What `reset` returns: observations of all sub-environments as one batch, and their infos. */
export type VectorResetResult<Observations> = [observations: Observations, infos: Info];

/**
 * What `step` returns. Arrays have one element a sub-environment, flags are 0 or 1; all are new arrays each step.
 *
 * `infos[key]` collects what the sub-environments say under `key`: a Float64Array for numbers, a Uint8Array for booleans,
 * one flat typed array `[numEnvs, ...]` for typed arrays, a nested object of the same form for objects, an array for all
 * else. `infos['_' + key]` is a Uint8Array that marks the sub-environments that said something.
 */
export type VectorStepResult<Observations> = [
  observations: Observations,
  rewards: Float64Array,
  terminations: Uint8Array,
  truncations: Uint8Array,
  infos: Info,
];

/**
 * A batch of values of a space, as `batchSpace` makes them: an Int32Array of numbers, one flat typed array of typed arrays,
 * the same container of batches for tuples and objects, an array for all else.
 */
export type Batch<T> = unknown extends T
  ? unknown
  : [T] extends [number]
    ? Int32Array
    : T extends ArrayBufferView
      ? T
      : T extends string | GraphInstance
        ? T[]
        : T extends readonly unknown[]
          ? number extends T['length']
            ? T[]
            : { -readonly [I in keyof T]: Batch<T[I]> }
          : { -readonly [K in keyof T]: Batch<T[K]> };

/** The observation batches of a vector environment type. */
export type ObservationsOf<V extends VectorEnv> = Awaited<ReturnType<V['reset']>>[0];

/** The action batches of a vector environment type. */
export type ActionsOf<V extends VectorEnv> = Parameters<V['step']>[0];

/** What a wrapper of `V` returns: at once if `V` answers at once, else perhaps as a promise. */
export type VectorAnswer<V extends VectorEnv, T> = V extends ImmediateVectorEnv ? T : MaybePromise<T>;

/**
 * `numEnvs` environments of one kind, stepped as one.
 *
 * Observations and actions are batches: for array spaces one flat typed array in C order, `[numEnvs, ...shape]`; for
 * `Discrete` one typed array `[numEnvs]`; see `batchSpace` for the others.
 */
export abstract class VectorEnv<Observations = unknown, Actions = unknown> {
  abstract readonly numEnvs: number;
  /** The space of observation batches. */
  abstract readonly observationSpace: Space<Observations>;
  /** The space of action batches. */
  abstract readonly actionSpace: Space<Actions>;
  abstract readonly singleObservationSpace: Space;
  abstract readonly singleActionSpace: Space;
  readonly metadata: VectorEnvMetadata = { renderModes: [], autoresetMode: 'next-step' };
  readonly renderMode: string | null = null;

  #generator: Generator | undefined;
  #seed: bigint | undefined;
  #spec: EnvSpec | null = null;
  #closed = false;

  /** Starts a new episode in all sub-environments, or in those that `options.resetMask` marks. */
  abstract reset(options?: VectorResetOptions): MaybePromise<VectorResetResult<Observations>>;

  /** Takes one action in each sub-environment. */
  abstract step(actions: Actions): MaybePromise<VectorStepResult<Observations>>;

  /** The pictures of all sub-environments, in the form that `renderMode` names; null where there are none. */
  render(): readonly unknown[] | null {
    return null;
  }

  /** As `Env.saveState`, of all sub-environments. */
  saveState(): unknown {
    return null;
  }

  /** As `Env.loadState`, of all sub-environments. */
  loadState(_state: unknown): void {
    throw new EnvError(`${this} cannot load a state: it has no saveState and loadState of its own`);
  }

  /** Closes all sub-environments. A second call does nothing. */
  close(): MaybePromise<void> {
    if (this.closed) return;
    this.#closed = true;
    return this.closeExtras();
  }

  /** Frees what a subclass holds; called once, by `close`. */
  protected closeExtras(): MaybePromise<void> {}

  get closed(): boolean {
    return this.#closed;
  }

  /** The innermost vector environment, without wrappers. */
  get unwrapped(): VectorEnv {
    return this as unknown as VectorEnv;
  }

  /** How this environment was made, and how to make it again; null if it was built without `makeVec`. */
  get spec(): EnvSpec | null {
    return this.#spec;
  }

  set spec(spec: EnvSpec | null) {
    this.#spec = spec;
  }

  /** The random stream of a natively vectorised environment. */
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

  /** Restarts `npRandom` if the seed is a number. A natively vectorised environment calls this first in `reset`. */
  protected seedFrom(seed: number | undefined): void {
    if (seed !== undefined) [this.#generator, this.#seed] = npRandom(seed);
  }

  /** The class, the id if known, and the number of environments, such as `SyncVectorEnv(CartPole-v1, numEnvs=3)`. */
  toString(): string {
    return `${this.constructor.name}(${this.spec === null ? '' : `${this.spec.id}, `}numEnvs=${this.numEnvs})`;
  }
}

/** A vector environment whose `reset` and `step` answer at once, as it is when its sub-environments do. */
export interface ImmediateVectorEnv<Observations = unknown, Actions = unknown>
  extends VectorEnv<Observations, Actions> {
  reset(options?: VectorResetOptions): VectorResetResult<Observations>;
  step(actions: Actions): VectorStepResult<Observations>;
}

/** Throws unless `mask` has `numEnvs` flags of which at least one is set. */
export function checkMask(mask: Uint8Array | readonly boolean[], numEnvs: number): void {
  if (mask.length !== numEnvs) {
    throw new RangeError(`options.resetMask must have ${numEnvs} flags, one an environment, but has ${mask.length}`);
  }
  if (!mask.some(Boolean)) throw new RangeError('options.resetMask marks no environment');
}
