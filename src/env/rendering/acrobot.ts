// The picture of Acrobot. Sizes and colours: Gymnasium's Acrobot-v1.

import { type Drawing, hasNumbers } from './drawing.ts';
import { background, disc, type Point, polygon, polyline, turnedRectangle, withYUp } from './shapes.ts';

/** What a picture of Acrobot shows, in radians. */
export interface AcrobotPicture {
  /** Of the first link; 0 hangs down. */
  readonly theta1: number;
  /** Of the second link, from the first. */
  readonly theta2: number;
}

const SIZE = 500;
/** Pixels a metre: two links of 1 m, and 0.2 m beyond. */
const SCALE = SIZE / 4.4;
const MIDDLE = SIZE / 2;
const HALF_WIDTH = 0.1 * SCALE;

export const acrobotDrawing: Drawing<AcrobotPicture> = {
  fps: 15,
  size: () => ({ width: SIZE, height: SIZE }),
  accepts: (state) => hasNumbers(state, 'theta1', 'theta2'),
  draw(context, { theta1, theta2 }) {
    background(context, SIZE, SIZE, '#fff');
    withYUp(context, SIZE, () => {
      // The height to reach.
      const goal = [
        [0, Math.trunc(SCALE + MIDDLE)],
        [SIZE, Math.trunc(SCALE + MIDDLE)],
      ] as const;
      polyline(context, goal, '#000');
      const elbow: Point = [Math.sin(theta1) * SCALE + MIDDLE, -Math.cos(theta1) * SCALE + MIDDLE];
      const links: readonly (readonly [joint: Point, angle: number])[] = [
        [[MIDDLE, MIDDLE], theta1],
        [elbow, theta1 + theta2],
      ];
      for (const [joint, angle] of links) {
        const link = turnedRectangle([0, -HALF_WIDTH, SCALE, HALF_WIDTH], angle - Math.PI / 2, joint);
        polygon(context, link, 'rgb(0, 204, 204)');
        const [x, y] = joint;
        disc(context, [Math.trunc(x), Math.trunc(y)], Math.trunc(HALF_WIDTH), 'rgb(204, 204, 0)');
      }
    });
  },
};
