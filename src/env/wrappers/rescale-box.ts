// Affine maps between boxes, for RescaleAction and RescaleObservation. Source: gymnasium.wrappers.utils.rescale_box.

import { type Arrays, type Dtype, zeros } from '../spaces/arrays.ts';
import { Box } from '../spaces/box.ts';

/** New bounds: one for all elements, or one each. */
export type Bounds = number | ArrayLike<number>;

/** A box with new bounds, and the maps from the old box to it and back. */
export interface RescaledBox<D extends Dtype> {
  readonly box: Box<D>;
  readonly forward: (value: ArrayLike<number>) => Arrays[D];
  readonly backward: (value: ArrayLike<number>) => Arrays[D];
}

/**
 * Maps `box` affinely onto `[newMin, newMax]`, element by element: `y = gradient * x + intercept`. Where a bound of either is
 * infinite the other must be too, and the map only shifts. The arithmetic is that of the box's dtype, as NumPy's is.
 *
 * @throws RangeError when the bounds do not fit the box
 */
export function rescaleBox<D extends Dtype>(box: Box<D>, newMin: Bounds, newMax: Bounds): RescaledBox<D> {
  const { dtype, shape } = box;
  const size = box.low.length;
  const min = spread(newMin, size, 'minimum');
  const max = spread(newMax, size, 'maximum');
  const round = dtype === 'float32' ? Math.fround : (value: number) => value;
  const gradient = zeros('float64', size).fill(1);
  const intercept = zeros('float64', size);
  for (let i = 0; i < size; i++) {
    const [low, high] = [box.low[i], box.high[i]];
    checkInfinite('minimum', i, min[i], low);
    checkInfinite('maximum', i, max[i], high);
    if (min[i] > max[i]) {
      throw new RangeError(`The new minimum ${min[i]} is greater than the new maximum ${max[i]} at element ${i}`);
    }
    const [hasMin, hasMax] = [Number.isFinite(min[i]), Number.isFinite(max[i])];
    if (hasMin && hasMax) gradient[i] = round((max[i] - min[i]) / (high - low));
    if (hasMin) intercept[i] = round(round(gradient[i] * -low) + min[i]);
    else if (hasMax) intercept[i] = round(max[i] - high);
  }
  return {
    box: new Box({ low: min, high: max, shape, dtype }),
    forward: (value) => map(dtype, value, (x, i) => round(gradient[i] * x) + intercept[i]),
    backward: (value) => map(dtype, value, (x, i) => round(x - intercept[i]) / gradient[i]),
  };
}

function map<D extends Dtype>(dtype: D, value: ArrayLike<number>, change: (x: number, i: number) => number): Arrays[D] {
  const mapped = zeros(dtype, value.length);
  for (let i = 0; i < mapped.length; i++) mapped[i] = change(value[i], i);
  return mapped;
}

function spread(bounds: Bounds, size: number, name: string): ArrayLike<number> {
  if (typeof bounds === 'number') return Array.from({ length: size }, () => bounds);
  if (bounds.length !== size)
    throw new RangeError(`The new ${name} has ${bounds.length} elements, but the box has ${size}`);
  return bounds;
}

function checkInfinite(name: string, i: number, bound: number, old: number): void {
  if (Number.isFinite(bound) || Number.isFinite(old) ? Number.isFinite(bound) && Number.isFinite(old) : bound === old)
    return;
  throw new RangeError(
    `The new ${name} of element ${i} is ${bound} but the old one is ${old}: where one is infinite, the other must be too`,
  );
}
