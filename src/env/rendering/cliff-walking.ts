// The picture of CliffWalking. Size, layout and colours: Gymnasium's CliffWalking-v1; the figures are our own.

import { type Drawing, type DrawingContext, hasNumbers } from './drawing.ts';
import { cookie, drawSprite, elf, stool } from './sprites.ts';

/** What a picture of CliffWalking shows. */
export interface CliffWalkingPicture {
  /** Where the player is: `row * 12 + column`. */
  readonly cell: number;
  /** 0 up, 1 right, 2 down, 3 left; null at the start of an episode. */
  readonly lastAction: number | null;
}

const ROWS = 4;
const COLUMNS = 12;
const TILE = 60;
const LOOKS = [elf.up, elf.right, elf.down, elf.left];
/** The two greens of the meadow, light and dark, by turns. */
const MEADOW = [
  { grass: 'rgb(118, 184, 111)', blades: 'rgb(110, 166, 103)', edge: 'rgb(91, 150, 97)' },
  { grass: 'rgb(113, 202, 80)', blades: 'rgb(105, 182, 74)', edge: 'rgb(86, 170, 69)' },
] as const;
/** Tufts and flowers on a tile of 40 by 40. */
const TUFTS = [
  [6, 5],
  [27, 3],
  [14, 12],
  [33, 21],
  [5, 24],
  [19, 29],
  [11, 35],
  [29, 34],
] as const;
const FLOWERS = [
  ['#fff3d6', 33, 15],
  ['#fff3d6', 16, 31],
  ['#fff3d6', 36, 3],
  ['#f7a072', 25, 15],
] as const;

export const cliffWalkingDrawing: Drawing<CliffWalkingPicture> = {
  fps: 4,
  size: () => ({ width: COLUMNS * TILE, height: ROWS * TILE }),
  accepts(state): state is CliffWalkingPicture {
    if (!hasNumbers(state, 'cell') || !('lastAction' in state)) return false;
    const { cell, lastAction } = state;
    if (!(cell >= 0 && cell < ROWS * COLUMNS)) return false;
    return lastAction === null || (typeof lastAction === 'number' && lastAction in LOOKS);
  },
  draw(context, { cell, lastAction }) {
    const { sprite, mirrored } = LOOKS[lastAction ?? 2];
    for (let row = 0; row < ROWS; row++) {
      for (let column = 0; column < COLUMNS; column++) {
        const onCliff = column > 0 && column < COLUMNS - 1;
        context.save();
        context.translate(column * TILE, row * TILE);
        context.scale(TILE / 40, TILE / 40);
        if (row === ROWS - 1 && onCliff) drawCliff(context);
        else drawMeadow(context, (row + column) % 2);
        if (row === ROWS - 2 && onCliff) drawBrink(context);
        if (row === ROWS - 1 && column === 0) drawSprite(context, stool, { x: 15, y: 15, pixel: 1.25 });
        if (row === ROWS - 1 && column === COLUMNS - 1) drawSprite(context, cookie, { x: 11, y: 12, pixel: 1 });
        if (row * COLUMNS + column === cell) drawSprite(context, sprite, { x: 12.5, y: 4.75, pixel: 1.25, mirrored });
        context.restore();
      }
    }
  },
};

function drawMeadow(context: DrawingContext, shade: number): void {
  const { grass, blades, edge } = MEADOW[shade];
  context.fillStyle = edge;
  context.fillRect(0, 0, 40, 40);
  context.fillStyle = grass;
  context.fillRect(1, 1, 38, 37);
  context.fillStyle = blades;
  for (const [x, y] of TUFTS) {
    context.fillRect(x, y, 3, 1);
    context.fillRect(x + 1, y - 1, 1, 2);
  }
  for (const [color, x, y] of FLOWERS) {
    context.fillStyle = color;
    context.fillRect(x, y, 2, 2);
  }
}

function drawCliff(context: DrawingContext): void {
  context.fillStyle = 'rgb(52, 24, 33)';
  context.fillRect(0, 0, 40, 40);
  context.fillStyle = 'rgb(112, 58, 63)';
  for (let x = 0; x < 40; x += 8) context.fillRect(x, 0, 7, 6 + (x % 3));
  context.fillStyle = 'rgb(124, 68, 73)';
  for (let x = 0; x < 40; x += 8) context.fillRect(x + 1, 0, 3, 4);
}

/** The edge of the meadow, above the cliff. */
function drawBrink(context: DrawingContext): void {
  context.fillStyle = 'rgb(52, 24, 33)';
  context.fillRect(0, 28, 40, 12);
  context.fillStyle = 'rgb(124, 68, 73)';
  context.fillRect(0, 29, 40, 11);
  context.fillStyle = 'rgb(145, 80, 77)';
  for (let x = 0; x < 40; x += 8) context.fillRect(x, 30, 6, 10);
  context.fillStyle = 'rgb(164, 92, 82)';
  for (let x = 0; x < 40; x += 8) context.fillRect(x + 1, 31, 3, 3);
}
