// Acrobot: swing a two-link arm up by its elbow.

import { checkedRenderMode, invalidAction, resetFirst } from '../checks.ts';
import type { EnvMetadata, ResetOptions, ResetResult, StepResult } from '../env.ts';
import { acrobotDrawing, type AcrobotPicture } from '../rendering/acrobot.ts';
import type { Drawing } from '../rendering/drawing.ts';
import { DrawnEnv } from '../rendering/drawn-env.ts';
import { Box, Discrete } from '../spaces/index.ts';
import { resetBounds } from './reset-bounds.ts';

/** Seconds between two states. */
const TIME_STEP = 0.2;
/** Of both links: length (m), mass (kg), distance of the centre of mass from the joint (m), moment of inertia (kg m^2). */
const LENGTH = 1;
const MASS = 1;
const CENTER = 0.5;
const INERTIA = 1;
const GRAVITY = 9.8;
const MAX_VELOCITY_1 = 4 * Math.PI;
const MAX_VELOCITY_2 = 9 * Math.PI;

/** What Acrobot may be made with. */
export interface AcrobotOptions {
  /** `rgb_array` draws pictures, `human` shows them in the browser. Default null. */
  readonly renderMode?: string | null | undefined;
}

/**
 * Two links hang in a chain from a fixed point; a motor sits in the joint between them. Swing the free end up, over the
 * height of one link above the fixed point.
 *
 * - **Action** `Discrete(3)`: torque -1, 0 or 1 N m on the joint, held for 0.2 s.
 * - **Observation** float32 `[6]`: cosine and sine of the first link's angle (0 hangs down), cosine and sine of the second's
 *   relative to the first, and both angular velocities, clipped to 4 pi and 9 pi rad/s.
 * - **Reward** -1 for each step, 0 for the one that reaches the height.
 * - **Terminated** when `-cos(theta1) - cos(theta1 + theta2) > 1`. Acrobot-v1 is truncated after 500 steps.
 * - **Start** angles and velocities uniform in [-0.1, 0.1]; the reset options `low` and `high` set other bounds.
 *
 * Source: Sutton 1996, "Generalization in Reinforcement Learning: Successful Examples Using Sparse Coarse Coding";
 * Sutton and Barto, "Reinforcement Learning: An Introduction"; Gymnasium's Acrobot-v1, integrated by the same fourth-order
 * Runge-Kutta step.
 */
export class AcrobotEnv extends DrawnEnv<Float32Array, number, AcrobotPicture> {
  static readonly metadata: EnvMetadata = { renderModes: ['human', 'rgb_array'], renderFps: 15 };

  override readonly metadata: EnvMetadata = AcrobotEnv.metadata;
  override readonly renderMode: string | null;
  override readonly drawing: Drawing<AcrobotPicture> = acrobotDrawing;
  readonly observationSpace: Box = new Box({
    low: Float32Array.of(-1, -1, -1, -1, -MAX_VELOCITY_1, -MAX_VELOCITY_2),
    high: Float32Array.of(1, 1, 1, 1, MAX_VELOCITY_1, MAX_VELOCITY_2),
  });
  readonly actionSpace: Discrete = new Discrete(3);

  /** The equations of Sutton and Barto's book, or those printed in the paper, which lack a term. Default `book`. */
  bookOrNips: 'book' | 'nips' = 'book';
  /** The greatest noise added to a torque, in N m. Default 0. */
  torqueNoiseMax = 0;

  #started = false;
  #theta1 = 0;
  #theta2 = 0;
  #velocity1 = 0;
  #velocity2 = 0;
  // What accelerations() found: a return value would be an allocation.
  #acceleration1 = 0;
  #acceleration2 = 0;

  constructor({ renderMode = null }: AcrobotOptions = {}) {
    super();
    this.renderMode = checkedRenderMode('Acrobot', renderMode, this.metadata);
  }

  /** `[theta1, theta2, velocity1, velocity2]` in full precision; null before the first reset. May be set. */
  get state(): readonly [theta1: number, theta2: number, velocity1: number, velocity2: number] | null {
    return this.#started ? [this.#theta1, this.#theta2, this.#velocity1, this.#velocity2] : null;
  }

  set state(state: readonly [theta1: number, theta2: number, velocity1: number, velocity2: number]) {
    [this.#theta1, this.#theta2, this.#velocity1, this.#velocity2] = state;
    this.#started = true;
  }

  override saveState() {
    return { state: this.state, random: this.npRandom.state };
  }

  override loadState({ state, random }: ReturnType<AcrobotEnv['saveState']>): void {
    if (state !== null) this.state = state;
    this.#started = state !== null;
    this.npRandom.state = random;
  }

  /** The two links, for the picture. */
  override renderState(): AcrobotPicture | null {
    return this.#started ? { theta1: this.#theta1, theta2: this.#theta2 } : null;
  }

  override reset(options?: ResetOptions): ResetResult<Float32Array> {
    this.seedFrom(options);
    const [low, high] = resetBounds(options, -0.1, 0.1);
    const random = this.npRandom;
    // Gymnasium keeps the start state in float32.
    this.#theta1 = Math.fround(random.uniform(low, high));
    this.#theta2 = Math.fround(random.uniform(low, high));
    this.#velocity1 = Math.fround(random.uniform(low, high));
    this.#velocity2 = Math.fround(random.uniform(low, high));
    this.#started = true;
    this.showHuman();
    return [this.#observation(), {}];
  }

  override step(action: number): StepResult<Float32Array> {
    if (action !== 0 && action !== 1 && action !== 2) throw invalidAction('Acrobot', action, this.actionSpace);
    if (!this.#started) throw resetFirst('Acrobot');
    let torque = action - 1;
    if (this.torqueNoiseMax > 0) torque += this.npRandom.uniform(-this.torqueNoiseMax, this.torqueNoiseMax);
    this.#integrate(torque);
    const terminated = -Math.cos(this.#theta1) - Math.cos(this.#theta2 + this.#theta1) > 1;
    this.showHuman();
    return [this.#observation(), terminated ? 0 : -1, terminated, false, {}];
  }

  /** One Runge-Kutta step of fourth order over the state (p, q, u, v) = (theta1, theta2, velocity1, velocity2). */
  #integrate(torque: number): void {
    const half = TIME_STEP / 2;
    const p = this.#theta1;
    const q = this.#theta2;
    const u1 = this.#velocity1;
    const v1 = this.#velocity2;
    this.#accelerations(p, q, u1, v1, torque);
    const a1 = this.#acceleration1;
    const b1 = this.#acceleration2;
    const u2 = u1 + half * a1;
    const v2 = v1 + half * b1;
    this.#accelerations(p + half * u1, q + half * v1, u2, v2, torque);
    const a2 = this.#acceleration1;
    const b2 = this.#acceleration2;
    const u3 = u1 + half * a2;
    const v3 = v1 + half * b2;
    this.#accelerations(p + half * u2, q + half * v2, u3, v3, torque);
    const a3 = this.#acceleration1;
    const b3 = this.#acceleration2;
    const u4 = u1 + TIME_STEP * a3;
    const v4 = v1 + TIME_STEP * b3;
    this.#accelerations(p + TIME_STEP * u3, q + TIME_STEP * v3, u4, v4, torque);
    const sixth = TIME_STEP / 6;
    this.#theta1 = wrapped(p + sixth * (u1 + 2 * u2 + 2 * u3 + u4));
    this.#theta2 = wrapped(q + sixth * (v1 + 2 * v2 + 2 * v3 + v4));
    const velocity1 = u1 + sixth * (a1 + 2 * a2 + 2 * a3 + this.#acceleration1);
    const velocity2 = v1 + sixth * (b1 + 2 * b2 + 2 * b3 + this.#acceleration2);
    this.#velocity1 = Math.min(Math.max(velocity1, -MAX_VELOCITY_1), MAX_VELOCITY_1);
    this.#velocity2 = Math.min(Math.max(velocity2, -MAX_VELOCITY_2), MAX_VELOCITY_2);
  }

  /** The equations of motion, with the names of Sutton and Barto's book (d1, d2, phi1, phi2). */
  #accelerations(theta1: number, theta2: number, velocity1: number, velocity2: number, torque: number): void {
    const cos2 = Math.cos(theta2);
    const sin2 = Math.sin(theta2);
    const coupling = MASS * LENGTH * CENTER;
    const d1 =
      MASS * CENTER * CENTER +
      MASS * (LENGTH * LENGTH + CENTER * CENTER + 2 * LENGTH * CENTER * cos2) +
      INERTIA +
      INERTIA;
    const d2 = MASS * (CENTER * CENTER + LENGTH * CENTER * cos2) + INERTIA;
    const phi2 = MASS * CENTER * GRAVITY * Math.cos(theta1 + theta2 - Math.PI / 2);
    const phi1 =
      -coupling * (velocity2 * velocity2) * sin2 -
      2 * coupling * velocity2 * velocity1 * sin2 +
      (MASS * CENTER + MASS * LENGTH) * GRAVITY * Math.cos(theta1 - Math.PI / 2) +
      phi2;
    const missingInPaper = this.bookOrNips === 'book' ? coupling * (velocity1 * velocity1) * sin2 : 0;
    this.#acceleration2 =
      (torque + (d2 / d1) * phi1 - missingInPaper - phi2) / (MASS * CENTER * CENTER + INERTIA - (d2 * d2) / d1);
    this.#acceleration1 = -(d2 * this.#acceleration2 + phi1) / d1;
  }

  #observation(): Float32Array {
    const observation = new Float32Array(6);
    observation[0] = Math.cos(this.#theta1);
    observation[1] = Math.sin(this.#theta1);
    observation[2] = Math.cos(this.#theta2);
    observation[3] = Math.sin(this.#theta2);
    observation[4] = this.#velocity1;
    observation[5] = this.#velocity2;
    return observation;
  }
}

/** The same angle in [-pi, pi]. */
function wrapped(angle: number): number {
  let result = angle;
  while (result > Math.PI) result -= 2 * Math.PI;
  while (result < -Math.PI) result += 2 * Math.PI;
  return result;
}
