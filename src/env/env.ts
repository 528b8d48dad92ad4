// The contract of Gymnasium 1.x: an environment is reset and stepped, nothing more.
// Source: Towers et al. 2024, "Gymnasium: A Standard Interface for Reinforcement Learning Environments", arXiv 2407.17032.

import { type Generator, npRandom } from '../random/index.ts';
import type { Space } from './spaces/space.ts';

/** A value that may come now or later. Synchronous environments return it now and never pay for a promise. */
export type MaybePromise<T> = T | Promise<T>;

/** Auxiliary facts about a step or a reset, for diagnostics; never needed for learning. */
export type Info = Record<string, unknown>;

/** What `step` returns: `[observation, reward, terminated, truncated, info]`. */
export type StepResult<Observation> = [
  observation: Observation,
  reward: number,
  terminated: boolean,
  truncated: boolean,
  info: Info,
];

/** What `reset` returns: `[observation, info]`. */
export type ResetResult<Observation> = [observation: Observation, info: Info];

/** How an episode begins. `seed` restarts the random stream; without it the stream goes on. `options` are the environment's own. */
export interface ResetOptions {
  readonly seed?: number | bigint | undefined;
  readonly options?: Readonly<Record<string, unknown>> | undefined;
}
