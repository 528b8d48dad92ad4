// Shapes: arrays of sizes, outermost first. Broadcasting follows NumPy.

/** The sizes of a tensor's axes, outermost first; `[]` for a scalar. */
export type Shape = readonly number[];

/** Thrown where an operation is written with shapes, axes or element types that do not fit it. */
export class ShapeError extends Error {
  override readonly name = 'ShapeError';
}

/** The number of elements. */
export function sizeOf(shape: Shape): number {
  let size = 1;
  for (const dimension of shape) size *= dimension;
  return size;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dimension, axis) => dimension === b[axis]);
}

export function showShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

/** The shape of an elementwise operation on shapes `a` and `b`: axes are aligned at the end, a size of 1 stretches. */
export function broadcastShapes(a: Shape, b: Shape, what = 'broadcast'): number[] {
  const rank = Math.max(a.length, b.length);
  const out = Array.from({ length: rank }, () => 1);
  for (let i = 1; i <= rank; i++) {
    const p = i <= a.length ? a[a.length - i]! : 1;
    const q = i <= b.length ? b[b.length - i]! : 1;
    if (p !== q && p !== 1 && q !== 1) {
      throw new ShapeError(
        `${what}: shapes ${showShape(a)} and ${showShape(b)} do not fit together: ` +
          `sizes ${p} and ${q} of axis -${i} differ and neither is 1`,
      );
    }
    out[rank - i] = p === 1 ? q : p;
  }
  return out;
}

/** An axis counted from the front: -1 is the last. */
export function normalizeAxis(axis: number, rank: number, what: string): number {
  const positive = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || positive < 0 || positive >= rank) {
    throw new ShapeError(`${what}: axis ${axis} is outside a tensor of rank ${rank}`);
  }
  return positive;
}

/** Sorted, positive, distinct axes; all of them if none are given. */
export function normalizeAxes(axes: number | readonly number[] | undefined, rank: number, what: string): number[] {
  if (axes === undefined) return Array.from({ length: rank }, (_, axis) => axis);
  const list = (typeof axes === 'number' ? [axes] : axes).map((axis) => normalizeAxis(axis, rank, what));
  if (new Set(list).size !== list.length) throw new ShapeError(`${what}: axes ${showShape(list)} repeat an axis`);
  return list.sort((a, b) => a - b);
}

/** The shape that is left when `axes` are reduced away, or kept as 1. */
export function reduceShape(shape: Shape, axes: readonly number[], keepDims: boolean): number[] {
  return keepDims
    ? shape.map((dimension, axis) => (axes.includes(axis) ? 1 : dimension))
    : shape.filter((_, axis) => !axes.includes(axis));
}
