// The picture of FrozenLake. Size, layout and colours: Gymnasium's FrozenLake-v1; the figures are our own.

import { type Drawing, type DrawingContext, hasNumbers } from './drawing.ts';
import { drawSprite, elf, gift, stool } from './sprites.ts';

/** What a picture of FrozenLake shows. */
export interface FrozenLakePicture {
  /** The lake, a string of `S`, `F`, `H` and `G` for each row. */
  readonly desc: readonly string[];
  /** Where the player is: `row * columns + column`. */
  readonly cell: number;
  /** 0 left, 1 down, 2 right, 3 up; null at the start of an episode. */
  readonly lastAction: number | null;
}

const LOOKS = [elf.left, elf.down, elf.right, elf.up];

/** Snow drifts on a tile, of 32 by 32 pixels: shade, left, top, width, height. */
const DRIFTS: readonly (readonly [shade: 0 | 1, left: number, top: number, width: number, height: number])[] = [
  [0, 0, 1, 7, 2],
  [0, 4, 3, 5, 1],
  [1, 8, 1, 4, 1],
  [1, 18, 2, 6, 1],
  [0, 24, 4, 7, 1],
  [0, 21, 8, 6, 2],
  [0, 26, 10, 5, 3],
  [1, 14, 8, 6, 1],
  [0, 1, 12, 4, 3],
  [1, 3, 15, 6, 1],
  [0, 10, 11, 4, 3],
  [0, 13, 14, 8, 2],
  [1, 19, 13, 4, 1],
  [1, 24, 17, 6, 1],
  [0, 2, 20, 5, 3],
  [0, 5, 22, 8, 3],
  [1, 12, 20, 5, 1],
  [1, 17, 23, 5, 1],
  [0, 18, 26, 6, 2],
  [0, 23, 28, 7, 2],
  [1, 2, 28, 6, 1],
  [1, 11, 28, 4, 1],
];

export const frozenLakeDrawing: Drawing<FrozenLakePicture> = {
  fps: 4,
  size({ desc }) {
    return { width: Math.min(64 * desc[0].length, 512), height: Math.min(64 * desc.length, 512) };
  },
  accepts(state): state is FrozenLakePicture {
    if (!hasNumbers(state, 'cell') || !('desc' in state) || !('lastAction' in state)) return false;
    const { desc, cell, lastAction } = state;
    if (!Array.isArray(desc) || desc.length === 0 || desc.length > 1000) return false;
    const rows: readonly unknown[] = desc;
    if (!rows.every((row) => typeof row === 'string' && row.length === desc[0].length && row.length > 0)) return false;
    return cell >= 0 && cell < desc.length * desc[0].length && (lastAction === null || hasLook(lastAction));
  },
  draw(context, state) {
    const { desc, cell, lastAction } = state;
    const { width, height } = frozenLakeDrawing.size(state);
    const columns = desc[0].length;
    const tile = { width: Math.floor(width / columns), height: Math.floor(height / desc.length) };
    context.fillStyle = '#000';
    context.fillRect(0, 0, width, height);
    desc.forEach((row, i) => {
      [...row].forEach((kind, j) => {
        onTile(context, i, j, tile, () => drawTile(context, kind));
      });
    });
    const row = Math.floor(cell / columns);
    const column = cell % columns;
    onTile(context, row, column, tile, () => {
      if (desc[row][column] === 'H') drawCracks(context);
      else
        drawSprite(context, LOOKS[lastAction ?? 1].sprite, {
          x: 10,
          y: 7,
          pixel: 1,
          mirrored: LOOKS[lastAction ?? 1].mirrored,
        });
    });
  },
};

function hasLook(action: unknown): boolean {
  return typeof action === 'number' && action in LOOKS;
}

/** Draws in a tile's own pixels, 32 by 32. */
function onTile(
  context: DrawingContext,
  row: number,
  column: number,
  tile: { readonly width: number; readonly height: number },
  draw: () => void,
): void {
  context.save();
  context.translate(column * tile.width, row * tile.height);
  context.scale(tile.width / 32, tile.height / 32);
  draw();
  context.restore();
}

function drawTile(context: DrawingContext, kind: string): void {
  context.fillStyle = '#fff';
  context.fillRect(0, 0, 32, 32);
  for (const [shade, left, top, width, height] of DRIFTS) {
    context.fillStyle = shade === 0 ? 'rgb(204, 230, 255)' : 'rgb(235, 245, 249)';
    context.fillRect(left, top, width, height);
  }
  if (kind === 'H') drawHole(context);
  else if (kind === 'G') drawSprite(context, gift, { x: 7, y: 7, pixel: 1.2 });
  else if (kind === 'S') drawSprite(context, stool, { x: 12, y: 12, pixel: 1 });
  context.fillStyle = 'rgb(180, 200, 230)';
  context.fillRect(0, 0, 32, 0.5);
  context.fillRect(0, 31.5, 32, 0.5);
  context.fillRect(0, 0, 0.5, 32);
  context.fillRect(31.5, 0, 0.5, 32);
}

function drawHole(context: DrawingContext): void {
  oval(context, 16, 17, 15.5, 14.5, 'rgb(204, 230, 255)');
  oval(context, 16, 16.6, 14, 12.8, 'rgb(30, 119, 191)');
  oval(context, 16, 17.4, 13.6, 12.4, 'rgb(40, 170, 250)');
  oval(context, 15.6, 18.4, 12.8, 11.4, 'rgb(61, 202, 242)');
  context.fillStyle = 'rgb(86, 227, 247)';
  // Streaks of light, rising to the right.
  for (const [left, top, length] of [
    [6, 16, 9],
    [12, 19, 9],
    [8, 23, 8],
    [17, 24, 8],
    [16, 13, 7],
  ] as const) {
    for (let step = 0; step < length; step++) context.fillRect(left + step, top - Math.floor(step / 2), 2, 1.5);
  }
}

/** The player has broken in. */
function drawCracks(context: DrawingContext): void {
  drawHole(context);
  const star = (color: string, size: number) => {
    context.beginPath();
    for (let point = 0; point < 16; point++) {
      const angle = (point * Math.PI) / 8;
      const radius = size * (point % 2 === 0 ? 1 : 0.5);
      const [x, y] = [15 + radius * Math.cos(angle), 18 + radius * Math.sin(angle)];
      if (point === 0) context.moveTo(x, y);
      else context.lineTo(x, y);
    }
    context.closePath();
    context.fillStyle = color;
    context.fill();
  };
  star('rgb(30, 119, 191)', 11);
  star('rgb(0, 52, 94)', 8);
}

function oval(context: DrawingContext, x: number, y: number, radiusX: number, radiusY: number, color: string): void {
  context.beginPath();
  context.ellipse(x, y, radiusX, radiusY, 0, 0, 2 * Math.PI);
  context.fillStyle = color;
  context.fill();
}
