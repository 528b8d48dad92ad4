// Between a network's outputs and an environment's actions: which distribution a space has, and how it is sampled.

import { Box, type Dtype, Discrete, MultiBinary, MultiDiscrete, type Space } from '../env/index.ts';
import { Module, Parameter } from '../nn/index.ts';
import type { Generator } from '../random/index.ts';
import type { Tensor } from '../tensor/index.ts';
import { Bernoulli, Categorical, DiagonalGaussian, type Distribution, MultiCategorical } from './distributions.ts';

/**
 * Actions, one row for each environment slot or time step. Policies store Float32Arrays and Int32Arrays; environments may
 * want the others.
 */
export type ActionRows = Float32Array | Int32Array | Float64Array | Int8Array;

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

/**
 * The head that fits an action space: a categorical distribution for `Discrete`, one for each element for `MultiDiscrete`,
 * coins for `MultiBinary`, a diagonal Gaussian for a `Box` of float32 or float64.
 *
 * @throws TypeError for other spaces
 */
export function actionHeadFor(space: Space): ActionHead {
  if (space instanceof Discrete) return new CategoricalHead(space);
  if (space instanceof MultiDiscrete) return new MultiCategoricalHead(space);
  if (space instanceof MultiBinary) return new BernoulliHead(space);
  if (space instanceof Box && space.dtype.startsWith('float')) return new GaussianHead(space);
  throw new TypeError(
    `no action distribution for ${space}: Discrete, MultiDiscrete, MultiBinary and float Box spaces have one; ` +
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
    return chooseOne(logits, row * this.outputSize, this.outputSize, actions, to, generator);
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

class MultiCategoricalHead extends ActionHead {
  readonly outputSize: number;
  readonly actionShape: readonly number[];
  readonly actionType = 'int32';
  readonly #counts: Int32Array;
  readonly #start: Int32Array;

  constructor({ nvec, start }: MultiDiscrete) {
    super();
    this.outputSize = nvec.reduce((sum, count) => sum + count, 0);
    this.actionShape = [nvec.length];
    this.#counts = nvec;
    this.#start = start;
  }

  distribution(outputs: Tensor): Distribution {
    return new MultiCategorical(outputs, this.#counts);
  }

  sample(logits: Float32Array, row: number, actions: ActionRows, to: number, generator: Generator | null): number {
    const counts = this.#counts;
    let logProb = 0;
    let first = row * this.outputSize;
    for (let k = 0; k < counts.length; k++) {
      logProb += chooseOne(logits, first, counts[k]!, actions, to * counts.length + k, generator);
      first += counts[k]!;
    }
    return logProb;
  }

  environmentAction(actions: ActionRows, row: number): ActionRows {
    return this.environmentActions(actions, row, 1);
  }

  environmentActions(actions: ActionRows, from: number, count: number): ActionRows {
    const n = this.#counts.length;
    const batch = actions.slice(from * n, (from + count) * n);
    for (let i = 0; i < batch.length; i++) batch[i] = batch[i]! + this.#start[i % n]!;
    return batch;
  }
}

class BernoulliHead extends ActionHead {
  readonly outputSize: number;
  readonly actionShape: readonly number[];
  readonly actionType = 'int32';

  constructor({ shape }: MultiBinary) {
    super();
    this.outputSize = shape.reduce((product, size) => product * size, 1);
    this.actionShape = [this.outputSize];
  }

  distribution(outputs: Tensor): Distribution {
    return new Bernoulli(outputs);
  }

  sample(logits: Float32Array, row: number, actions: ActionRows, to: number, generator: Generator | null): number {
    const n = this.outputSize;
    let logProb = 0;
    for (let k = 0; k < n; k++) {
      const logit = logits[row * n + k]!;
      const one = generator === null ? logit > 0 : generator.random() * (1 + Math.exp(-logit)) < 1;
      actions[to * n + k] = one ? 1 : 0;
      const against = one ? -logit : logit;
      // -log(1 + exp(against)), the exponent kept from growing large.
      logProb -= Math.max(0, against) + Math.log1p(Math.exp(-Math.abs(against)));
    }
    return logProb;
  }

  environmentAction(actions: ActionRows, row: number): ActionRows {
    return this.environmentActions(actions, row, 1);
  }

  environmentActions(actions: ActionRows, from: number, count: number): ActionRows {
    const n = this.outputSize;
    return Int8Array.from(actions.subarray(from * n, (from + count) * n));
  }
}

/**
 * Draws one of `n` choices by the logits from `first` on, or takes the likeliest if there is no generator. Writes it to
 * `actions[to]` and returns its log-probability.
 */
function chooseOne(
  logits: Float32Array,
  first: number,
  n: number,
  actions: ActionRows,
  to: number,
  generator: Generator | null,
): number {
  let best = 0;
  for (let k = 1; k < n; k++) if (logits[first + k]! > logits[first + best]!) best = k;
  const largest = logits[first + best]!;
  let total = 0;
  for (let k = 0; k < n; k++) total += Math.exp(logits[first + k]! - largest);
  let action = best;
  if (generator !== null) {
    // The first choice whose cumulative weight passes the draw; the last one if rounding leaves a rest.
    let left = generator.random() * total;
    action = 0;
    while (action < n - 1) {
      left -= Math.exp(logits[first + action]! - largest);
      if (left < 0) break;
      action++;
    }
  }
  actions[to] = action;
  return logits[first + action]! - largest - Math.log(total);
}

/** Normal distributions with a learned deviation that does not depend on the observation; the environment's bounds clip what it gets. */
class GaussianHead extends ActionHead {
  readonly outputSize: number;
  readonly actionShape: readonly number[];
  readonly actionType = 'float32';
  /** Logarithms of the standard deviations, `[n]`, at first 0. */
  readonly logStd: Parameter;
  readonly #space: Box<Dtype>;

  constructor(space: Box<Dtype>) {
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
    const { low, high, dtype } = this.#space;
    const batch = dtype === 'float64' ? new Float64Array(count * n) : new Float32Array(count * n);
    for (let i = 0; i < batch.length; i++) {
      batch[i] = Math.min(high[i % n]!, Math.max(low[i % n]!, actions[from * n + i]!));
    }
    return batch;
  }
}
