// The few shapes that the classic control pictures are made of.

import type { DrawingContext } from './drawing.ts';

/** In pixels. */
export type Point = readonly [x: number, y: number];

/** Fills a picture's background. */
export function background(context: DrawingContext, width: number, height: number, color: string): void {
  context.fillStyle = color;
  context.fillRect(0, 0, width, height);
}

/**
 * Draws with y pointing up from the bottom of a picture of that height. Whole numbers are the middles of pixels, as where
 * Gymnasium draws.
 */
export function withYUp(context: DrawingContext, height: number, draw: () => void): void {
  context.save();
  context.translate(0.5, height - 0.5);
  context.scale(1, -1);
  draw();
  context.restore();
}

/** The rectangle from (left, bottom) to (right, top), turned by an angle (radians) around (0, 0), then moved to `origin`. */
export function turnedRectangle(
  [left, bottom, right, top]: readonly [left: number, bottom: number, right: number, top: number],
  angle: number,
  origin: Point,
): Point[] {
  const corners: readonly Point[] = [
    [left, bottom],
    [left, top],
    [right, top],
    [right, bottom],
  ];
  return corners.map((corner) => turned(corner, angle, origin));
}

/** A point turned by an angle (radians) around (0, 0), then moved by `origin`. */
export function turned([x, y]: Point, angle: number, [originX, originY]: Point): Point {
  const cos = Math.cos(angle);
  const sin = Math.sin(angle);
  return [x * cos - y * sin + originX, x * sin + y * cos + originY];
}

/** A filled polygon, the pixels on its outline included. */
export function polygon(context: DrawingContext, points: readonly Point[], color: string): void {
  trace(context, points);
  context.closePath();
  context.fillStyle = color;
  context.strokeStyle = color;
  context.lineWidth = 1;
  context.fill();
  context.stroke();
}

/** A line through points, one pixel wide. */
export function polyline(context: DrawingContext, points: readonly Point[], color: string): void {
  trace(context, points);
  context.strokeStyle = color;
  context.lineWidth = 1;
  context.stroke();
}

/** A filled circle. */
export function disc(context: DrawingContext, [x, y]: Point, radius: number, color: string): void {
  context.beginPath();
  // The pixels on the outline are in it, as in polygon().
  context.ellipse(x, y, radius + 0.5, radius + 0.5, 0, 0, 2 * Math.PI);
  context.fillStyle = color;
  context.fill();
}

function trace(context: DrawingContext, points: readonly Point[]): void {
  context.beginPath();
  points.forEach(([x, y], i) => (i === 0 ? context.moveTo(x, y) : context.lineTo(x, y)));
}
