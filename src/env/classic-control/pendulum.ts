// Pendulum: swing a pendulum up and keep it there.

import { checkedRenderMode, invalidAction, resetFirst } from '../checks.ts';
import type { EnvMetadata, ResetOptions, ResetResult, StepResult } from '../env.ts';
import type { Drawing } from '../rendering/drawing.ts';
import { DrawnEnv } from '../rendering/drawn-env.ts';
import { pendulumDrawing, type PendulumPicture } from '../rendering/pendulum.ts';
import { Box } from '../spaces/index.ts';
import { numericOption } from './reset-bounds.ts';

const MAX_SPEED = 8;
const MAX_TORQUE = 2;
/** Seconds between two states. */
const TIME_STEP = 0.05;
const MASS = 1;
const LENGTH = 1;

/** What Pendulum may be made with. */
export interface PendulumOptions {
  /** Acceleration of gravity, in m/s^2. Default 10. */
  readonly g?: number | undefined;
  /** `rgb_array` draws pictures, `human` shows them in the browser. Default null. */
  readonly renderMode?: string | null | undefined;
}

/**
 * A pendulum hangs at a motor that cannot lift it at once: swing it up and hold it there.
 *
 * - **Action** float32 `[1]` in [-2, 2]: the torque (N m), counter-clockwise. Numbers beyond are clipped.
 * - **Observation** float32 `[3]`: cosine and sine of the angle (0 is upright), angular velocity in [-8, 8] (rad/s).
 * - **Reward** `-(angle^2 + 0.1 * angularVelocity^2 + 0.001 * torque^2)` with the angle in [-pi, pi): between -16.27 and 0.
 * - **Terminated** never. Pendulum-v1 is truncated after 200 steps.
 * - **Start** angle uniform in [-pi, pi], angular velocity in [-1, 1]; the reset options `x_init` and `y_init` set other bounds.
 *
 * Source: Gymnasium's Pendulum-v1.
 */
export class PendulumEnv extends DrawnEnv<Float32Array, Float32Array, PendulumPicture> {
  static readonly metadata: EnvMetadata = { renderModes: ['human', 'rgb_array'], renderFps: 30 };

  override readonly metadata: EnvMetadata = PendulumEnv.metadata;
  override readonly renderMode: string | null;
  override readonly drawing: Drawing<PendulumPicture> = pendulumDrawing;
  readonly observationSpace: Box = new Box({
    low: Float32Array.of(-1, -1, -MAX_SPEED),
    high: Float32Array.of(1, 1, MAX_SPEED),
  });
  readonly actionSpace: Box = new Box({ low: -MAX_TORQUE, high: MAX_TORQUE, shape: [1] });
  readonly g: number;

  #started = false;
  #theta = 0;
  #thetaDot = 0;
  #torque: number | null = null;

  constructor({ g = 10, renderMode = null }: PendulumOptions = {}) {
    super();
    this.g = g;
    this.renderMode = checkedRenderMode('Pendulum', renderMode, this.metadata);
  }

  /** `[theta, thetaDot]` in full precision; null before the first reset. May be set. */
  get state(): readonly [theta: number, thetaDot: number] | null {
    return this.#started ? [this.#theta, this.#thetaDot] : null;
  }

  set state(state: readonly [theta: number, thetaDot: number]) {
    [this.#theta, this.#thetaDot] = state;
    this.#started = true;
  }

  override saveState() {
    return { state: this.state, torque: this.#torque, random: this.npRandom.state };
  }

  override loadState({ state, torque, random }: ReturnType<PendulumEnv['saveState']>): void {
    if (state !== null) this.state = state;
    this.#started = state !== null;
    this.#torque = torque;
    this.npRandom.state = random;
  }

  /** The pendulum and the last torque, for the picture. */
  override renderState(): PendulumPicture | null {
    return this.#started ? { theta: this.#theta, torque: this.#torque } : null;
  }

  override reset(options?: ResetOptions): ResetResult<Float32Array> {
    this.seedFrom(options);
    const angle = numericOption(options, 'x_init', Math.PI);
    const speed = numericOption(options, 'y_init', 1);
    this.#theta = this.npRandom.uniform(-angle, angle);
    this.#thetaDot = this.npRandom.uniform(-speed, speed);
    this.#torque = null;
    this.#started = true;
    this.showHuman();
    return [this.#observation(), {}];
  }

  override step(action: Float32Array): StepResult<Float32Array> {
    const push = action?.length === 1 ? action[0] : undefined;
    if (typeof push !== 'number' || Number.isNaN(push)) throw invalidAction('Pendulum', action, this.actionSpace);
    if (!this.#started) throw resetFirst('Pendulum');
    const torque = Math.min(Math.max(push, -MAX_TORQUE), MAX_TORQUE);
    this.#torque = torque;
    const theta = this.#theta;
    const thetaDot = this.#thetaDot;
    const angle = normalizedAngle(theta);
    const cost = angle * angle + 0.1 * (thetaDot * thetaDot) + 0.001 * (torque * torque);
    const acceleration = ((3 * this.g) / (2 * LENGTH)) * Math.sin(theta) + (3 / (MASS * LENGTH * LENGTH)) * torque;
    this.#thetaDot = Math.min(Math.max(thetaDot + acceleration * TIME_STEP, -MAX_SPEED), MAX_SPEED);
    this.#theta = theta + this.#thetaDot * TIME_STEP;
    this.showHuman();
    return [this.#observation(), -cost, false, false, {}];
  }

  #observation(): Float32Array {
    const observation = new Float32Array(3);
    observation[0] = Math.cos(this.#theta);
    observation[1] = Math.sin(this.#theta);
    observation[2] = this.#thetaDot;
    return observation;
  }
}

/** The same angle in [-pi, pi). */
function normalizedAngle(angle: number): number {
  const turn = 2 * Math.PI;
  const rest = (angle + Math.PI) % turn;
  return (rest < 0 ? rest + turn : rest) - Math.PI;
}
