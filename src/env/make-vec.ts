// Making vector environments from ids. Source: gymnasium.make_vec, Gymnasium 1.x.

import type { Env } from './env.ts';
import type { EnvTypeOf, EnvTypes, MadeVec } from './env-types.ts';
import { EnvError } from './errors.ts';
import { findSpec } from './lookup.ts';
import { make } from './make.ts';
import type { EnvSpec } from './spec.ts';
import { SyncVectorEnv, type SyncVectorEnvOptions } from './vector/sync-vector-env.ts';
import type { VectorEnv } from './vector/vector-env.ts';

/** Options of {@link makeVec}. All others are arguments of the environment, or options of `make` for each sub-environment. */
export interface MakeVecOptions {
  /** Sub-environments. Default 1. */
  readonly numEnvs?: number | undefined;
  /**
   * `vectorEntryPoint` makes the environment's own vector version, `sync` steps ordinary ones in a {@link SyncVectorEnv}.
   * Default: the former if it is registered, else the latter.
   */
  readonly vectorizationMode?: 'sync' | 'vectorEntryPoint' | undefined;
  /** Options of {@link SyncVectorEnv}. */
  readonly vectorKwargs?: SyncVectorEnvOptions | undefined;
  /** Wrappers to put around each sub-environment, innermost first; for mode `sync`. */
  readonly wrappers?: readonly ((env: Env) => Env)[] | undefined;
  readonly [argument: string]: unknown;
}

/**
 * Makes a vector environment: by an id such as `CartPole-v1`, or by a specification. Its type follows from the id through
 * {@link EnvTypes}, or is given as that of one sub-environment: `makeVec<MazeEnv>('mine/Maze-v0')`.
 *
 * @throws EnvError for unknown ids, and for options that do not go with the mode
 */
export function makeVec<Id extends keyof EnvTypes>(id: Id, options?: MakeVecOptions): MadeVec<EnvTypeOf<Id>>;
export function makeVec<E extends Env = Env>(id: string | EnvSpec, options?: MakeVecOptions): MadeVec<E>;
export function makeVec(id: string | EnvSpec, options: MakeVecOptions = {}): VectorEnv {
  const spec = typeof id === 'string' ? findSpec(id) : id;
  // The specification of a vector environment keeps these options among its arguments, so that it can be made again.
  const merged: MakeVecOptions = { ...spec.kwargs, ...options };
  const { numEnvs = 1, vectorizationMode, vectorKwargs, wrappers = [], ...kwargs } = merged;
  if (!Number.isInteger(numEnvs) || numEnvs < 1) {
    throw new RangeError(`makeVec expects numEnvs to be a positive integer but got ${numEnvs}`);
  }
  const mode = vectorizationMode ?? (spec.vectorEntryPoint === undefined ? 'sync' : 'vectorEntryPoint');
  const env =
    mode === 'sync'
      ? makeSync(spec, numEnvs, kwargs, wrappers, vectorKwargs)
      : makeNative(spec, numEnvs, kwargs, wrappers, vectorKwargs);
  env.unwrapped.spec = spec.with({
    kwargs: {
      ...kwargs,
      numEnvs,
      vectorizationMode: mode,
      ...(vectorKwargs === undefined ? {} : { vectorKwargs }),
      ...(wrappers.length === 0 ? {} : { wrappers }),
    },
  });
  return env;
}

type Kwargs = Readonly<Record<string, unknown>>;
type Wrappers = readonly ((env: Env) => Env)[];

function makeSync(
  spec: EnvSpec,
  numEnvs: number,
  kwargs: Kwargs,
  wrappers: Wrappers,
  vectorKwargs: SyncVectorEnvOptions | undefined,
): VectorEnv {
  if (spec.entryPoint === undefined) {
    throw new EnvError(`${spec.id} has no entryPoint for vectorizationMode 'sync': use 'vectorEntryPoint'`);
  }
  const single = spec.with({ kwargs: {} });
  const makeOne = (): Env => wrappers.reduce((env, wrap) => wrap(env), make(single, kwargs) as Env);
  return new SyncVectorEnv(
    Array.from({ length: numEnvs }, () => makeOne),
    vectorKwargs,
  ) as VectorEnv;
}

function makeNative(
  spec: EnvSpec,
  numEnvs: number,
  kwargs: Kwargs,
  wrappers: Wrappers,
  vectorKwargs: SyncVectorEnvOptions | undefined,
): VectorEnv {
  if (spec.vectorEntryPoint === undefined) {
    throw new EnvError(`${spec.id} has no vectorEntryPoint: use vectorizationMode 'sync'`);
  }
  if (wrappers.length > 0 || spec.additionalWrappers.length > 0 || vectorKwargs !== undefined) {
    throw new EnvError(
      `${spec.id}: wrappers of sub-environments and vectorKwargs do not go with vectorizationMode 'vectorEntryPoint': ` +
        "pass vectorizationMode: 'sync', or wrap the vector environment itself",
    );
  }
  return spec.vectorEntryPoint({ maxEpisodeSteps: spec.maxEpisodeSteps, ...kwargs, numEnvs });
}
