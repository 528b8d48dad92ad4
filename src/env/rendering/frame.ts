// Pictures as arrays of numbers, drawn in Node.

import type { Canvas } from '@napi-rs/canvas';
import type { Drawing } from './drawing.ts';
import { optionalPackage } from './optional-package.ts';

/**
 * A picture as `render` returns it in mode `rgb_array`: a Uint8Array `[height, width, 3]`, flat in C order like all array values,
 * red, green and blue from 0 to 255, which knows its shape.
 */
export type Frame = Uint8Array<ArrayBuffer> & { readonly shape: readonly [height: number, width: number, channels: 3] };

/** A frame of these pixels: `[height, width, 3]` in C order. */
export function frameOf(pixels: Uint8Array<ArrayBuffer>, height: number, width: number): Frame {
  if (pixels.length !== height * width * 3) {
    throw new RangeError(
      `A frame of ${height} x ${width} pixels has ${height * width * 3} numbers, not ${pixels.length}`,
    );
  }
  return Object.assign(pixels, { shape: [height, width, 3] as const });
}

/** Whether something is a {@link Frame}. */
export function isFrame(value: unknown): value is Frame {
  if (!(value instanceof Uint8Array) || !('shape' in value) || !Array.isArray(value.shape)) return false;
  const [height, width, channels] = value.shape;
  return value.shape.length === 3 && channels === 3 && height * width * channels === value.length;
}

/**
 * The picture of a state.
 *
 * @throws DependencyNotInstalled if there is no `@napi-rs/canvas` to draw on
 */
export function drawFrame<State>(drawing: Drawing<State>, state: State): Frame {
  const { width, height } = drawing.size(state);
  const canvas = canvasOf(width, height);
  drawing.draw(canvas.getContext('2d'), state);
  const rgba = canvas.data();
  const rgb = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; to < rgb.length; from += 4, to += 3) {
    rgb[to] = rgba[from];
    rgb[to + 1] = rgba[from + 1];
    rgb[to + 2] = rgba[from + 2];
  }
  return frameOf(rgb, height, width);
}

/** Every picture is drawn whole, so one canvas serves all that are of its size. */
let canvas: Canvas | undefined;

function canvasOf(width: number, height: number): Canvas {
  if (canvas?.width === width && canvas.height === height) return canvas;
  canvas = canvasLibrary().createCanvas(width, height);
  return canvas;
}

/** A frame as the `data:` address of a PNG. */
export function frameAddress(frame: Frame): string {
  const [height, width] = frame.shape;
  const { createCanvas, ImageData } = canvasLibrary();
  const rgba = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let from = 0, to = 0; from < frame.length; from += 3, to += 4) {
    rgba[to] = frame[from];
    rgba[to + 1] = frame[from + 1];
    rgba[to + 2] = frame[from + 2];
  }
  const canvas = createCanvas(width, height);
  canvas.getContext('2d').putImageData(new ImageData(rgba, width, height), 0, 0);
  return canvas.toDataURL('image/png');
}

function canvasLibrary(): typeof import('@napi-rs/canvas') {
  return optionalPackage('@napi-rs/canvas', 'Pictures are drawn by');
}
