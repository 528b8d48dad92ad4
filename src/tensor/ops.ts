// The primitive operations: their attributes, and the shape and element type of what they give.
// To add one: its attributes and shape rule here, its gradient in gradients.ts, its lowering in runtime/lowering.ts, and a test.

import type { Generator } from '../random/index.ts';
import { broadcastShapes, reduceShape, type Shape, ShapeError, sameShape, showShape, sizeOf } from './shape.ts';

/** The element types. Booleans are one byte each, 0 or 1. */
export type DType = 'float32' | 'int32' | 'bool';

/** The memory of a tensor of each element type. */
export type TensorData = Float32Array | Int32Array | Uint8Array;

/**
 * Memory that outlives a run: a parameter, its gradient, an optimizer's moment. Programs read and write it in place.
 * `data` may be replaced by memory elsewhere (when parameters move into one flat buffer); programs follow.
 */
export interface Storage {
  data: Float32Array;
}

/** Where a leaf's elements come from. */
export type Source =
  | { readonly kind: 'constant'; readonly data: TensorData }
  | { readonly kind: 'argument'; readonly index: number }
  | { readonly kind: 'storage'; readonly storage: Storage; readonly name: string }
  | { readonly kind: 'uniform'; readonly generator: Generator };

interface None {
  readonly [key: string]: never;
}
interface Axis {
  readonly axis: number;
}
interface Reduction {
  readonly axes: readonly number[];
  readonly keepDims: boolean;
}

/** Every primitive operation, with its attributes. */
export interface Attributes {
  leaf: { readonly source: Source; readonly shape: Shape; readonly dtype: DType };
  /** A further result of an operation that has several: a norm's mean and inverse deviation, a loss's probabilities. */
  output: { readonly index: number; readonly shape: Shape };
  stopGradient: None;

  neg: None;
  abs: None;
  sign: None;
  exp: None;
  log: None;
  sqrt: None;
  reciprocal: None;
  tanh: None;
  sigmoid: None;
  relu: None;
  erf: None;
  gelu: { readonly approximate: 'none' | 'tanh' };
  clip: { readonly min: number; readonly max: number };
  not: None;
  cast: { readonly dtype: DType };

  add: None;
  sub: None;
  mul: None;
  div: None;
  pow: None;
  minimum: None;
  maximum: None;
  equal: None;
  less: None;
  lessEqual: None;
  and: None;
  or: None;
  where: None;

  /** Batched matrix product; the flags transpose the last two axes of an operand at no cost. */
  matmul: { readonly transposeA: boolean; readonly transposeB: boolean; readonly alpha: number };
  /** `x W^T + b` with `x [.., in]`, `W [out, in]`, `b [out]`. */
  linear: None;
  sum: Reduction;
  max: Reduction;
  argmax: Axis;
  softmax: Axis;
  logSoftmax: Axis;
  cumsum: Axis & { readonly reverse: boolean };

  reshape: { readonly shape: Shape };
  transpose: { readonly perm: readonly number[] };
  expand: { readonly shape: Shape };
  slice: { readonly starts: readonly number[]; readonly stops: readonly number[]; readonly steps: readonly number[] };
  concat: Axis;
  pad: { readonly before: readonly number[]; readonly after: readonly number[]; readonly value: number };

  /** Rows of a table: `table [rows, ..]`, `indices` of any shape. */
  take: None;
  /** The gradient of `take`: rows of `values` are added into a table of zeros. */
  putRows: { readonly rows: number };
  /** One element along an axis for each index, as torch.gather. */
  gather: Axis;
  /** The gradient of `gather`: values are added into zeros of the given shape. */
  scatter: Axis & { readonly shape: Shape };

  /** Over the last axis: `(x - mean) / sqrt(variance + epsilon) * weight + bias`. Further outputs: mean, inverse deviation `[.., 1]`. */
  layerNorm: { readonly epsilon: number };
  /** Over the last axis: `x / sqrt(mean(x^2) + epsilon) * weight`. Further output: the inverse root `[.., 1]`. */
  rmsNorm: { readonly epsilon: number };
  /** `-log softmax(logits)[target]` for each row of `logits [n, classes]`. Further output: the probabilities. */
  crossEntropy: None;
  /**
   * Attention of new tokens to themselves and to what a cache holds. Inputs: queries `[batch, time, heads * size]`, keys and
   * values `[batch, time, keyValueHeads * size]` (or, `packed`, the three side by side in one), the caches of keys and of
   * values `[batch, keyValueHeads, length, size]`, each row's tokens with the new ones minus 1 (int32 `[batch]`), the largest
   * such count itself (int32 scalar), and, to rotate queries and keys, cosines and sines `[length, size / 2]`. Further
   * outputs: the caches with the new keys and values in them, which may be written in place. Has no gradient.
   */
  cachedAttention: {
    readonly heads: number;
    readonly keyValueHeads: number;
    readonly scale: number;
    readonly packed: boolean;
  };
}

export type Op = keyof Attributes;

/** What the shape rules see of a tensor. */
export interface Typed {
  readonly shape: Shape;
  readonly dtype: DType;
}

type ShapeRule<K extends Op> = (inputs: readonly Typed[], attributes: Attributes[K], op: K) => Typed;

function need(condition: boolean, message: () => string): void {
  if (!condition) throw new ShapeError(message());
}

function needFloat(x: Typed, op: string): void {
  need(x.dtype === 'float32', () => `${op} takes float32 but got ${x.dtype}; use cast('float32')`);
}

const float: ShapeRule<Op> = ([x], _, op) => {
  needFloat(x!, op);
  return { shape: x!.shape, dtype: 'float32' };
};

const numeric: ShapeRule<Op> = ([x], _, op) => {
  need(x!.dtype !== 'bool', () => `${op} takes numbers but got bool; use cast('float32')`);
  return x!;
};

const arithmetic: ShapeRule<Op> = ([a, b], _, op) => {
  need(a!.dtype === b!.dtype, () => `${op}: element types ${a!.dtype} and ${b!.dtype} differ; use cast`);
  need(a!.dtype !== 'bool', () => `${op} takes numbers but got bool; use cast('float32')`);
  return { shape: broadcastShapes(a!.shape, b!.shape, op), dtype: a!.dtype };
};

const comparison: ShapeRule<Op> = (inputs, attributes, op) => ({
  shape: arithmetic(inputs, attributes, op).shape,
  dtype: 'bool',
});

const logical: ShapeRule<Op> = (inputs, _, op) => {
  for (const x of inputs) need(x.dtype === 'bool', () => `${op} takes bool but got ${x.dtype}`);
  return { shape: inputs.map((x) => x.shape).reduce((a, b) => broadcastShapes(a, b, op)), dtype: 'bool' };
};

const sameAsFloat: ShapeRule<Op> = float;

/** The shape rule of every operation; attributes come normalised (axes positive, ranges inside the tensor). */
export const shapeRules: { readonly [K in Op]: ShapeRule<K> } = {
  leaf: (_, { shape, dtype }) => ({ shape, dtype }),
  output: (_, { shape }) => ({ shape, dtype: 'float32' }),
  stopGradient: ([x]) => x!,

  neg: numeric,
  abs: numeric,
  sign: numeric,
  exp: float,
  log: float,
  sqrt: float,
  reciprocal: float,
  tanh: float,
  sigmoid: float,
  relu: float,
  erf: float,
  gelu: float,
  clip: (inputs, attributes, op) => {
    need(attributes.min <= attributes.max, () => `clip: min ${attributes.min} is above max ${attributes.max}`);
    return float(inputs, {} as never, op);
  },
  not: logical,
  cast: ([x], { dtype }) => ({ shape: x!.shape, dtype }),

  add: arithmetic,
  sub: arithmetic,
  mul: arithmetic,
  div: arithmetic,
  pow: arithmetic,
  minimum: arithmetic,
  maximum: arithmetic,
  equal: comparison,
  less: comparison,
  lessEqual: comparison,
  and: logical,
  or: logical,
  where: ([condition, a, b], _, op) => {
    need(condition!.dtype === 'bool', () => `where: the condition is ${condition!.dtype}, not bool`);
    const { shape, dtype } = arithmetic([a!, b!], {} as never, op);
    return { shape: broadcastShapes(condition!.shape, shape, 'where'), dtype };
  },

  matmul: ([a, b], { transposeA, transposeB }) => {
    needFloat(a!, 'matmul');
    needFloat(b!, 'matmul');
    need(
      a!.shape.length >= 2 && b!.shape.length >= 2,
      () =>
        `matmul takes matrices but got shapes ${showShape(a!.shape)} and ${showShape(b!.shape)}; reshape vectors first`,
    );
    const [p, q] = a!.shape.slice(-2) as [number, number];
    const [r, s] = b!.shape.slice(-2) as [number, number];
    const [m, k] = transposeA ? [q, p] : [p, q];
    const [l, n] = transposeB ? [s, r] : [r, s];
    need(
      k === l,
      () =>
        `matmul: ${k} columns do not meet ${l} rows (shapes ${showShape(a!.shape)}${transposeA ? ' transposed' : ''} ` +
        `and ${showShape(b!.shape)}${transposeB ? ' transposed' : ''})`,
    );
    const batch = broadcastShapes(a!.shape.slice(0, -2), b!.shape.slice(0, -2), 'matmul batch axes');
    return { shape: [...batch, m, n], dtype: 'float32' };
  },
  linear: ([x, weight, bias]) => {
    for (const input of [x!, weight!, ...(bias ? [bias] : [])]) needFloat(input, 'linear');
    need(weight!.shape.length === 2, () => `linear: weight has shape ${showShape(weight!.shape)}, not [out, in]`);
    const [out, features] = weight!.shape as [number, number];
    need(
      x!.shape.length >= 1 && x!.shape.at(-1) === features,
      () => `linear expects ${features} features but x has shape ${showShape(x!.shape)}`,
    );
    need(
      bias === undefined || sameShape(bias.shape, [out]),
      () => `linear: bias has shape ${showShape(bias!.shape)}, not [${out}]`,
    );
    return { shape: [...x!.shape.slice(0, -1), out], dtype: 'float32' };
  },
  sum: ([x], { axes, keepDims }, op) => ({
    shape: reduceShape(x!.shape, axes, keepDims),
    dtype: numeric([x!], {} as never, op).dtype,
  }),
  max: ([x], { axes, keepDims }, op) => {
    const { dtype } = numeric([x!], {} as never, op);
    need(
      axes.every((axis) => x!.shape[axis]! > 0),
      () => `max of an empty axis has no value (shape ${showShape(x!.shape)}, axes ${showShape(axes)})`,
    );
    return { shape: reduceShape(x!.shape, axes, keepDims), dtype };
  },
  argmax: ([x], { axis }, op) => {
    numeric([x!], {} as never, op);
    need(
      x!.shape[axis]! > 0,
      () => `argmax of an empty axis has no value (shape ${showShape(x!.shape)}, axis ${axis})`,
    );
    return { shape: reduceShape(x!.shape, [axis], false), dtype: 'int32' };
  },
  softmax: sameAsFloat,
  logSoftmax: sameAsFloat,
  cumsum: numeric,

  reshape: ([x], { shape }) => {
    need(
      sizeOf(shape) === sizeOf(x!.shape),
      () =>
        `reshape: ${showShape(x!.shape)} has ${sizeOf(x!.shape)} elements, ${showShape(shape)} has ${sizeOf(shape)}`,
    );
    return { shape, dtype: x!.dtype };
  },
  transpose: ([x], { perm }) => {
    need(
      sameShape(
        [...perm].sort((a, b) => a - b),
        x!.shape.map((_, axis) => axis),
      ),
      () => `transpose: ${showShape(perm)} is no order of the axes of shape ${showShape(x!.shape)}`,
    );
    return { shape: perm.map((axis) => x!.shape[axis]!), dtype: x!.dtype };
  },
  expand: ([x], { shape }) => {
    need(
      sameShape(broadcastShapes(x!.shape, shape, 'expand'), shape),
      () => `expand: shape ${showShape(x!.shape)} does not stretch to ${showShape(shape)}`,
    );
    return { shape, dtype: x!.dtype };
  },
  slice: ([x], { starts, stops, steps }) => ({
    shape: x!.shape.map((_, axis) => Math.max(0, Math.ceil((stops[axis]! - starts[axis]!) / steps[axis]!))),
    dtype: x!.dtype,
  }),
  concat: (inputs, { axis }) => {
    const first = inputs[0]!;
    for (const x of inputs) {
      need(
        x.dtype === first.dtype &&
          x.shape.length === first.shape.length &&
          x.shape.every((size, i) => i === axis || size === first.shape[i]),
        () =>
          `concat along axis ${axis}: ${x.dtype} ${showShape(x.shape)} does not fit ${first.dtype} ${showShape(first.shape)}`,
      );
    }
    const total = inputs.reduce((sum, x) => sum + x.shape[axis]!, 0);
    return { shape: first.shape.map((size, i) => (i === axis ? total : size)), dtype: first.dtype };
  },
  pad: ([x], { before, after }, op) => ({
    shape: x!.shape.map((size, axis) => before[axis]! + size + after[axis]!),
    dtype: numeric([x!], {} as never, op).dtype,
  }),

  take: ([table, indices]) => {
    need(table!.shape.length >= 1, () => 'take: a scalar has no rows');
    need(indices!.dtype === 'int32', () => `take: indices are ${indices!.dtype}, not int32`);
    return { shape: [...indices!.shape, ...table!.shape.slice(1)], dtype: table!.dtype };
  },
  putRows: ([values, indices], { rows }) => ({
    shape: [rows, ...values!.shape.slice(indices!.shape.length)],
    dtype: 'float32',
  }),
  gather: ([x, indices], { axis }) => {
    need(indices!.dtype === 'int32', () => `gather: indices are ${indices!.dtype}, not int32`);
    need(
      indices!.shape.length === x!.shape.length &&
        indices!.shape.every((size, i) => i === axis || size === x!.shape[i]),
      () =>
        `gather along axis ${axis}: indices of shape ${showShape(indices!.shape)} must agree with shape ` +
        `${showShape(x!.shape)} on every other axis`,
    );
    return { shape: indices!.shape, dtype: x!.dtype };
  },
  scatter: (_, { shape }) => ({ shape, dtype: 'float32' }),

  layerNorm: ([x, weight, bias], _, op) => {
    const size = x!.shape.at(-1);
    for (const [name, p] of [
      ['weight', weight],
      ['bias', bias],
    ] as const) {
      need(
        p !== undefined && size !== undefined && sameShape(p.shape, [size]),
        () => `layerNorm: ${name} has shape ${showShape(p!.shape)} but x has shape ${showShape(x!.shape)}`,
      );
      needFloat(p!, `layerNorm (${name})`);
    }
    return float([x!], {} as never, op);
  },
  rmsNorm: ([x, weight], _, op) => {
    need(
      x!.shape.length > 0 && sameShape(weight!.shape, [x!.shape.at(-1)!]),
      () => `rmsNorm: weight has shape ${showShape(weight!.shape)} but x has shape ${showShape(x!.shape)}`,
    );
    needFloat(weight!, 'rmsNorm (weight)');
    return float([x!], {} as never, op);
  },
  crossEntropy: ([logits, targets]) => {
    needFloat(logits!, 'crossEntropy');
    need(targets!.dtype === 'int32', () => `crossEntropy: targets are ${targets!.dtype}, not int32`);
    need(
      logits!.shape.length === 2 && sameShape(targets!.shape, [logits!.shape[0]!]),
      () =>
        `crossEntropy takes logits [n, classes] and targets [n] but got ${showShape(logits!.shape)} ` +
        `and ${showShape(targets!.shape)}`,
    );
    return { shape: targets!.shape, dtype: 'float32' };
  },
  cachedAttention: (inputs, { heads, keyValueHeads, packed }, op) => {
    const [query, keys] = [inputs[0]!, inputs[packed ? 1 : 3]!];
    for (const x of inputs) if (x !== inputs.at(packed ? 3 : 5) && x !== inputs.at(packed ? 4 : 6)) needFloat(x, op);
    const size = keys.shape.at(-1)!;
    const width = (packed ? heads + 2 * keyValueHeads : heads) * size;
    need(
      query.shape.length === 3 && query.shape[2] === width && keys.shape[1] === keyValueHeads,
      () =>
        `cachedAttention: ${heads} heads and ${keyValueHeads} key-value heads of ${size} need queries [batch, time, ${width}] ` +
        `but got ${showShape(query.shape)}, and caches of shape ${showShape(keys.shape)}`,
    );
    return { shape: [query.shape[0]!, query.shape[1]!, heads * size], dtype: 'float32' };
  },
};
