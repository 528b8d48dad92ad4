// Between a network's outputs and an environment's actions: which distribution a space has, and how it is sampled.

import { Box, Discrete, type Space } from '../env/index.ts';
import { Module, Parameter } from '../nn/index.ts';
import type { Generator } from '../random/index.ts';
import type { Tensor } from '../tensor/index.ts';
import { Categorical, DiagonalGaussian, type Distribution } from './distributions.ts';

/** Stored actions: one row for each environment slot or time step. */
export type ActionRows = Float32Array | Int32Array;

/** Turns rows of network outputs into distributions (in the graph) and into actions (when acting). */
export abstract class ActionHead extends Module {
  /** How many outputs the actor must have. */
  abstract readonly outputSize: number;
  /** The shape of one stored action: `[]` or `[n]`. */
  abstract readonly actionShape: readonly number[];
  abstract readonly actionType: 'int32' | 'float32';

  /** How many numbers one stored action has. */
  get actionSize(): number {
    return this.actionShape.reduce((product, size) => product * size, 1);
  }

  /** @param outputs of the actor, `[batch, outputSize]` */
  abstract distribution(outputs: Tensor): Distribution;

  /**
   * Draws the action of row `row` from the actor's outputs, or takes the likeliest if there is no generator. Writes it
   * to row `to` of `actions` and returns its log-probability.
   */
  abstract sample(
    outputs: Float32Array,
    row: number,
    actions: ActionRows,
    to: number,
    generator: Generator | null,
  ): number;

  /** One stored row as the environment takes it. */
  abstract environmentAction(actions: ActionRows, row: number): unknown;

  /** Rows `from` to `from + count` as a vector environment takes them. */
  abstract environmentActions(actions: ActionRows, from: number, count: number): ActionRows;
}

/** The head that fits an action space. */
export function actionHeadFor(space: Space): ActionHead {
  if (space instanceof Discrete) return new CategoricalHead(space);
  if (space instanceof Box && space.dtype.startsWith('float')) return new GaussianHead(space as unknown as Box);
  throw new TypeError(
    `no action distribution for ${space}: Discrete and float Box spaces have one; ` +
      'wrap the environment with a TransformAction whose action space is one of these',
  );
}

class CategoricalHead extends ActionHead {
  readonly outputSize: number;
  readonly actionShape = [];
  readonly actionType = 'int32';
  readonly #start: number;

  constructor(space: Discrete) {
    super();
    this.outputSize = space.n;
    this.#start = space.start;
  }

  distribution(outputs: Tensor): Distribution {
    return new Categorical(outputs);
  }

  sample(logits: Float32Array, row: number, actions: ActionRows, to: number, generator: Generator | null): number {
    const n = this.outputSize;
    const start = row * n;
    let best = 0;
    for (let k = 1; k < n; k++) if (logits[start + k]! > logits[start + best]!) best = k;
    const largest = logits[start + best]!;
    let total = 0;
    for (let k = 0; k < n; k++) total += Math.exp(logits[start + k]! - largest);
    let action = best;
    if (generator !== null) {
      // The first choice whose cumulative weight passes the draw; the last one if rounding leaves a rest.
      let left = generator.random() * total;
      action = 0;
      while (action < n - 1) {
        left -= Math.exp(logits[start + action]! - largest);
        if (left < 0) break;
        action++;
      }
    }
    actions[to] = action;
    return logits[start + action]! - largest - Math.log(total);
  }

  environmentAction(actions: ActionRows, row: number): number {
    return actions[row]! + this.#start;
  }

  environmentActions(actions: ActionRows, from: number, count: number): ActionRows {
    const batch = actions.slice(from, from + count);
    if (this.#start !== 0) for (let i = 0; i < count; i++) batch[i] = batch[i]! + this.#start;
    return batch;
  }
}

/** Normal distributions with a learned deviation that does not depend on the observation; the environment's bounds clip what it gets. */
class GaussianHead extends ActionHead {
  readonly outputSize: number;
  readonly actionShape: readonly number[];
  readonly actionType = 'float32';
  /** Logarithms of the standard deviations, `[n]`, at first 0. */
  readonly logStd: Parameter;
  readonly #space: Box;

  constructor(space: Box) {
    super();
    this.#space = space;
    this.outputSize = space.low.length;
    this.actionShape = [this.outputSize];
    this.logStd = new Parameter([this.outputSize]);
  }

  distribution(outputs: Tensor): Distribution {
    return new DiagonalGaussian(outputs, this.logStd);
  }

  sample(means: Float32Array, row: number, actions: ActionRows, to: number, generator: Generator | null): number {
    const n = this.outputSize;
    const logStd = this.logStd.storage.data;
    let logProb = 0;
    for (let k = 0; k < n; k++) {
      const z = generator === null ? 0 : generator.standardNormal();
      actions[to * n + k] = means[row * n + k]! + Math.exp(logStd[k]!) * z;
      logProb -= 0.5 * z * z + logStd[k]! + 0.5 * Math.log(2 * Math.PI);
    }
    return logProb;
  }

  environmentAction(actions: ActionRows, row: number): ActionRows {
    return this.environmentActions(actions, row, 1);
  }

  environmentActions(actions: ActionRows, from: number, count: number): ActionRows {
    const n = this.outputSize;
    const { low, high } = this.#space;
    const batch = actions.slice(from * n, (from + count) * n);
    for (let i = 0; i < batch.length; i++) batch[i] = Math.min(high[i % n]!, Math.max(low[i % n]!, batch[i]!));
    return batch;
  }
}
