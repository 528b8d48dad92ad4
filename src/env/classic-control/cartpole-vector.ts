// Many CartPoles stepped as one, in one loop.

import { checkedRenderMode, invalidAction, resetFirst } from '../checks.ts';
import { type Box, batchSpace, Discrete, type MultiDiscrete } from '../spaces/index.ts';
import {
  VectorEnv,
  type VectorEnvMetadata,
  type VectorResetOptions,
  type VectorResetResult,
  type VectorStepResult,
} from '../vector/vector-env.ts';
import type { CartPoleOptions } from './cartpole.ts';
import { advance, cartPoleObservationSpace, FORCE } from './cartpole-physics.ts';
import { resetBounds } from './reset-bounds.ts';

/** What the vector of CartPoles may be made with. */
export interface CartPoleVectorOptions extends CartPoleOptions {
  /** How many cart-poles. Default 1. */
  readonly numEnvs?: number | undefined;
  /** Steps after which an episode is truncated; -1 for never. Default 500. */
  readonly maxEpisodeSteps?: number | undefined;
}

/**
 * `numEnvs` of {@link CartPoleEnv}, at a small part of the cost of stepping them one by one.
 *
 * - **Actions** `[numEnvs]`: 0 or 1 each. **Observations** float32 `[numEnvs, 4]`, flat.
 * - **Rewards** are 1 for each step (with `suttonBartoReward` 0, and -1 for the fall) and 0 for the step that resets.
 * - **Autoreset** `next-step`: the step after an episode's end ignores the action and returns the first observation of the next
 *   episode. `disabled` and `same-step` are not offered; `options.resetMask` throws.
 * - **Random numbers**: one stream for all, drawn a column at a time as Gymnasium draws them. So one seed starts other
 *   episodes here than in a `SyncVectorEnv`, but the same as in Gymnasium's `CartPoleVectorEnv`.
 * - The reset options `low` and `high` hold until the next call of `reset`.
 *
 * Source: Gymnasium's CartPoleVectorEnv.
 */
export class CartPoleVectorEnv extends VectorEnv<Float32Array, Int32Array> {
  static readonly metadata: VectorEnvMetadata = { renderModes: [], renderFps: 50, autoresetMode: 'next-step' };

  override readonly metadata: VectorEnvMetadata = CartPoleVectorEnv.metadata;
  override readonly renderMode: string | null;
  readonly numEnvs: number;
  /** Steps after which an episode is truncated; Infinity for never. */
  readonly maxEpisodeSteps: number;
  readonly suttonBartoReward: boolean;
  readonly singleObservationSpace: Box = cartPoleObservationSpace();
  readonly singleActionSpace: Discrete = new Discrete(2);
  readonly observationSpace: Box;
  readonly actionSpace: MultiDiscrete;

  #started = false;
  #low = 0;
  #high = 0;
  /** `[numEnvs, 4]`: x, xDot, theta, thetaDot. */
  readonly #states: Float64Array;
  /** Steps taken in each episode. */
  readonly #steps: Int32Array;
  /** The first `#endedCount` entries are the cart-poles whose episodes the last step ended, in order. */
  readonly #ended: Int32Array;
  #endedCount = 0;
  readonly #uniform: Float64Array;

  constructor(options: CartPoleVectorOptions = {}) {
    super();
    const { numEnvs = 1, maxEpisodeSteps = 500, suttonBartoReward = false, renderMode = null } = options;
    if (!(Number.isInteger(numEnvs) && numEnvs > 0)) {
      throw new RangeError(`CartPoleVectorEnv: numEnvs must be a positive integer but is ${numEnvs}`);
    }
    this.numEnvs = numEnvs;
    this.maxEpisodeSteps = maxEpisodeSteps === -1 ? Number.POSITIVE_INFINITY : maxEpisodeSteps;
    this.suttonBartoReward = suttonBartoReward;
    this.renderMode = checkedRenderMode('CartPoleVectorEnv', renderMode, this.metadata);
    this.observationSpace = batchSpace(this.singleObservationSpace, numEnvs);
    this.actionSpace = batchSpace(this.singleActionSpace, numEnvs);
    this.#states = new Float64Array(4 * numEnvs);
    this.#steps = new Int32Array(numEnvs);
    this.#ended = new Int32Array(numEnvs);
    this.#uniform = new Float64Array(4 * numEnvs);
  }

  override reset({ seed, options }: VectorResetOptions = {}): VectorResetResult<Float32Array> {
    if (typeof seed === 'object') {
      throw new TypeError('CartPoleVectorEnv: all cart-poles share one random stream; pass one seed instead of a list');
    }
    if (options?.resetMask !== undefined) {
      throw new TypeError(
        'CartPoleVectorEnv: resetMask is not supported; episodes that ended are reset by the next step',
      );
    }
    this.seedFrom(seed);
    [this.#low, this.#high] = resetBounds({ options }, -0.05, 0.05);
    const observations = new Float32Array(4 * this.numEnvs);
    for (let i = 0; i < this.numEnvs; i++) this.#ended[i] = i;
    this.#restart(this.numEnvs, observations);
    this.#steps.fill(0);
    this.#endedCount = 0;
    this.#started = true;
    return [observations, {}];
  }

  override step(actions: ArrayLike<number>): VectorStepResult<Float32Array> {
    this.#checkActions(actions);
    if (!this.#started) throw resetFirst('CartPoleVectorEnv');
    const { numEnvs, maxEpisodeSteps } = this;
    const states = this.#states;
    const steps = this.#steps;
    const ended = this.#ended;
    const observations = new Float32Array(4 * numEnvs);
    // Of one piece of memory: allocation is a good part of a step's cost.
    const memory = new ArrayBuffer(10 * numEnvs);
    const rewards = new Float64Array(memory, 0, numEnvs);
    const terminations = new Uint8Array(memory, 8 * numEnvs, numEnvs);
    const truncations = new Uint8Array(memory, 9 * numEnvs, numEnvs);

    // This loop touches few arrays and has no branch that the processor is likely to mistake. For that it also moves the
    // cart-poles whose episodes are over, which get their new states below.
    for (let i = 0, offset = 0; i < numEnvs; i++, offset += 4) {
      const failed = advance(states, observations, offset, actions[i] * (2 * FORCE) - FORCE);
      terminations[i] = failed ? 1 : 0;
    }
    if (!this.suttonBartoReward) rewards.fill(1);
    else for (let i = 0; i < numEnvs; i++) rewards[i] = terminations[i] === 1 ? -1 : 0;

    this.#restart(this.#endedCount, observations);
    for (let k = 0; k < this.#endedCount; k++) {
      const i = ended[k];
      steps[i] = -1;
      rewards[i] = 0;
      terminations[i] = 0;
    }

    let endedCount = 0;
    for (let i = 0; i < numEnvs; i++) {
      const truncated = ++steps[i] >= maxEpisodeSteps;
      if (truncated) truncations[i] = 1;
      if (truncated || terminations[i] === 1) ended[endedCount++] = i;
    }
    this.#endedCount = endedCount;
    return [observations, rewards, terminations, truncations, {}];
  }

  /** Draws new states for the first `count` cart-poles of `#ended`, a column at a time: NumPy's `uniform(low, high, (4, count))`. */
  #restart(count: number, observations: Float32Array): void {
    if (count === 0) return;
    const uniform = this.npRandom.fillUniform(this.#uniform.subarray(0, 4 * count));
    const states = this.#states;
    const low = this.#low;
    const span = this.#high - low;
    for (let k = 0; k < count; k++) {
      const offset = 4 * this.#ended[k];
      for (let column = 0; column < 4; column++) {
        states[offset + column] = low + span * uniform[column * count + k];
        observations[offset + column] = states[offset + column];
      }
    }
  }

  #checkActions(actions: ArrayLike<number>): void {
    if (actions?.length !== this.numEnvs) throw invalidAction('CartPoleVectorEnv', actions, this.actionSpace);
    for (let i = 0; i < actions.length; i++) {
      if ((actions[i] & 1) !== actions[i]) {
        throw invalidAction(`CartPoleVectorEnv: cart-pole ${i}`, actions[i], this.singleActionSpace);
      }
    }
  }
}
