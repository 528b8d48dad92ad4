// Batches of spaces that differ only in their bounds. Source: gymnasium.vector.utils.batch_differing_spaces, Gymnasium 1.x.

import { isBox, isDict, isTuple } from '../space-kinds.ts';
import { Box } from '../spaces/box.ts';
import { Dict } from '../spaces/dict.ts';
import { Discrete } from '../spaces/discrete.ts';
import { MultiDiscrete } from '../spaces/multi-discrete.ts';
import type { Space } from '../spaces/space.ts';
import { Tuple } from '../spaces/tuple.ts';

/** Whether values of two spaces have the same form: kind of space, shape and dtype, part by part. */
export function sameForm(a: Space, b: Space): boolean {
  if (a.constructor !== b.constructor || a.dtype !== b.dtype || String(a.shape) !== String(b.shape)) return false;
  if (isDict(a) && isDict(b)) {
    return String(a.keys) === String(b.keys) && a.keys.every((key) => sameForm(a.spaces[key], b.spaces[key]));
  }
  if (isTuple(a) && isTuple(b)) {
    return a.spaces.length === b.spaces.length && a.spaces.every((part, i) => sameForm(part, b.spaces[i]));
  }
  return true;
}

/** The space of batches with one value from each of `spaces`, which must be of the same form. Boxes, integers, and composites of them. */
export function batchDifferingSpaces(spaces: readonly Space[]): Space {
  const [first] = spaces;
  const odd = spaces.findIndex((space) => !sameForm(space, first));
  if (odd >= 0)
    throw new TypeError(`Spaces of one batch must have the same form, but ${spaces[odd]} differs from ${first}`);
  if (isBox(first)) {
    const boxes = spaces.filter(isBox);
    return new Box({
      low: boxes.flatMap(({ low }) => [...low]),
      high: boxes.flatMap(({ high }) => [...high]),
      shape: [spaces.length, ...first.shape],
      dtype: first.dtype,
    });
  }
  if (first instanceof Discrete) {
    const parts = spaces.filter((space) => space instanceof Discrete);
    return new MultiDiscrete(
      parts.map(({ n }) => n),
      { start: parts.map(({ start }) => start), dtype: first.dtype },
    );
  }
  if (first instanceof MultiDiscrete) {
    const parts = spaces.filter((space) => space instanceof MultiDiscrete);
    return new MultiDiscrete(
      parts.flatMap(({ nvec }) => [...nvec]),
      { start: parts.flatMap(({ start }) => [...start]), shape: [spaces.length, ...first.shape], dtype: first.dtype },
    );
  }
  if (isDict(first)) {
    const parts = spaces.filter(isDict);
    return new Dict(
      Object.fromEntries(first.keys.map((key) => [key, batchDifferingSpaces(parts.map((part) => part.spaces[key]))])),
    );
  }
  if (isTuple(first)) {
    const parts = spaces.filter(isTuple);
    return new Tuple(first.spaces.map((_, i) => batchDifferingSpaces(parts.map((part) => part.spaces[i]))));
  }
  return new Tuple(spaces);
}
