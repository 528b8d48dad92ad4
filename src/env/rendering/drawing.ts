// What a picture of an environment is: a function from the environment's state, plain data, to strokes on a 2D context.
// The same code draws in Node, for `rgb_array`, and in a web page; nothing in these files knows of either.

/** The part of CanvasRenderingContext2D that drawings use. Colours are CSS colours. */
export interface DrawingContext {
  fillStyle: string | object;
  strokeStyle: string | object;
  globalAlpha: number;
  lineWidth: number;
  save(): void;
  restore(): void;
  translate(x: number, y: number): void;
  scale(x: number, y: number): void;
  beginPath(): void;
  closePath(): void;
  moveTo(x: number, y: number): void;
  lineTo(x: number, y: number): void;
  ellipse(x: number, y: number, radiusX: number, radiusY: number, rotation: number, start: number, end: number): void;
  fill(): void;
  stroke(): void;
  fillRect(x: number, y: number, width: number, height: number): void;
}

/** Of a picture, in pixels. */
export interface PictureSize {
  readonly width: number;
  readonly height: number;
}

/**
 * How an environment is drawn.
 *
 * @typeParam State what a picture is made from: plain data, as the environment's `renderState` gives it and as JSON keeps it
 */
export interface Drawing<State = unknown> {
  /** Frames a second that look natural. */
  readonly fps: number;
  /** The size of the picture of a state; one environment's pictures are all of one size. */
  size(state: State): PictureSize;
  /** Whether something, read from a file perhaps, is a state that this can draw. */
  accepts(state: unknown): state is State;
  /** Draws the whole picture, background included, from (0, 0) to its size. */
  draw(context: DrawingContext, state: State): void;
}

/** Whether something is an object in which all these fields are finite numbers. */
export function hasNumbers<Name extends string>(
  state: unknown,
  ...names: readonly Name[]
): state is Readonly<Record<Name, number>> {
  if (typeof state !== 'object' || state === null) return false;
  return names.every((name) => Number.isFinite(Reflect.get(state, name)));
}
