// Values and spaces made flat, as networks want them: numbers one-hot, composites one after another.
// Source: gymnasium.spaces.utils.

import { arrayClasses, type Dtype, resultType, sizeOf, type TypedArray, zeros } from './arrays.ts';
import { concatenate, iterate } from './batch.ts';
import { Box } from './box.ts';
import { Dict } from './dict.ts';
import { Discrete } from './discrete.ts';
import { Graph, type GraphInstance } from './graph.ts';
import { MultiBinary } from './multi-binary.ts';
import { MultiDiscrete } from './multi-discrete.ts';
import { OneOf } from './one-of.ts';
import { Sequence } from './sequence.ts';
import type { Space } from './space.ts';
import { Text } from './text.ts';
import { Tuple } from './tuple.ts';

/** A space whose values flatten to vectors: its flat space is a Box. */
export type FlatBox = Box<Dtype>;

/** The spaces of the parts of a Tuple or a Dict, in order. */
function partsOf(space: Tuple | Dict): readonly Space[] {
  return space instanceof Tuple ? space.spaces : space.keys.map((key) => space.spaces[key]);
}

function unknownSpace(space: Space): never {
  throw new TypeError(`${space} is of a kind that cannot be flattened; flatten its values in a wrapper of your own`);
}

/**
 * The length of the flattened values of a space.
 *
 * @throws TypeError for spaces without a fixed length: Graph, Sequence, and what contains them.
 */
export function flatdim(space: Space): number {
  if (!space.isNpFlattenable) {
    throw new TypeError(`${space} has values of no fixed length, because of a Graph or a Sequence within it`);
  }
  if (space instanceof Box || space instanceof MultiBinary) return sizeOf(space.shape);
  if (space instanceof Discrete) return space.n;
  if (space instanceof MultiDiscrete) return space.nvec.reduce((sum, count) => sum + count, 0);
  if (space instanceof Text) return space.maxLength;
  if (space instanceof OneOf) return 1 + Math.max(...space.spaces.map(flatdim));
  if (space instanceof Tuple || space instanceof Dict) {
    return partsOf(space).reduce((sum, part) => sum + flatdim(part), 0);
  }
  return unknownSpace(space);
}

/**
 * A space as flat as possible: a Box for spaces of fixed length (see {@link flatdim}), else the same kind of space with
 * flat parts. It contains what {@link flatten} makes.
 */
export function flattenSpace(space: Box | Discrete | MultiBinary | MultiDiscrete | Text | OneOf): FlatBox;
export function flattenSpace(space: Space): Space;
export function flattenSpace(space: Space): Space {
  if (space instanceof Box) {
    return new Box({ low: space.low, high: space.high, dtype: space.dtype });
  }
  if (space instanceof Discrete || space instanceof MultiBinary || space instanceof MultiDiscrete) {
    return new Box<Dtype>({ low: 0, high: 1, shape: [flatdim(space)], dtype: space.dtype });
  }
  if (space instanceof Text) {
    return new Box({ low: 0, high: space.characterList.length, shape: [space.maxLength], dtype: 'int32' });
  }
  if (space instanceof OneOf) return flattenOneOf(space);
  if (space instanceof Sequence) return new Sequence(flattenSpace(space.featureSpace as Space), { stack: space.stack });
  if (space instanceof Graph) {
    const edgeSpace = space.edgeSpace === null ? null : flattenSpace(space.edgeSpace);
    return new Graph({ nodeSpace: flattenSpace(space.nodeSpace), edgeSpace });
  }
  if (space instanceof Tuple || space instanceof Dict) {
    const parts = partsOf(space).map((part) => flattenSpace(part));
    if (space.isNpFlattenable) {
      const boxes = parts as FlatBox[];
      const [low, high] = [boxes.flatMap((box) => [...box.low]), boxes.flatMap((box) => [...box.high])];
      return new Box({ low, high, dtype: resultType(boxes.map((box) => box.dtype)) });
    }
    if (space instanceof Tuple) return new Tuple(parts);
    return new Dict(Object.fromEntries(space.keys.map((key, i) => [key, parts[i]])));
  }
  return unknownSpace(space);
}

function flattenOneOf(space: OneOf): FlatBox {
  const boxes = space.spaces.map((part) => flattenSpace(part) as FlatBox);
  const length = flatdim(space) - 1;
  const low = Math.min(...boxes.flatMap((box) => [...box.low]));
  const high = Math.max(...boxes.flatMap((box) => [...box.high]));
  return new Box({
    low: [0, ...Array.from({ length: length }, () => low)],
    high: [space.spaces.length - 1, ...Array.from({ length: length }, () => high)],
    dtype: resultType(boxes.map((box) => box.dtype)),
  });
}

/** What {@link flatten} makes: a vector, or for spaces without a fixed length, the same structure of vectors. */
export type Flat = TypedArray | readonly Flat[] | { readonly [key: string]: Flat } | GraphInstance;

/** A value of a space, flat: a vector of the class that {@link flattenSpace} says, one-hot for integers. */
export function flatten(space: Box | Discrete | MultiBinary | MultiDiscrete | Text | OneOf, value: unknown): TypedArray;
export function flatten<T>(space: Space<T>, value: T): Flat;
export function flatten(space: Space, value: unknown): Flat {
  if (space.isNpFlattenable) {
    const box = flattenSpace(space) as FlatBox;
    const out = zeros(box.dtype, box.low.length);
    writeFlat(space, value, out, 0);
    return out;
  }
  if (space instanceof Tuple) {
    return space.spaces.map((part: Space, i) => flatten(part, (value as unknown[])[i]));
  }
  if (space instanceof Dict) {
    const values = value as Record<string, unknown>;
    return Object.fromEntries(space.keys.map((key) => [key, flatten(space.spaces[key], values[key])]));
  }
  if (space instanceof Sequence) {
    const part = space.featureSpace as Space;
    if (space.stackedFeatureSpace !== null) return mapBatch(part, space.stackedFeatureSpace, value) as Flat;
    return (value as unknown[]).map((item) => flatten(part, item));
  }
  if (space instanceof Graph) {
    const { nodes, edges, edgeLinks } = value as GraphInstance;
    const { edgeSpace, batchEdgeSpace } = space;
    const flatEdges = edgeSpace && batchEdgeSpace && edges !== null ? mapBatch(edgeSpace, batchEdgeSpace, edges) : null;
    return { nodes: mapBatch(space.nodeSpace, space.batchNodeSpace, nodes), edges: flatEdges, edgeLinks };
  }
  return unknownSpace(space);
}

function mapBatch(space: Space, batchedSpace: Space, batch: unknown): unknown {
  const flat = iterate(batchedSpace, batch).map((value) => flatten(space, value));
  return concatenate(flattenSpace(space), flat);
}

/** Writes a flattened value at a place in `out`, which is zero so far. Returns the place after it. */
function writeFlat(space: Space, value: unknown, out: TypedArray, at: number): number {
  const length = flatdim(space);
  if (space instanceof Box || space instanceof MultiBinary) {
    out.set(value as ArrayLike<number>, at);
  } else if (space instanceof Discrete) {
    out[at + (value as number) - space.start] = 1;
  } else if (space instanceof MultiDiscrete) {
    let offset = at;
    space.nvec.forEach((count, i) => {
      out[offset + (value as ArrayLike<number>)[i] - space.start[i]] = 1;
      offset += count;
    });
  } else if (space instanceof Text) {
    const { characterList } = space;
    out.fill(characterList.length, at, at + length);
    [...(value as string)].forEach((character, i) => {
      out[at + i] = space.characterIndex(character) ?? characterList.length;
    });
  } else if (space instanceof OneOf) {
    const [index, part] = value as [number, unknown];
    out[at] = index;
    const end = writeFlat(space.spaces[index], part, out, at + 1);
    // Shorter parts are filled up with their first number.
    out.fill(out[at + 1], end, at + length);
  } else if (space instanceof Tuple) {
    let place = at;
    space.spaces.forEach((part: Space, i) => {
      place = writeFlat(part, (value as unknown[])[i], out, place);
    });
  } else if (space instanceof Dict) {
    let place = at;
    for (const key of space.keys)
      place = writeFlat(space.spaces[key], (value as Record<string, unknown>)[key], out, place);
  }
  return at + length;
}

/**
 * The value that {@link flatten} made flat.
 *
 * @throws RangeError if a vector has another length than {@link flatdim}, or is not one-hot where it has to be.
 */
export function unflatten<T>(space: Space<T>, flat: unknown): T {
  return read(space, flat) as T;
}

function read(space: Space, flat: unknown): unknown {
  if (space.isNpFlattenable) {
    const vector = flat as ArrayLike<number>;
    if (vector.length !== flatdim(space)) {
      throw new RangeError(`${space} has flat values of ${flatdim(space)} numbers, but got ${vector.length}`);
    }
    return readFlat(space, Array.from(vector));
  }
  if (space instanceof Tuple) return space.spaces.map((part: Space, i) => read(part, (flat as unknown[])[i]));
  if (space instanceof Dict) {
    const parts = flat as Record<string, unknown>;
    return Object.fromEntries(space.keys.map((key) => [key, read(space.spaces[key], parts[key])]));
  }
  if (space instanceof Sequence) {
    const part = space.featureSpace as Space;
    return space.stack ? readBatch(part, flat) : (flat as unknown[]).map((item) => read(part, item));
  }
  if (space instanceof Graph) {
    const { nodes, edges, edgeLinks } = flat as GraphInstance;
    const readEdges = space.edgeSpace === null || edges === null ? null : readBatch(space.edgeSpace, edges);
    return { nodes: readBatch(space.nodeSpace, nodes), edges: readEdges, edgeLinks };
  }
  return unknownSpace(space);
}

function readBatch(space: Space, batch: unknown): unknown {
  // Only the kind of the flat space matters to `iterate`, and the length of a row.
  const flatSpace = flattenSpace(space);
  const batched = flatSpace instanceof Box ? new Box({ low: 0, high: 1, shape: [1, ...flatSpace.shape] }) : flatSpace;
  return concatenate(
    space,
    iterate(batched, batch).map((item) => read(space, item)),
  );
}

function readFlat(space: Space, flat: readonly number[]): unknown {
  if (space instanceof Box || space instanceof MultiBinary) return arrayClasses[space.dtype as Dtype].from(flat);
  if (space instanceof Discrete) return space.start + hotIndex(space, flat);
  if (space instanceof MultiDiscrete) {
    let offset = 0;
    return space.nvec.map((count, i) => {
      const index = hotIndex(space, flat.slice(offset, offset + count));
      offset += count;
      return space.start[i] + index;
    });
  }
  if (space instanceof Text) return flat.map((index) => space.characterList[index] ?? '').join('');
  if (space instanceof OneOf) {
    const part = space.spaces[flat[0]];
    if (part === undefined) throw new RangeError(`${space} has no part ${flat[0]}, the first number of the vector`);
    return [flat[0], readFlat(part, flat.slice(1, 1 + flatdim(part)))];
  }
  if (space instanceof Tuple || space instanceof Dict) {
    let offset = 0;
    const values = partsOf(space).map((part) => {
      const from = offset;
      offset += flatdim(part);
      return readFlat(part, flat.slice(from, offset));
    });
    return space instanceof Tuple ? values : Object.fromEntries(space.keys.map((key, i) => [key, values[i]]));
  }
  return unknownSpace(space);
}

function hotIndex(space: Space, flat: readonly number[]): number {
  const index = flat.findIndex((value) => value !== 0);
  if (index < 0) throw new RangeError(`${space} has one-hot values, but [${flat}] has nothing but zeros`);
  return index;
}
