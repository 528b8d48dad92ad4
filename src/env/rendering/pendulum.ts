// The picture of Pendulum. Sizes and colours: Gymnasium's Pendulum-v1.

import { type Drawing, type DrawingContext, hasNumbers } from './drawing.ts';
import { background, disc, polygon, turned, turnedRectangle, withYUp } from './shapes.ts';

/** What a picture of Pendulum shows. */
export interface PendulumPicture {
  /** In radians; 0 is upright, and angles grow counter-clockwise. */
  readonly theta: number;
  /** That was applied last, in N m, counter-clockwise; null at the start of an episode. */
  readonly torque: number | null;
}

const SIZE = 500;
/** Pixels a metre. */
const SCALE = SIZE / 4.4;
const MIDDLE = SIZE / 2;
const HALF_WIDTH = 0.1 * SCALE;
const RED = 'rgb(204, 77, 77)';

export const pendulumDrawing: Drawing<PendulumPicture> = {
  fps: 30,
  size: () => ({ width: SIZE, height: SIZE }),
  accepts: (state): state is PendulumPicture =>
    hasNumbers(state, 'theta') && 'torque' in state && (state.torque === null || Number.isFinite(state.torque)),
  draw(context, { theta, torque }) {
    background(context, SIZE, SIZE, '#fff');
    withYUp(context, SIZE, () => {
      const angle = theta + Math.PI / 2;
      const middle = [MIDDLE, MIDDLE] as const;
      polygon(context, turnedRectangle([0, -HALF_WIDTH, SCALE, HALF_WIDTH], angle, middle), RED);
      disc(context, middle, Math.trunc(HALF_WIDTH), RED);
      const [endX, endY] = turned([SCALE, 0], angle, middle);
      disc(context, [Math.trunc(endX), Math.trunc(endY)], Math.trunc(HALF_WIDTH), RED);
      if (torque !== null && torque !== 0) arrow(context, torque);
      disc(context, middle, Math.trunc(0.05 * SCALE), '#000');
    });
  },
};

/** Three quarters of a circle around the axle, from the top in the torque's direction; as large as the torque is strong. */
function arrow(context: DrawingContext, torque: number): void {
  const size = (SCALE * Math.abs(torque)) / 2;
  context.save();
  context.translate(MIDDLE, MIDDLE);
  // From here on clockwise, in a square of size 1 around the axle, with y up.
  context.scale(torque > 0 ? -size : size, size);
  context.strokeStyle = '#000';
  context.fillStyle = '#000';
  context.lineWidth = 0.03;
  context.beginPath();
  context.ellipse(0.024, 0, 0.459, 0.484, 0, -Math.PI, Math.PI / 2);
  context.stroke();
  context.beginPath();
  context.moveTo(-0.436, 0.14);
  context.lineTo(-0.494, -0.035);
  context.lineTo(-0.436, 0.01);
  context.lineTo(-0.372, -0.035);
  context.closePath();
  context.fill();
  context.restore();
}
