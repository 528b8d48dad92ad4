// What algorithms know of a policy. It owns how observations become tensors, and how stored steps are laid out for the graph;
// an algorithm sees rows: one for each decision.

import type { Module, Parameter } from '../nn/index.ts';
import type { Tensor, TensorData, Typed } from '../tensor/index.ts';

/** An episode that ended while it was collected. */
export interface Episode {
  /** The undiscounted sum of its rewards. */
  readonly return: number;
  /** Its number of steps. */
  readonly length: number;
  /** The slot of the vector environment it ran in. */
  readonly envIndex: number;
  readonly terminated: boolean;
  /**
   * Steps of the rollout, all environments together, up to and with that with which it ended. In a rollout of whole episodes these are
   * the steps of the episodes that have ended.
   */
  readonly endedAt: number;
}

/** What every rollout has: one row for each decision of the policy. Policies add how they store what was observed. */
export interface Steps {
  /** The step after row `i` of the same environment is row `i + numEnvs`. */
  readonly numEnvs: number;
  /** How many rows there are. */
  readonly rows: number;
  /** Of the actions taken, when they were taken. */
  readonly logProbs: Float32Array;
  readonly rewards: Float64Array;
  readonly terminated: Uint8Array;
  readonly truncated: Uint8Array;
  /** Rows that no action of the policy led from (the step on which an environment resets itself) are 0, and not to be learned from. */
  readonly valid: Uint8Array;
  readonly episodes: readonly Episode[];
}

/** What the critic says of a rollout, row by row. */
export interface StateValues {
  /** V(s_t) */
  readonly values: Float32Array;
  /** V(s_t+1) of the same episode: 0 where it terminated; where it was truncated, what the policy says lies beyond. */
  readonly nextValues: Float32Array;
}

/** What a policy says of a batch of stored steps, as graphs: each `[entries]`. */
export interface Evaluation {
  readonly logProbs: Tensor;
  readonly entropies: Tensor;
  /** Left out by a policy without a critic. */
  readonly values?: Tensor | undefined;
}

/** Stored steps as the inputs of `evaluate`. */
export interface Layout {
  /** Shapes and types of the inputs. One program is compiled for each combination, so there should be few. */
  readonly types: readonly Typed[];
  /** The row behind each entry of the evaluation; -1 for entries that only fill up the batch. */
  readonly rows: Int32Array;
  /** Writes the inputs. */
  fill(inputs: readonly TensorData[]): void;
}

/** A policy that algorithms can train. `R` is the kind of rollout it makes. */
export interface Policy<R extends Steps = Steps> extends Module {
  /** What learns at the actor's rate; all other parameters are the critic's. */
  actorParameters(): readonly Parameter[];
  /**
   * Whether actor and critic are large, and train nothing in common: they then learn in a program each, side by side. Default: in one
   * program, which computes what they share once.
   */
  readonly separateCritic?: boolean;
  /** How many threads an update's programs use; 1 runs them at once, more leave the event loop free. */
  readonly threads: number;
  /** What minibatches are made of, as indices: single rows, or whole sequences of them. */
  units(rollout: R): Int32Array;
  /** Lays out the steps of some units, for a batch of `size` units of which the last may be missing. */
  layout(rollout: R, units: Int32Array, size: number): Layout;
  /** Builds the graph of what this policy says of inputs that `layout` has laid out. */
  evaluateLayout(inputs: readonly Tensor[]): Evaluation;
  /** The critic's values of a whole rollout. @throws Error if there is no critic. */
  stateValues(rollout: R, signal?: AbortSignal): StateValues | Promise<StateValues>;
}
