// Which environments can be drawn, and how. A web page may import this file and all that it imports.

import { acrobotDrawing } from './acrobot.ts';
import { blackjackDrawing } from './blackjack.ts';
import { cartPoleDrawing } from './cartpole.ts';
import { cliffWalkingDrawing } from './cliff-walking.ts';
import type { Drawing } from './drawing.ts';
import { frozenLakeDrawing } from './frozen-lake.ts';
import { mountainCarContinuousDrawing, mountainCarDrawing } from './mountain-car.ts';
import { pendulumDrawing } from './pendulum.ts';
import { taxiDrawing } from './taxi.ts';

/** The drawings of the built-in environments, by the environment's name: its id without the version. */
export const drawings: Readonly<Record<string, Drawing>> = {
  Acrobot: acrobotDrawing,
  Blackjack: blackjackDrawing,
  CartPole: cartPoleDrawing,
  CliffWalking: cliffWalkingDrawing,
  CliffWalkingSlippery: cliffWalkingDrawing,
  FrozenLake: frozenLakeDrawing,
  FrozenLake8x8: frozenLakeDrawing,
  MountainCar: mountainCarDrawing,
  MountainCarContinuous: mountainCarContinuousDrawing,
  Pendulum: pendulumDrawing,
  Taxi: taxiDrawing,
};

/** The drawing of an environment's id, such as `CartPole-v1`; undefined if it has none. */
export function drawingOf(envId: string): Drawing | undefined {
  const name = envId.replace(/-v\d+$/, '');
  return Object.hasOwn(drawings, name) ? drawings[name] : undefined;
}
