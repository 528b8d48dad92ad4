// MountainCarContinuous: rock a weak car out of a valley, with little fuel.

import { checkedRenderMode, invalidAction, resetFirst } from '../checks.ts';
import type { EnvMetadata, ResetOptions, ResetResult, StepResult } from '../env.ts';
import type { Drawing } from '../rendering/drawing.ts';
import { DrawnEnv } from '../rendering/drawn-env.ts';
import { mountainCarContinuousDrawing, type MountainCarPicture } from '../rendering/mountain-car.ts';
import { Box } from '../spaces/index.ts';
import type { MountainCarOptions } from './mountain-car.ts';
import { resetBounds } from './reset-bounds.ts';

const MIN_POSITION = -1.2;
const MAX_POSITION = 0.6;
const MAX_SPEED = 0.07;
const GOAL_POSITION = 0.45;
const POWER = 0.0015;
const GRAVITY = 0.0025;

/**
 * {@link MountainCarEnv} with a motor that is driven smoothly, and fuel that costs.
 *
 * - **Action** float32 `[1]` in [-1, 1]: the force. Numbers beyond are clipped for the motion, yet paid for in full.
 * - **Observation** float32 `[2]`: position in [-1.2, 0.6], velocity in [-0.07, 0.07].
 * - **Motion** `velocity += 0.0015 * force - 0.0025 * cos(3 * position)`, `position += velocity`, both clipped to their
 *   ranges; the left wall stops the car. After each step the state is rounded to float32, as in Gymnasium.
 * - **Reward** `-0.1 * action^2` for each step, and 100 for the goal.
 * - **Terminated** at position 0.45 or beyond with at least `goalVelocity`. MountainCarContinuous-v0 is truncated after 999 steps.
 * - **Start** position uniform in [-0.6, -0.4], velocity 0; the reset options `low` and `high` set other bounds.
 *
 * Source: Moore 1990, "Efficient Memory-based Learning for Robot Control"; Gymnasium's MountainCarContinuous-v0.
 */
export class MountainCarContinuousEnv extends DrawnEnv<Float32Array, Float32Array, MountainCarPicture> {
  static readonly metadata: EnvMetadata = { renderModes: ['human', 'rgb_array'], renderFps: 30 };

  override readonly metadata: EnvMetadata = MountainCarContinuousEnv.metadata;
  override readonly renderMode: string | null;
  override readonly drawing: Drawing<MountainCarPicture> = mountainCarContinuousDrawing;
  readonly observationSpace: Box = new Box({
    low: Float32Array.of(MIN_POSITION, -MAX_SPEED),
    high: Float32Array.of(MAX_POSITION, MAX_SPEED),
  });
  readonly actionSpace: Box = new Box({ low: -1, high: 1, shape: [1] });
  readonly goalVelocity: number;

  #started = false;
  #position = 0;
  #velocity = 0;

  constructor({ goalVelocity = 0, renderMode = null }: MountainCarOptions = {}) {
    super();
    this.goalVelocity = goalVelocity;
    this.renderMode = checkedRenderMode('MountainCarContinuous', renderMode, this.metadata);
  }

  /** `[position, velocity]`; null before the first reset. May be set. */
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

  override loadState({ state, random }: ReturnType<MountainCarContinuousEnv['saveState']>): void {
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
    return [Float32Array.of(this.#position, this.#velocity), {}];
  }

  override step(action: Float32Array): StepResult<Float32Array> {
    const push = action?.length === 1 ? action[0] : undefined;
    if (typeof push !== 'number' || Number.isNaN(push)) {
      throw invalidAction('MountainCarContinuous', action, this.actionSpace);
    }
    if (!this.#started) throw resetFirst('MountainCarContinuous');
    const force = Math.min(Math.max(push, -1), 1);
    let velocity = this.#velocity + (force * POWER - GRAVITY * Math.cos(3 * this.#position));
    velocity = Math.min(Math.max(velocity, -MAX_SPEED), MAX_SPEED);
    const position = Math.min(Math.max(this.#position + velocity, MIN_POSITION), MAX_POSITION);
    if (position === MIN_POSITION && velocity < 0) velocity = 0;
    const terminated = position >= GOAL_POSITION && velocity >= this.goalVelocity;

    const observation = new Float32Array(2);
    observation[0] = position;
    observation[1] = velocity;
    this.#position = observation[0];
    this.#velocity = observation[1];
    this.showHuman();
    return [observation, (terminated ? 100 : 0) - push * push * 0.1, terminated, false, {}];
  }
}
