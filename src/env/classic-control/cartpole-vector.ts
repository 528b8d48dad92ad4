// Many CartPoles stepped as one, by a small WebAssembly program.

import type { GeneratorState } from '../../random/index.ts';
import { checkedRenderMode, invalidAction, resetFirst } from '../checks.ts';
import { cartPoleDrawing } from '../rendering/cartpole.ts';
import { drawFrame, type Frame } from '../rendering/frame.ts';
import { type Box, batchSpace, Discrete, type MultiDiscrete } from '../spaces/index.ts';
import {
  VectorEnv,
  type VectorEnvMetadata,
  type VectorResetOptions,
  type VectorResetResult,
  type VectorStepResult,
} from '../vector/vector-env.ts';
import type { CartPoleOptions } from './cartpole.ts';
import { CartPoleKernel } from './cartpole-kernel.ts';
import { cartPoleObservationSpace } from './cartpole-physics.ts';
import { resetBounds } from './reset-bounds.ts';

/** What the vector of CartPoles may be made with. */
export interface CartPoleVectorOptions extends CartPoleOptions {
  /** How many cart-poles. Default 1. */
  readonly numEnvs?: number | undefined;
  /** Steps after which an episode is truncated; -1 for never. Default 500. */
  readonly maxEpisodeSteps?: number | undefined;
}

/** How a {@link CartPoleVectorEnv} stands; plain data, for checkpoints. */
export interface CartPoleVectorState {
  /** The memory of the program that steps them. */
  readonly content: Uint8Array;
  /** Of the states that episodes begin in. */
  readonly bounds: readonly [low: number, high: number];
  readonly started: boolean;
  readonly endedCount: number;
  readonly random: GeneratorState;
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
  static readonly metadata: VectorEnvMetadata = {
    renderModes: ['rgb_array'],
    renderFps: 50,
    autoresetMode: 'next-step',
  };

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
  readonly #kernel: CartPoleKernel;
  /** How many episodes the last step ended. */
  #endedCount = 0;

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
    this.#kernel = new CartPoleKernel({
      numEnvs,
      maxEpisodeSteps: this.maxEpisodeSteps,
      stepReward: suttonBartoReward ? 0 : 1,
      fallReward: suttonBartoReward ? -1 : 1,
    });
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
    const kernel = this.#kernel;
    for (let i = 0; i < this.numEnvs; i++) kernel.ended[i] = i;
    this.#draw(this.numEnvs);
    kernel.restart(this.numEnvs, this.#low, this.#high - this.#low);
    this.#endedCount = 0;
    this.#started = true;
    const [observations] = kernel.results();
    return [observations, {}];
  }

  override step(actions: ArrayLike<number>): VectorStepResult<Float32Array> {
    const kernel = this.#kernel;
    this.#takeActions(actions);
    if (!this.#started) throw resetFirst('CartPoleVectorEnv');
    this.#draw(this.#endedCount);
    this.#endedCount = kernel.step(this.#endedCount, this.#low, this.#high - this.#low);
    const [observations, rewards, terminations, truncations] = kernel.results();
    return [observations, rewards, terminations, truncations, {}];
  }

  override saveState(): CartPoleVectorState {
    return {
      content: this.#kernel.content,
      bounds: [this.#low, this.#high],
      started: this.#started,
      endedCount: this.#endedCount,
      random: this.npRandom.state,
    };
  }

  override loadState({ content, bounds: [low, high], started, endedCount, random }: CartPoleVectorState): void {
    this.#kernel.content = content;
    this.#low = low;
    this.#high = high;
    this.#started = started;
    this.#endedCount = endedCount;
    this.npRandom.state = random;
  }

  /** In mode `rgb_array` a {@link Frame} of each cart-pole, else and before the first reset null. */
  override render(): readonly Frame[] | null {
    if (this.renderMode === null || !this.#started) return null;
    const [xs, , thetas] = this.#kernel.states;
    return Array.from({ length: this.numEnvs }, (_, i) => drawFrame(cartPoleDrawing, { x: xs[i], theta: thetas[i] }));
  }

  /** Draws what `count` new states need, a column at a time: NumPy's `uniform(low, high, (4, count))`. */
  #draw(count: number): void {
    if (count > 0) this.npRandom.fillUniform(this.#kernel.uniform.subarray(0, 4 * count));
  }

  #takeActions(actions: ArrayLike<number>): void {
    if (actions?.length !== this.numEnvs) throw invalidAction('CartPoleVectorEnv', actions, this.actionSpace);
    const taken = this.#kernel.actions;
    for (let i = 0; i < actions.length; i++) {
      const action = actions[i];
      if ((action & 1) !== action) {
        throw invalidAction(`CartPoleVectorEnv: cart-pole ${i}`, action, this.singleActionSpace);
      }
      taken[i] = action;
    }
  }
}
