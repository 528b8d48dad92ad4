// The pictures of MountainCar and MountainCarContinuous. Sizes and colours: Gymnasium's.

import { type Drawing, hasNumbers } from './drawing.ts';
import { background, disc, type Point, polygon, polyline, turned, turnedRectangle, withYUp } from './shapes.ts';

/** What a picture of either MountainCar shows. */
export interface MountainCarPicture {
  /** Of the car: -1.2 to 0.6. */
  readonly position: number;
}

const WIDTH = 600;
const HEIGHT = 400;
const MIN_POSITION = -1.2;
const MAX_POSITION = 0.6;
const SCALE = WIDTH / (MAX_POSITION - MIN_POSITION);
const CAR_WIDTH = 40;
const CAR_HEIGHT = 20;
/** How far the car is drawn above the ground. */
const CLEARANCE = 10;
const FLAG_POLE = 50;
const GROUND = Array.from({ length: 100 }, (_, i): Point => {
  const position = MIN_POSITION + ((MAX_POSITION - MIN_POSITION) * i) / 99;
  return onGround(position);
});

/** Where a position is in the picture: the ground is a sine. */
function onGround(position: number): Point {
  return [(position - MIN_POSITION) * SCALE, (Math.sin(3 * position) * 0.45 + 0.55) * SCALE];
}

/** @param goal the position of the flag */
function drawingWithFlag(goal: number): Drawing<MountainCarPicture> {
  const [goalX, goalY] = onGround(goal).map(Math.trunc) as [number, number];
  const top = goalY + FLAG_POLE;
  return {
    fps: 30,
    size: () => ({ width: WIDTH, height: HEIGHT }),
    accepts: (state) => hasNumbers(state, 'position'),
    draw(context, { position }) {
      background(context, WIDTH, HEIGHT, '#fff');
      withYUp(context, HEIGHT, () => {
        polyline(context, GROUND, '#000');
        const [x, y] = onGround(position);
        const origin: Point = [x, y + CLEARANCE];
        const slope = Math.cos(3 * position);
        polygon(context, turnedRectangle([-CAR_WIDTH / 2, 0, CAR_WIDTH / 2, CAR_HEIGHT], slope, origin), '#000');
        for (const wheel of [CAR_WIDTH / 4, -CAR_WIDTH / 4]) {
          const [wheelX, wheelY] = turned([wheel, 0], slope, origin);
          disc(context, [Math.trunc(wheelX), Math.trunc(wheelY)], CAR_HEIGHT / 2.5, 'rgb(128, 128, 128)');
        }
        const pole = [
          [goalX, goalY],
          [goalX, top],
        ] as const;
        polyline(context, pole, '#000');
        const flag = [
          [goalX, top],
          [goalX, top - 10],
          [goalX + 25, top - 5],
        ] as const;
        polygon(context, flag, 'rgb(204, 204, 0)');
      });
    },
  };
}

export const mountainCarDrawing: Drawing<MountainCarPicture> = drawingWithFlag(0.5);

export const mountainCarContinuousDrawing: Drawing<MountainCarPicture> = drawingWithFlag(0.45);
