// The picture of Taxi. Size, layout and colours: Gymnasium's Taxi-v4; the figures are our own.

import { type Drawing, type DrawingContext, hasNumbers } from './drawing.ts';
import { cabs, drawSprite, hotel, passenger as passengerSprite } from './sprites.ts';

/** What a picture of Taxi shows. */
export interface TaxiPicture {
  /** 0 to 4, from north to south. */
  readonly taxiRow: number;
  /** 0 to 4, from west to east. */
  readonly taxiColumn: number;
  /** 0 to 3: red, green, yellow, blue; 4: in the taxi. */
  readonly passenger: number;
  /** 0 to 3: red, green, yellow, blue. */
  readonly destination: number;
  /** Where the taxi looks: 0 south, 1 north, 2 east, 3 west. */
  readonly orientation: number;
}

const WIDTH = 550;
const HEIGHT = 350;
const TILE = 50;
/** Row, column and colour of the places R, G, Y and B. */
const PLACES = [
  [0, 0, '#f00'],
  [0, 4, '#0f0'],
  [4, 0, '#ff0'],
  [4, 3, '#00f'],
] as const;
/** Hedges, in tiles of the picture, which has a wall column between two columns of the town. */
const HEDGES = [
  { column: 1, row: 0, columns: 9, rows: 1 },
  { column: 1, row: 6, columns: 9, rows: 1 },
  { column: 0, row: 1, columns: 1, rows: 5 },
  { column: 10, row: 1, columns: 1, rows: 5 },
  { column: 4, row: 1, columns: 1, rows: 2 },
  { column: 2, row: 4, columns: 1, rows: 2 },
  { column: 6, row: 4, columns: 1, rows: 2 },
] as const;

export const taxiDrawing: Drawing<TaxiPicture> = {
  fps: 4,
  size: () => ({ width: WIDTH, height: HEIGHT }),
  accepts(state): state is TaxiPicture {
    if (!hasNumbers(state, 'taxiRow', 'taxiColumn', 'passenger', 'destination', 'orientation')) return false;
    const { passenger, destination, orientation } = state;
    return (passenger === 4 || passenger in PLACES) && destination in PLACES && orientation in cabs;
  },
  draw(context, { taxiRow, taxiColumn, passenger, destination, orientation }) {
    drawAsphalt(context);
    for (const hedge of HEDGES) drawHedge(context, hedge);
    for (const [row, column, color] of PLACES) {
      const [x, y] = corner(row, column);
      context.globalAlpha = 0.5;
      context.fillStyle = color;
      context.fillRect(x, y + 10, TILE, TILE);
      context.globalAlpha = 1;
    }
    if (passenger < 4) {
      const [row, column] = PLACES[passenger];
      const [x, y] = corner(row, column);
      drawSprite(context, passengerSprite, { x: x + 16, y: y + 12, pixel: 1.55 });
    }
    const [goalRow, goalColumn] = PLACES[destination];
    const drawHotel = () => {
      const [x, y] = corner(goalRow, goalColumn);
      context.globalAlpha = 2 / 3;
      drawSprite(context, hotel, { x, y: y - TILE / 2, pixel: 2.5 });
      context.globalAlpha = 1;
    };
    const drawCab = () => {
      const { sprite, mirrored } = cabs[orientation];
      const [x, y] = corner(taxiRow, taxiColumn);
      const width = sprite.rows[0].length * 1.25;
      drawSprite(context, sprite, { x: x + (TILE - width) / 2, y: y + 22, pixel: 1.25, mirrored });
    };
    // What stands farther south hides what is behind it.
    if (goalRow <= taxiRow) drawHotel();
    drawCab();
    if (goalRow > taxiRow) drawHotel();
  },
};

/** The top left corner of a square of the town. */
function corner(row: number, column: number): readonly [x: number, y: number] {
  return [(column * 2 + 1) * TILE, (row + 1) * TILE];
}

function drawAsphalt(context: DrawingContext): void {
  context.fillStyle = 'rgb(116, 116, 115)';
  context.fillRect(0, 0, WIDTH, HEIGHT);
  // Grains: a fixed pattern, drawn from a linear congruential generator.
  let random = 1;
  const next = (below: number): number => {
    random = (random * 1664525 + 1013904223) % 2 ** 32;
    return Math.floor((random / 2 ** 32) * below);
  };
  for (const color of ['rgb(104, 104, 103)', 'rgb(126, 126, 126)']) {
    context.fillStyle = color;
    for (let i = 0; i < 1500; i++) context.fillRect(next(WIDTH / 2) * 2, next(HEIGHT / 2) * 2, 2, 2);
  }
}

function drawHedge(
  context: DrawingContext,
  { column, row, columns, rows }: { column: number; row: number; columns: number; rows: number },
): void {
  const isVertical = rows > 1;
  const box = {
    x: column * TILE + (isVertical ? 9 : 2),
    y: row * TILE + (isVertical ? 3 : 13),
    width: isVertical ? 32 : columns * TILE - 4,
    height: isVertical ? rows * TILE - 5 : 26,
  };
  pill(context, { ...box, x: box.x + 1, y: box.y + 2 }, 'rgb(74, 74, 72)');
  pill(context, box, 'rgb(155, 144, 122)');
  pill(context, { ...box, height: box.height - 3 }, 'rgb(220, 215, 177)');
  const green = { x: box.x + 2, y: box.y + 1, width: box.width - 4, height: box.height - 6 };
  pill(context, green, 'rgb(85, 134, 34)');
  // Leaves.
  for (let y = 3; y < green.height - 3; y += 3) {
    for (let x = 3 + (y % 2); x < green.width - 4; x += 4) {
      context.fillStyle = (x * 7 + y * 13) % 5 < 2 ? 'rgb(62, 108, 26)' : 'rgb(112, 164, 42)';
      context.fillRect(green.x + x, green.y + y, 2, 2);
    }
  }
}

/** A rectangle with round corners. */
function pill(
  context: DrawingContext,
  { x, y, width, height }: { x: number; y: number; width: number; height: number },
  color: string,
): void {
  const radius = Math.min(8, height / 2);
  context.beginPath();
  for (const [cornerX, cornerY, quarter] of [
    [x + width - radius, y + radius, -1],
    [x + width - radius, y + height - radius, 0],
    [x + radius, y + height - radius, 1],
    [x + radius, y + radius, 2],
  ]) {
    context.ellipse(cornerX, cornerY, radius, radius, 0, (quarter * Math.PI) / 2, ((quarter + 1) * Math.PI) / 2);
  }
  context.closePath();
  context.fillStyle = color;
  context.fill();
}
