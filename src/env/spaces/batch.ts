// Batches of values for vector environments: array values one after another in one array, composites part by part.
// Source: gymnasium.vector.utils.space_utils.

import { type Arrays, type Dtype, sizeOf, type TypedArray, zeros } from './arrays.ts';
import { Box } from './box.ts';
import { Dict } from './dict.ts';
import { Discrete } from './discrete.ts';
import { MultiBinary } from './multi-binary.ts';
import { MultiDiscrete } from './multi-discrete.ts';
import type { Space } from './space.ts';
import { Tuple } from './tuple.ts';

/**
 * The space of `n` values of `space` at once. Its random stream goes on from where the space's stands, apart from it.
 *
 * A `Box` gets a leading axis, a `Discrete` becomes a `MultiDiscrete`, a `MultiBinary` a `Box` of int8, a `MultiDiscrete` a
 * `Box` of int32 (Gymnasium's has the dtype of the space; here the rows are its values' Int32Arrays), a `Tuple` and a
 * `Dict` batch their parts, and every other space becomes a `Tuple` of `n` copies.
 */
export function batchSpace<D extends Dtype>(space: Box<D>, n: number): Box<D>;
export function batchSpace(space: Discrete, n: number): MultiDiscrete;
export function batchSpace(space: Space, n: number): Space;
export function batchSpace(space: Space, n: number): Space {
  if (!(Number.isSafeInteger(n) && n > 0))
    throw new RangeError(`A batch needs a positive number of spaces, but got ${n}`);
  const batched = batchOf(space, n);
  batched.npRandom = space.npRandom.clone();
  return batched;
}

function batchOf(space: Space, n: number): Space {
  if (space instanceof Box) {
    return new Box({
      low: tile(space.low, n),
      high: tile(space.high, n),
      shape: [n, ...space.shape],
      dtype: space.dtype,
    });
  }
  if (space instanceof Discrete) {
    return new MultiDiscrete(tile([space.n], n), { start: tile([space.start], n), dtype: space.dtype });
  }
  if (space instanceof MultiDiscrete) {
    const high = Array.from(space.nvec, (count, i) => space.start[i] + count - 1);
    return new Box({ low: tile(space.start, n), high: tile(high, n), shape: [n, ...space.shape], dtype: 'int32' });
  }
  if (space instanceof MultiBinary) return new Box({ low: 0, high: 1, shape: [n, ...space.shape], dtype: 'int8' });
  if (space instanceof Tuple) return new Tuple(space.spaces.map((part: Space) => batchSpace(part, n)));
  if (space instanceof Dict) {
    return new Dict(Object.fromEntries(space.keys.map((key) => [key, batchSpace(space.spaces[key], n)])));
  }
  const copies = new Tuple(Array.from({ length: n }, () => space.clone()));
  copies.seed(Array.from(space.npRandom.clone().integers(0, 1e8, { size: n })));
  return copies;
}

function tile(values: ArrayLike<number>, n: number): number[] {
  return Array.from({ length: n }, () => Array.from(values)).flat();
}

/** The array that holds a batch of a space's values, and how long each value is in it; null for spaces without. */
function arrayLayout(space: Space): { dtype: Dtype; size: number } | null {
  if (space instanceof Box) return { dtype: space.dtype, size: space.low.length };
  // Their values are numbers and Int32Arrays, whatever integer NumPy would have.
  if (space instanceof Discrete) return { dtype: 'int32', size: 1 };
  if (space instanceof MultiDiscrete) return { dtype: 'int32', size: space.nvec.length };
  if (space instanceof MultiBinary) return { dtype: 'int8', size: sizeOf(space.shape) };
  return null;
}

/**
 * Memory for `n` values of `space`: one array of zeros for array spaces, composites part by part, `n` stand-ins for all
 * others.
 */
export function createEmptyArray<D extends Dtype>(space: Box<D>, n: number): Arrays[D];
export function createEmptyArray(space: Space, n: number): unknown;
export function createEmptyArray(space: Space, n: number): unknown {
  const layout = arrayLayout(space);
  if (layout !== null) return zeros(layout.dtype, layout.size * n);
  if (space instanceof Tuple) return space.spaces.map((part: Space) => createEmptyArray(part, n));
  if (space instanceof Dict) {
    return Object.fromEntries(space.keys.map((key) => [key, createEmptyArray(space.spaces[key], n)]));
  }
  return Array.from({ length: n }, () => space.emptyValue());
}

/**
 * Several values of `space` as one batch: in `out` (made by {@link createEmptyArray}) where they are arrays, else in fresh
 * memory. A value shorter or longer than the space says throws a RangeError.
 */
export function concatenate<D extends Dtype>(
  space: Box<D>,
  items: readonly ArrayLike<number>[],
  out?: Arrays[D],
): Arrays[D];
export function concatenate<T>(space: Space<T>, items: readonly T[], out?: unknown): unknown;
export function concatenate(space: Space, items: readonly unknown[], out?: unknown): unknown {
  const layout = arrayLayout(space);
  if (layout !== null) {
    const array = (out ?? zeros(layout.dtype, layout.size * items.length)) as TypedArray;
    for (let i = 0; i < items.length; i++) {
      const item = items[i] as number | ArrayLike<number>;
      if (typeof item === 'number') array[i] = item;
      else if (item.length === layout.size) array.set(item, i * layout.size);
      else throw new RangeError(`${space} has values of ${layout.size} numbers, but item ${i} has ${item.length}`);
    }
    return array;
  }
  if (space instanceof Tuple) {
    const parts = (out ?? []) as unknown[];
    return space.spaces.map((part: Space, i) => {
      const column = items.map((item) => (item as unknown[])[i]);
      return concatenate(part, column, parts[i]);
    });
  }
  if (space instanceof Dict) {
    const parts = (out ?? {}) as Record<string, unknown>;
    const columns = space.keys.map((key) => {
      const column = items.map((item) => (item as Record<string, unknown>)[key]);
      return [key, concatenate(space.spaces[key], column, parts[key])];
    });
    return Object.fromEntries(columns);
  }
  return [...items];
}

/**
 * The single values within a batch; `space` is the batched space. Rows of arrays share the batch's memory. The vector of a
 * batched `Discrete` gives numbers.
 *
 * @throws TypeError for a `Discrete`, which holds single values only.
 */
export function iterate(space: Space, batch: unknown): unknown[] {
  if (space instanceof Box || space instanceof MultiDiscrete || space instanceof MultiBinary) {
    return rows(space, batch);
  }
  if (space instanceof Discrete) throw new TypeError(`${space} holds single numbers; only batches can be iterated`);
  if (space instanceof Tuple) {
    const parts: readonly Space[] = space.spaces;
    if (!parts.every(isBatched)) return [...(batch as unknown[])];
    const columns = parts.map((part, i) => iterate(part, (batch as unknown[])[i]));
    return Array.from({ length: columns[0]?.length ?? 0 }, (_, row) => columns.map((column) => column[row]));
  }
  if (space instanceof Dict) {
    const columns = space.keys.map((key) => iterate(space.spaces[key], (batch as Record<string, unknown>)[key]));
    return Array.from({ length: columns[0]?.length ?? 0 }, (_, row) =>
      Object.fromEntries(space.keys.map((key, i) => [key, columns[i][row]])),
    );
  }
  throw new TypeError(`${space} is not the space of a batch; see batchSpace`);
}

/** Whether a batch can be taken apart by {@link iterate}; a Tuple of other spaces is the list of its values already. */
function isBatched(space: Space): boolean {
  return [Box, Discrete, MultiDiscrete, MultiBinary, Tuple, Dict].some((kind) => space instanceof kind);
}

function rows(space: Box<Dtype> | MultiDiscrete | MultiBinary, batch: unknown): unknown[] {
  const size = sizeOf(space.shape.slice(1));
  if (!isTypedArray(batch) || batch.length % size !== 0) {
    throw new TypeError(
      `A batch of ${space} is a typed array of rows of ${size} numbers, but this is ${String(batch)}`,
    );
  }
  if (space instanceof MultiDiscrete && space.shape.length === 1) return Array.from(batch);
  return Array.from({ length: batch.length / size }, (_, i) => batch.subarray(i * size, (i + 1) * size));
}

function isTypedArray(value: unknown): value is TypedArray {
  return ArrayBuffer.isView(value) && !(value instanceof DataView);
}
