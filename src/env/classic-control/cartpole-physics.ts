// The motion of a cart with a pole on it. The vector of CartPoles has it once more, in cartpole-kernel.wat: change both.

import { Box } from '../spaces/index.ts';
import { cosine, sine } from './sine-cosine.ts';

const GRAVITY = 9.8;
const CART_MASS = 1;
const POLE_MASS = 0.1;
const TOTAL_MASS = POLE_MASS + CART_MASS;
/** Products are several times faster than quotients, and differ from them in the last bit at most. */
const INVERSE_MASS = 1 / TOTAL_MASS;
/** Half of the pole's length, in metres. */
const HALF_LENGTH = 0.5;
const POLE_MASS_LENGTH = POLE_MASS * HALF_LENGTH;
/** Seconds between two states. */
const TIME_STEP = 0.02;

/** The push of one action, in newtons: this to the right, or as much to the left. */
export const FORCE = 10;
/** An episode ends when the cart's centre is farther from the middle than this, in metres. */
const POSITION_LIMIT = 2.4;
/** An episode ends when the pole leans more than this, in radians (12 degrees). */
const ANGLE_LIMIT = (12 * 2 * Math.PI) / 360;

/** `[4]`: twice the limits of position and angle, so that the last observation of an episode lies inside; velocities are unbounded. */
export function cartPoleObservationSpace(): Box {
  const high = Float32Array.of(POSITION_LIMIT * 2, Infinity, ANGLE_LIMIT * 2, Infinity);
  return new Box({ low: high.map((bound) => -bound), high });
}

/**
 * Moves the cart-pole whose state stands at `states[offset .. offset + 3]` (x, xDot, theta, thetaDot) by one time step under
 * `force` (newtons), by Euler's method, and copies the new state to the same place of `observations`. Returns whether it
 * has failed: the cart left the track or the pole fell.
 *
 * Source: Barto, Sutton and Anderson 1983; equations in Florian 2005, "Correct equations for the dynamics of the cart-pole system".
 */
export function advance(states: Float64Array, observations: Float32Array, offset: number, force: number): boolean {
  let x = states[offset];
  let xDot = states[offset + 1];
  let theta = states[offset + 2];
  let thetaDot = states[offset + 3];
  const sin = sine(theta);
  const cos = cosine(theta);
  const push = (force + POLE_MASS_LENGTH * (thetaDot * thetaDot) * sin) * INVERSE_MASS;
  const thetaAcceleration =
    (GRAVITY * sin - cos * push) / (HALF_LENGTH * (4 / 3 - POLE_MASS * INVERSE_MASS * (cos * cos)));
  const acceleration = push - POLE_MASS_LENGTH * INVERSE_MASS * thetaAcceleration * cos;
  x += TIME_STEP * xDot;
  xDot += TIME_STEP * acceleration;
  theta += TIME_STEP * thetaDot;
  thetaDot += TIME_STEP * thetaAcceleration;
  states[offset] = x;
  states[offset + 1] = xDot;
  states[offset + 2] = theta;
  states[offset + 3] = thetaDot;
  observations[offset] = x;
  observations[offset + 1] = xDot;
  observations[offset + 2] = theta;
  observations[offset + 3] = thetaDot;
  return Math.abs(x) > POSITION_LIMIT || Math.abs(theta) > ANGLE_LIMIT;
}
