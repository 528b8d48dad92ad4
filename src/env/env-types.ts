// Which type of environment an id makes, for `make('CartPole-v1').actionSpace.n` to type-check.

import type { ActionOf, Env, ObservationOf, SyncEnv } from './env.ts';
import type { Batch, ImmediateVectorEnv, VectorEnv } from './vector/vector-env.ts';

/**
 * The environment class behind each id. Extend it by declaration merging, beside your call of `register`:
 *
 * @example declare module 'gymformer/env' { interface EnvTypes { 'mine/Maze-v0': MazeEnv } }
 */
export interface EnvTypes {}

/** An environment of class `E` as `make` returns it: wrapped, with `E`'s spaces; `E` itself is `unwrapped`. */
export type Made<E extends Env> = (E extends SyncEnv
  ? SyncEnv<ObservationOf<E>, ActionOf<E>>
  : Env<ObservationOf<E>, ActionOf<E>>) & {
  readonly observationSpace: E['observationSpace'];
  readonly actionSpace: E['actionSpace'];
  readonly unwrapped: E;
};

/** The environment type that is registered for an id. */
export type EnvTypeOf<Id extends keyof EnvTypes> = EnvTypes[Id] extends Env ? EnvTypes[Id] : Env;

/** `E`s as `makeVec` returns them: a vector environment that answers at once if `E` does. */
export type MadeVec<E extends Env> = (E extends SyncEnv
  ? ImmediateVectorEnv<Batch<ObservationOf<E>>, Batch<ActionOf<E>>>
  : VectorEnv<Batch<ObservationOf<E>>, Batch<ActionOf<E>>>) & {
  readonly singleObservationSpace: E['observationSpace'];
  readonly singleActionSpace: E['actionSpace'];
};
