// CartPole: balance a pole on a cart by pushing the cart left or right.

import { checkedRenderMode, invalidAction, resetFirst } from '../checks.ts';
import type { EnvMetadata, ResetOptions, ResetResult, StepResult } from '../env.ts';
import { cartPoleDrawing, type CartPolePicture } from '../rendering/cartpole.ts';
import type { Drawing } from '../rendering/drawing.ts';
import { DrawnEnv } from '../rendering/drawn-env.ts';
import { type Box, Discrete } from '../spaces/index.ts';
import { warn } from '../warnings.ts';
import { advance, cartPoleObservationSpace, FORCE } from './cartpole-physics.ts';
import { resetBounds } from './reset-bounds.ts';

/** What CartPole may be made with. */
export interface CartPoleOptions {
  /** Rewards 0 a step and -1 for the fall, as in the paper, instead of 1 a step. Default false. */
  readonly suttonBartoReward?: boolean | undefined;
  /** `rgb_array` draws pictures, `human` shows them in the browser. Default null. */
  readonly renderMode?: string | null | undefined;
}

/**
 * A pole stands on a cart, by a joint without a motor; the cart runs on a track without friction. Keep the pole up.
 *
 * - **Action** `Discrete(2)`: 0 pushes the cart to the left, 1 to the right, with 10 N for 0.02 s.
 * - **Observation** float32 `[4]`: cart position (m), cart velocity (m/s), pole angle (rad), pole angular velocity (rad/s).
 *   The space goes to twice the limits that end an episode: 4.8 m and 24 degrees.
 * - **Reward** 1 for each step, the last one included; with `suttonBartoReward` 0 for each step and -1 for the last.
 * - **Terminated** when the pole leans more than 12 degrees or the cart is more than 2.4 m from the middle. Steps
 *   beyond that earn 0 (-1 with `suttonBartoReward`). CartPole-v1 is truncated after 500 steps, CartPole-v0 after 200.
 * - **Start** all four numbers uniform in [-0.05, 0.05]; the reset options `low` and `high` set other bounds.
 *
 * Source: Barto, Sutton and Anderson 1983, "Neuronlike Adaptive Elements That Can Solve Difficult Learning Control
 * Problems"; Gymnasium's CartPole-v1, whose seeded episodes it repeats.
 */
export class CartPoleEnv extends DrawnEnv<Float32Array, number, CartPolePicture> {
  static readonly metadata: EnvMetadata = { renderModes: ['human', 'rgb_array'], renderFps: 50 };

  override readonly metadata: EnvMetadata = CartPoleEnv.metadata;
  override readonly renderMode: string | null;
  override readonly drawing: Drawing<CartPolePicture> = cartPoleDrawing;
  readonly observationSpace: Box = cartPoleObservationSpace();
  readonly actionSpace: Discrete = new Discrete(2);
  readonly suttonBartoReward: boolean;

  readonly #state = new Float64Array(4);
  #started = false;
  #stepsAfterFall = 0;

  constructor({ suttonBartoReward = false, renderMode = null }: CartPoleOptions = {}) {
    super();
    this.suttonBartoReward = suttonBartoReward;
    this.renderMode = checkedRenderMode('CartPole', renderMode, this.metadata);
  }

  /** `[x, xDot, theta, thetaDot]` in full precision; null before the first reset. May be set. */
  get state(): readonly [x: number, xDot: number, theta: number, thetaDot: number] | null {
    if (!this.#started) return null;
    const [x, xDot, theta, thetaDot] = this.#state;
    return [x, xDot, theta, thetaDot];
  }

  set state(state: readonly [x: number, xDot: number, theta: number, thetaDot: number]) {
    this.#state.set(state);
    this.#started = true;
    this.#stepsAfterFall = 0;
  }

  override saveState() {
    return { state: this.state, stepsAfterFall: this.#stepsAfterFall, random: this.npRandom.state };
  }

  override loadState({ state, stepsAfterFall, random }: ReturnType<CartPoleEnv['saveState']>): void {
    if (state !== null) this.state = state;
    this.#started = state !== null;
    this.#stepsAfterFall = stepsAfterFall;
    this.npRandom.state = random;
  }

  /** The cart and the pole, for the picture. */
  override renderState(): CartPolePicture | null {
    return this.#started ? { x: this.#state[0], theta: this.#state[2] } : null;
  }

  override reset(options?: ResetOptions): ResetResult<Float32Array> {
    this.seedFrom(options);
    const [low, high] = resetBounds(options, -0.05, 0.05);
    const random = this.npRandom;
    for (let i = 0; i < 4; i++) this.#state[i] = random.uniform(low, high);
    this.#started = true;
    this.#stepsAfterFall = 0;
    this.showHuman();
    return [new Float32Array(this.#state), {}];
  }

  override step(action: number): StepResult<Float32Array> {
    // Neither the check nor the force branches on what the action is, which the processor could not predict.
    if ((action & 1) !== action) throw invalidAction('CartPole', action, this.actionSpace);
    if (!this.#started) throw resetFirst('CartPole');
    const observation = new Float32Array(4);
    const terminated = advance(this.#state, observation, 0, action * (2 * FORCE) - FORCE);
    let reward = this.suttonBartoReward ? 0 : 1;
    if (terminated) {
      if (this.suttonBartoReward) reward = -1;
      else if (this.#stepsAfterFall > 0) reward = 0;
      if (this.#stepsAfterFall === 1) warn('CartPole: step was called after the pole had fallen; call reset');
      this.#stepsAfterFall++;
    }
    this.showHuman();
    return [observation, reward, terminated, false, {}];
  }
}
