// Random cases of every primitive operation, for property tests: inputs away from kinks and ties, and the node over them.

import fc from 'fast-check';
import {
  type Attributes,
  type DType,
  makeNode,
  type Op,
  type Shape,
  stack,
  type Tensor,
  tensor,
} from '../../src/tensor/index.ts';
import { sizeOf } from './interpreter.ts';

interface Input {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly data: readonly number[];
}

/** An operation applied to inputs. */
export interface Case {
  readonly inputs: readonly Input[];
  readonly build: (inputs: readonly Tensor[]) => Tensor;
}

/** Spread over -2 .. 2 unless told otherwise. */
interface Range {
  readonly low?: number;
  readonly high?: number;
}

// Sizes of 1 and 0 are where broadcasting and kernels go wrong.
const size = fc.constantFrom(1, 2, 3, 1, 4, 0);
const positiveSize = fc.constantFrom(1, 2, 3, 4);
const shapes = fc.array(size, { maxLength: 4 });
const shapesWithAxis = fc.array(size, { minLength: 1, maxLength: 4 });
const axisOf = (shape: Shape): fc.Arbitrary<number> => fc.nat({ max: shape.length - 1 });

/**
 * Distinct float32 numbers, in random order, none at 0 and none equal to those of another `stream`. Every number is a
 * whole multiple of a step plus an offset that depends on the stream.
 */
function floats(shape: Shape, stream = 0, { low = -2, high = 2 }: Range = {}): fc.Arbitrary<Input> {
  const count = sizeOf(shape);
  const step = (high - low) / (count + 1);
  const offset = step * (0.37 + 0.13 * stream);
  return fc
    .shuffledSubarray(
      Array.from({ length: count }, (_, i) => i),
      { minLength: count, maxLength: count },
    )
    .map((order) => ({
      shape,
      dtype: 'float32',
      data: order.map((i) => Math.fround(low + offset + i * step)),
    }));
}

function integers(shape: Shape, min: number, max: number): fc.Arbitrary<Input> {
  const count = sizeOf(shape);
  return fc
    .array(fc.integer({ min, max }), { minLength: count, maxLength: count })
    .map((data) => ({ shape, dtype: 'int32', data }));
}

function booleans(shape: Shape): fc.Arbitrary<Input> {
  return integers(shape, 0, 1).map((input) => ({ ...input, dtype: 'bool' }));
}

/** Shapes that broadcast together. */
function broadcasting(count: number): fc.Arbitrary<Shape[]> {
  return shapes.chain((whole) =>
    fc.array(
      fc
        .tuple(fc.nat({ max: whole.length }), fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }))
        .map(([dropped, ones]) => whole.map((n, axis) => (ones[axis] ? 1 : n)).slice(dropped)),
      { minLength: count, maxLength: count },
    ),
  );
}

function node<K extends Op>(op: K, attributes: Attributes[K]): Case['build'] {
  return (inputs) => makeNode(op, inputs, attributes);
}

const plain = (inputs: fc.Arbitrary<Input[]>, op: Op): fc.Arbitrary<Case> =>
  inputs.map((given) => ({ inputs: given, build: node(op, {} as never) }));

const unary = (op: Op, range: Range = {}, other?: DType): fc.Arbitrary<Case> =>
  shapes.chain((shape) =>
    plain(
      (other === 'int32'
        ? fc.oneof(floats(shape, 0, range), integers(shape, -5, 5))
        : other === 'bool'
          ? booleans(shape)
          : floats(shape, 0, range)
      ).map((x) => [x]),
      op,
    ),
  );

const binary = (op: Op, a: Range = {}, b: Range = {}, integerMinimum = -5): fc.Arbitrary<Case> =>
  broadcasting(2).chain(([p, q]) =>
    plain(
      fc.oneof(
        fc.tuple(floats(p!, 0, a), floats(q!, 1, b)),
        fc.tuple(integers(p!, integerMinimum, 5), integers(q!, Math.max(integerMinimum, op === 'div' ? 1 : -5), 5)),
      ),
      op,
    ),
  );

const logical = (op: Op): fc.Arbitrary<Case> =>
  broadcasting(2).chain(([p, q]) => plain(fc.tuple(booleans(p!), booleans(q!)), op));

/** Float32, int32 and bool for operations that only move elements. */
const anything = (shape: Shape): fc.Arbitrary<Input> =>
  fc.oneof({ arbitrary: floats(shape), weight: 3 }, integers(shape, -9, 9), booleans(shape));

const alongAxis = (op: 'softmax' | 'logSoftmax' | 'argmax'): fc.Arbitrary<Case> =>
  shapesWithAxis
    .chain((shape) => fc.tuple(floats(shape), axisOf(shape)))
    .filter(([x, axis]) => op !== 'argmax' || x.shape[axis]! > 0)
    .map(([x, axis]) => ({ inputs: [x], build: node(op, { axis }) }));

const reduction = (op: 'sum' | 'max'): fc.Arbitrary<Case> =>
  shapesWithAxis
    .chain((shape) =>
      fc.tuple(
        op === 'sum' ? fc.oneof(floats(shape), integers(shape, -9, 9)) : floats(shape),
        fc.subarray(
          shape.map((_, axis) => axis),
          { minLength: 1 },
        ),
        fc.boolean(),
      ),
    )
    .filter(([x, axes]) => op === 'sum' || axes.every((axis) => x.shape[axis]! > 0))
    .map(([x, axes, keepDims]) => ({ inputs: [x], build: node(op, { axes, keepDims }) }));

const matmul: fc.Arbitrary<Case> = fc
  .tuple(
    fc.tuple(size, size, size),
    broadcasting(2).filter((batches) => batches.every((batch) => batch.length <= 3)),
    fc.record({ transposeA: fc.boolean(), transposeB: fc.boolean(), alpha: fc.constantFrom(1, 1, -0.5, 2) }),
  )
  .chain(([[m, k, n], [p, q], attributes]) =>
    fc
      .tuple(
        floats([...p!, ...(attributes.transposeA ? [k, m] : [m, k])]),
        floats([...q!, ...(attributes.transposeB ? [n, k] : [k, n])], 1),
      )
      .map((inputs): Case => ({ inputs, build: node('matmul', attributes) })),
  );

const linear: fc.Arbitrary<Case> = fc
  .tuple(fc.array(size, { maxLength: 3 }), size, size, fc.boolean())
  .chain(([batch, features, out, biased]) =>
    plain(
      fc
        .tuple(floats([...batch, features]), floats([out, features], 1), floats([out], 2))
        .map((all) => (biased ? all : all.slice(0, 2))),
      'linear',
    ),
  );

/** Python's ranges, negative steps and ends beyond the tensor included. */
const slice: fc.Arbitrary<Case> = shapesWithAxis.chain((shape) => {
  const bound = fc.option(fc.integer({ min: -6, max: 6 }));
  const per = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T[]> =>
    fc.array(arbitrary, { minLength: shape.length, maxLength: shape.length });
  return fc
    .tuple(anything(shape), per(bound), per(bound), per(fc.constantFrom(1, 1, 2, 3, -1, -2)))
    .map(([x, starts, stops, steps]): Case => ({ inputs: [x], build: ([t]) => t!.slice(starts, stops, steps) }));
});

const norm = (op: 'layerNorm' | 'rmsNorm'): fc.Arbitrary<Case> =>
  fc
    .tuple(fc.array(size, { maxLength: 3 }), fc.constantFrom(3, 5, 8), fc.constantFrom(1e-5, 1e-2))
    .chain(([batch, last, epsilon]) =>
      fc
        .tuple(floats([...batch, last]), floats([last], 1), floats([last], 2))
        .map(
          ([x, weight, bias]): Case =>
            op === 'layerNorm'
              ? { inputs: [x, weight, bias], build: node('layerNorm', { epsilon }) }
              : { inputs: [x, weight], build: node('rmsNorm', { epsilon }) },
        ),
    );

const crossEntropy: fc.Arbitrary<Case> = fc
  .tuple(size, positiveSize)
  .chain(([rows, classes]) =>
    plain(fc.tuple(floats([rows, classes], 0, { low: -6, high: 6 }), integers([rows], 0, classes - 1)), 'crossEntropy'),
  );

/** The values that an operation has besides its first. */
const output: fc.Arbitrary<Case> = fc.oneof(
  norm('layerNorm').map(({ inputs, build }): Case => {
    const shape = [...inputs[0]!.shape.slice(0, -1), 1];
    return {
      inputs,
      build: (given) => {
        const y = build(given);
        return stack([makeNode('output', [y], { index: 1, shape }), makeNode('output', [y], { index: 2, shape })]);
      },
    };
  }),
  norm('rmsNorm').map(({ inputs, build }): Case => {
    const shape = [...inputs[0]!.shape.slice(0, -1), 1];
    return { inputs, build: (given) => makeNode('output', [build(given)], { index: 1, shape }) };
  }),
  crossEntropy.map(
    ({ inputs, build }): Case => ({
      inputs,
      build: (given) => makeNode('output', [build(given)], { index: 1, shape: inputs[0]!.shape }),
    }),
  ),
);

/** Slots that hold different numbers of tokens get one more each; or a single slot, from its start or later, gets several. */
const cachedAttention: fc.Arbitrary<Case> = fc
  .record({
    group: fc.constantFrom(1, 2),
    keyValueHeads: fc.constantFrom(1, 2),
    half: fc.constantFrom(8, 16),
    pasts: fc.oneof(fc.array(fc.nat({ max: 4 }), { minLength: 1, maxLength: 3 }), fc.tuple(fc.nat({ max: 3 }))),
    several: fc.integer({ min: 1, max: 3 }),
    packed: fc.boolean(),
    rotary: fc.boolean(),
  })
  .chain(({ group, keyValueHeads, half, pasts, several, packed, rotary }) => {
    const [heads, size, batch] = [group * keyValueHeads, 2 * half, pasts.length];
    const time = batch === 1 ? several : 1;
    const length = 7;
    const caches = [batch, keyValueHeads, length, size];
    const narrow = { low: -0.5, high: 0.5 };
    const projections = packed
      ? [floats([batch, time, (heads + 2 * keyValueHeads) * size], 0)]
      : [
          floats([batch, time, heads * size], 0),
          floats([batch, time, keyValueHeads * size], 1),
          floats([batch, time, keyValueHeads * size], 2),
        ];
    const last = pasts.map((past) => past + time - 1);
    const counts: Input[] = [
      { shape: [batch], dtype: 'int32', data: last },
      { shape: [], dtype: 'int32', data: [Math.max(...last) + 1] },
    ];
    const tables = rotary ? [floats([length, half], 0, narrow), floats([length, half], 1, narrow)] : [];
    return fc
      .tuple(...projections, floats(caches, 3), floats(caches, 4), ...counts.map((x) => fc.constant(x)), ...tables)
      .map(
        (inputs): Case => ({
          inputs,
          build: node('cachedAttention', { heads, keyValueHeads, scale: 0.3, packed }),
        }),
      );
  });

/** Cases of every operation, so that one without an entry does not compile. */
export const cases: { readonly [K in Op]: fc.Arbitrary<Case> } = {
  leaf: shapes.chain(anything).map(({ shape, dtype, data }) => ({
    inputs: [],
    build: () =>
      dtype === 'float32'
        ? tensor(Float32Array.from(data), { shape })
        : dtype === 'int32'
          ? tensor(Int32Array.from(data), { shape })
          : tensor(Uint8Array.from(data), { shape }),
  })),
  output,
  stopGradient: unary('stopGradient'),

  neg: unary('neg', {}, 'int32'),
  abs: unary('abs', {}, 'int32'),
  sign: unary('sign', {}, 'int32'),
  exp: unary('exp'),
  log: unary('log', { low: 0.1, high: 4 }),
  sqrt: unary('sqrt', { low: 0.1, high: 4 }),
  reciprocal: unary('reciprocal', { low: 0.2, high: 4 }),
  tanh: unary('tanh'),
  sigmoid: unary('sigmoid', { low: -6, high: 6 }),
  relu: unary('relu'),
  erf: unary('erf', { low: -3, high: 3 }),
  gelu: fc
    .tuple(
      shapes.chain((shape) => floats(shape, 0, { low: -4, high: 4 })),
      fc.constantFrom('none', 'tanh'),
    )
    .map(([x, approximate]) => ({ inputs: [x], build: node('gelu', { approximate }) })),
  clip: fc
    .tuple(
      shapes.chain((shape) => floats(shape)),
      fc.constantFrom([-0.7001, 0.9003], [-Infinity, 0.1007], [0.2009, Infinity]),
    )
    .map(([x, [min, max]]) => ({ inputs: [x], build: node('clip', { min: min!, max: max! }) })),
  not: unary('not', {}, 'bool'),
  cast: fc
    .tuple(shapes.chain(anything), fc.constantFrom<DType>('float32', 'int32', 'bool'))
    .map(([x, dtype]) => ({ inputs: [x], build: node('cast', { dtype }) })),

  add: binary('add'),
  sub: binary('sub'),
  mul: binary('mul'),
  div: binary('div', {}, { low: 0.5, high: 3 }),
  pow: binary('pow', { low: 0.3, high: 2 }, {}, 0),
  minimum: binary('minimum'),
  maximum: binary('maximum'),
  equal: binary('equal'),
  less: binary('less'),
  lessEqual: binary('lessEqual'),
  and: logical('and'),
  or: logical('or'),
  where: broadcasting(3).chain(([p, q, r]) =>
    plain(
      fc.oneof(
        fc.tuple(booleans(p!), floats(q!), floats(r!, 1)),
        fc.tuple(booleans(p!), integers(q!, -5, 5), integers(r!, -5, 5)),
      ),
      'where',
    ),
  ),

  matmul,
  linear,
  sum: reduction('sum'),
  max: reduction('max'),
  argmax: alongAxis('argmax'),
  softmax: alongAxis('softmax'),
  logSoftmax: alongAxis('logSoftmax'),
  cumsum: shapesWithAxis
    .chain((shape) =>
      fc.tuple(
        fc.oneof(floats(shape), integers(shape, -5, 5)),
        fc.record({ axis: axisOf(shape), reverse: fc.boolean() }),
      ),
    )
    .map(([x, attributes]) => ({ inputs: [x], build: node('cumsum', attributes) })),

  reshape: shapes
    .chain((shape) => fc.tuple(anything(shape), fc.nat({ max: shape.length }), fc.nat({ max: 2 })))
    .map(([x, cut, ones]) => {
      const shape = [sizeOf(x.shape.slice(0, cut)), ...Array.from({ length: ones }, () => 1), ...x.shape.slice(cut)];
      return { inputs: [x], build: node('reshape', { shape }) };
    }),
  transpose: shapes
    .chain((shape) =>
      fc.tuple(
        anything(shape),
        fc.shuffledSubarray(
          shape.map((_, axis) => axis),
          { minLength: shape.length, maxLength: shape.length },
        ),
      ),
    )
    .map(([x, perm]) => ({ inputs: [x], build: node('transpose', { perm }) })),
  expand: broadcasting(2)
    .chain(([from, to]) => fc.tuple(anything(from!), fc.constant(to!)))
    .map(([x, to]) => {
      const leading = Math.max(0, to.length - x.shape.length);
      const grown = [...Array.from({ length: leading }, () => 1), ...x.shape];
      const shape = grown.map((n, axis) => (n === 1 ? (to[axis - (grown.length - to.length)] ?? 1) : n));
      return { inputs: [x], build: node('expand', { shape }) };
    }),
  slice,
  concat: shapesWithAxis
    .chain((shape) =>
      axisOf(shape).chain((axis) =>
        fc.tuple(fc.array(size, { minLength: 1, maxLength: 3 }), fc.constantFrom(0, 1)).chain(([sizes, kind]) =>
          fc.tuple(
            fc.tuple(
              ...sizes.map((n, i) => {
                const part = shape.map((whole, j) => (j === axis ? n : whole));
                return kind === 0 ? floats(part, i) : booleans(part);
              }),
            ),
            fc.constant(axis),
          ),
        ),
      ),
    )
    .map(([inputs, axis]) => ({ inputs: inputs as Input[], build: node('concat', { axis }) })),
  pad: shapesWithAxis
    .chain((shape) => {
      const counts = fc.array(fc.nat({ max: 2 }), { minLength: shape.length, maxLength: shape.length });
      const inputs = fc.oneof(floats(shape), integers(shape, -5, 5));
      return fc.tuple(inputs, fc.record({ before: counts, after: counts, value: fc.constantFrom(0, -3) }));
    })
    .map(([x, attributes]) => ({ inputs: [x], build: node('pad', attributes) })),

  take: fc
    .tuple(positiveSize, fc.array(size, { maxLength: 2 }), fc.array(size, { maxLength: 2 }))
    .chain(([rows, width, indices]) =>
      plain(fc.tuple(anything([rows, ...width]), integers(indices, 0, rows - 1)), 'take'),
    ),
  putRows: fc
    .tuple(positiveSize, fc.array(size, { maxLength: 2 }), fc.array(size, { maxLength: 2 }))
    .chain(([rows, width, indices]) =>
      fc.tuple(floats([...indices, ...width]), integers(indices, 0, rows - 1), fc.constant(rows)),
    )
    .map(([values, indices, rows]) => ({ inputs: [values, indices], build: node('putRows', { rows }) })),
  gather: fc
    .array(positiveSize, { minLength: 1, maxLength: 4 })
    .chain((shape) => fc.tuple(fc.constant(shape), axisOf(shape), size))
    .chain(([shape, axis, count]) =>
      fc.tuple(
        anything(shape),
        integers(
          shape.map((n, i) => (i === axis ? count : n)),
          0,
          shape[axis]! - 1,
        ),
        fc.constant(axis),
      ),
    )
    .map(([x, indices, axis]) => ({ inputs: [x, indices], build: node('gather', { axis }) })),
  scatter: fc
    .array(positiveSize, { minLength: 1, maxLength: 4 })
    .chain((shape) => fc.tuple(fc.constant(shape), axisOf(shape), size))
    .chain(([shape, axis, count]) => {
      const values = shape.map((n, i) => (i === axis ? count : n));
      return fc.tuple(floats(values), integers(values, 0, shape[axis]! - 1), fc.constant({ axis, shape }));
    })
    .map(([values, indices, attributes]) => ({ inputs: [values, indices], build: node('scatter', attributes) })),

  layerNorm: norm('layerNorm'),
  rmsNorm: norm('rmsNorm'),
  crossEntropy,
  cachedAttention,
};
