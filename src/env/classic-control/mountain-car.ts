// MountainCar: rock a weak car out of a valley.

import { checkedRenderMode, invalidAction, resetFirst } from '../checks.ts';
import type { EnvMetadata, ResetOptions, ResetResult, StepResult } from '../env.ts';
import type { Drawing } from '../rendering/drawing.ts';
import { DrawnEnv } from '../rendering/drawn-env.ts';
import { mountainCarDrawing, type MountainCarPicture } from '../rendering/mountain-car.ts';
import { Box, Discrete } from '../spaces/index.ts';
import { resetBounds } from './reset-bounds.ts';

const MIN_POSITION = -1.2;
const MAX_POSITION = 0.6;
const MAX_SPEED = 0.07;
const GOAL_POSITION = 0.5;
const FORCE = 0.001;
const GRAVITY = 0.0025;

/** What MountainCar may be made with. */
export interface MountainCarOptions {
  /** The least velocity with which the goal counts as reached. Default 0. */
  readonly goalVelocity?: number | undefined;
  /** `rgb_array` draws pictures, `human` shows them in the browser. Default null. */
  readonly renderMode?: string | null | undefined;
}

/**
 * A car stands in a valley, too weak to drive up the right hill at once: swing up to the flag.
 *
 * - **Action** `Discrete(3)`: 0 accelerates to the left, 1 not at all, 2 to the right.
 * - **Observation** float32 `[2]`: position in [-1.2, 0.6], velocity in [-0.07, 0.07].
 * - **Motion** `velocity += (action - 1) * 0.001 - 0.0025 * cos(3 * position)`, `position += velocity`, both clipped to
 *   their ranges; the left wall stops the car.
 * - **Reward** -1 for each step.
 * - **Terminated** at position 0.5 or beyond with at least `goalVelocity`. MountainCar-v0 is truncated after 200 steps.
 * - **Start** position uniform in [-0.6, -0.4], velocity 0; the reset options `low` and `high` set other bounds.
 *
 * Source: Moore 1990, "Efficient Memory-based Learning for Robot Control"; Gymnasium's MountainCar-v0.
 */
export class MountainCarEnv extends DrawnEnv<Float32Array, number, MountainCarPicture> {
  static readonly metadata: EnvMetadata = { renderModes: ['human', 'rgb_array'], renderFps: 30 };

  override readonly metadata: EnvMetadata = MountainCarEnv.metadata;
  override readonly renderMode: string | null;
  override readonly drawing: Drawing<MountainCarPicture> = mountainCarDrawing;
  readonly observationSpace: Box = new Box({
    low: Float32Array.of(MIN_POSITION, -MAX_SPEED),
    high: Float32Array.of(MAX_POSITION, MAX_SPEED),
  });
  readonly actionSpace: Discrete = new Discrete(3);
  readonly goalVelocity: number;

  #started = false;
  #position = 0;
  #velocity = 0;

  constructor({ goalVelocity = 0, renderMode = null }: MountainCarOptions = {}) {
    super();
    this.goalVelocity = goalVelocity;
    this.renderMode = checkedRenderMode('MountainCar', renderMode, this.metadata);
  }

  /** `[position, velocity]` in full precision; null before the first reset. May be set. */
  get state(): readonly [position: number, velocity: number] | null {
    return this.#started ? [this.#position, this.#velocity] : null;
  }

  set state(state: readonly [position: number, velocity: number]) {
    [this.#position, this.#velocity] = state;
    this.#started = true;
  }

  override saveState() {
    return { state: this.state, random: this.npRandom.state };
  }

  override loadState({ state, random }: ReturnType<MountainCarEnv['saveState']>): void {
    if (state !== null) this.state = state;
    this.#started = state !== null;
    this.npRandom.state = random;
  }

  /** The car, for the picture. */
  override renderState(): MountainCarPicture | null {
    return this.#started ? { position: this.#position } : null;
  }

  override reset(options?: ResetOptions): ResetResult<Float32Array> {
    this.seedFrom(options);
    const [low, high] = resetBounds(options, -0.6, -0.4);
    this.#position = this.npRandom.uniform(low, high);
    this.#velocity = 0;
    this.#started = true;
    this.showHuman();
    return [this.#observation(), {}];
  }

  override step(action: number): StepResult<Float32Array> {
    if (action !== 0 && action !== 1 && action !== 2) throw invalidAction('MountainCar', action, this.actionSpace);
    if (!this.#started) throw resetFirst('MountainCar');
    let velocity = this.#velocity + ((action - 1) * FORCE + Math.cos(3 * this.#position) * -GRAVITY);
    velocity = Math.min(Math.max(velocity, -MAX_SPEED), MAX_SPEED);
    const position = Math.min(Math.max(this.#position + velocity, MIN_POSITION), MAX_POSITION);
    if (position === MIN_POSITION && velocity < 0) velocity = 0;
    this.#position = position;
    this.#velocity = velocity;
    const terminated = position >= GOAL_POSITION && velocity >= this.goalVelocity;
    this.showHuman();
    return [this.#observation(), -1, terminated, false, {}];
  }

  #observation(): Float32Array {
    const observation = new Float32Array(2);
    observation[0] = this.#position;
    observation[1] = this.#velocity;
    return observation;
  }
}
