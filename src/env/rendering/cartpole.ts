// The picture of CartPole. Sizes and colours: Gymnasium's CartPole-v1.

import { type Drawing, hasNumbers } from './drawing.ts';
import { background, disc, polygon, polyline, turnedRectangle, withYUp } from './shapes.ts';

/** What a picture of CartPole shows. */
export interface CartPolePicture {
  /** Of the cart, in metres from the middle of the track. */
  readonly x: number;
  /** Of the pole, in radians from upright, to the right. */
  readonly theta: number;
}

const WIDTH = 600;
const HEIGHT = 400;
/** Pixels a metre: the track is 4.8 m wide. */
const SCALE = WIDTH / 4.8;
const CART_WIDTH = 50;
const CART_HEIGHT = 30;
const CART_Y = 100;
const POLE_WIDTH = 10;
const POLE_LENGTH = SCALE;
/** Where the pole's joint sits above the middle of the cart. */
const AXLE = CART_HEIGHT / 4;

export const cartPoleDrawing: Drawing<CartPolePicture> = {
  fps: 50,
  size: () => ({ width: WIDTH, height: HEIGHT }),
  accepts: (state) => hasNumbers(state, 'x', 'theta'),
  draw(context, { x, theta }) {
    background(context, WIDTH, HEIGHT, '#fff');
    withYUp(context, HEIGHT, () => {
      const cartX = x * SCALE + WIDTH / 2;
      const half = POLE_WIDTH / 2;
      const cart = turnedRectangle([-CART_WIDTH / 2, -CART_HEIGHT / 2, CART_WIDTH / 2, CART_HEIGHT / 2], 0, [
        cartX,
        CART_Y,
      ]);
      polygon(context, cart, '#000');
      const pole = turnedRectangle([-half, -half, half, POLE_LENGTH - half], -theta, [cartX, CART_Y + AXLE]);
      polygon(context, pole, 'rgb(202, 152, 101)');
      disc(context, [Math.trunc(cartX), Math.trunc(CART_Y + AXLE)], half, 'rgb(129, 132, 203)');
      const track = [
        [-1, CART_Y],
        [WIDTH, CART_Y],
      ] as const;
      polyline(context, track, '#000');
    });
  },
};
