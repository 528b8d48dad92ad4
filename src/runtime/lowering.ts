// How each operation becomes ONNX: one short rule an operation. The choices follow what ONNX Runtime's CPU kernels do
// well: transposed operands are flags, norms and GELU are single nodes, there is no Einsum and no in-graph sampling.

import {
  type Attributes,
  attributesOf,
  type DType,
  type Op,
  type Shape,
  sizeOf,
  type Tensor,
} from '../tensor/index.ts';

/** ONNX attribute values: whole numbers, floats (wrapped, since 1 could be either), text and lists of whole numbers. */
export type AttributeValue = number | { readonly float: number } | string | readonly number[];

/** Collects the nodes of an ONNX graph. Values are known by name. */
export interface Emitter {
  /** Adds a node and returns the name of its first output; further ones are called `name:1`, `name:2`. */
  node(
    opType: string,
    inputs: readonly string[],
    attributes?: Readonly<Record<string, AttributeValue>>,
    options?: { readonly outputs?: number; readonly domain?: 'com.microsoft' },
  ): string;
  /** A constant list of int64 numbers, as shapes and axes are. */
  int64(values: readonly number[]): string;
  /** A constant vector of ones, `[count]`. */
  ones(count: number): string;
  /** A constant scalar. */
  scalar(value: number, dtype: DType): string;
  /** Lets `main:1`, `main:2`, … stand for `others`, for an operation that becomes several nodes. Returns `main`. */
  outputs(main: string, others: readonly string[]): string;
  /** The further output `index` of the operation whose first output is `main`. */
  output(main: string, index: number): string;
}

type LoweringRule<K extends Op> = (
  emit: Emitter,
  inputs: readonly string[],
  attributes: Attributes[K],
  node: Tensor,
) => string;

const MICROSOFT = { domain: 'com.microsoft' } as const;

/** ONNX's element type numbers (TensorProto.DataType). */
export const ONNX_TYPE: Readonly<Record<DType | 'int64', number>> = { float32: 1, int32: 6, int64: 7, bool: 9 };

const simple =
  (opType: string): LoweringRule<Op> =>
  (emit, inputs) =>
    emit.node(opType, inputs);

const onAxis =
  (opType: string): LoweringRule<'softmax' | 'logSoftmax'> =>
  (emit, inputs, { axis }) =>
    emit.node(opType, inputs, { axis });

const reduction =
  (opType: string): LoweringRule<'sum' | 'max'> =>
  (emit, [x], { axes, keepDims }, node) => {
    const shape = node.inputs[0]!.shape;
    if (sizeOf(shape) === 1) return reshape(emit, x!, node.shape);
    if (
      opType === 'ReduceSum' &&
      shape.length === 2 &&
      axes.join() === '0' &&
      node.dtype === 'float32' &&
      shape[0]! > 0
    ) {
      // Sums of columns, as of every bias's gradient: a product with a row of ones is 2 to 5 times faster than ReduceSum.
      const sums = emit.node('MatMul', [emit.ones(shape[0]!), x!]);
      return keepDims ? reshape(emit, sums, node.shape) : sums;
    }
    return emit.node(opType, [x!, emit.int64(axes)], { keepdims: keepDims ? 1 : 0 });
  };

function reshape(emit: Emitter, x: string, shape: Shape): string {
  // allowzero: a 0 in the shape means an empty axis, not "copy the axis".
  return emit.node('Reshape', [x, emit.int64(shape)], shape.includes(0) ? { allowzero: 1 } : {});
}

function zeros(emit: Emitter, shape: Shape): string {
  return emit.node('Expand', [emit.scalar(0, 'float32'), emit.int64(shape)]);
}

/** The lowering of every operation but leaves, which the program binds to memory. */
const loweringRules: { readonly [K in Exclude<Op, 'leaf'>]: LoweringRule<K> } = {
  output: (emit, [main], { index }) => emit.output(main!, index),
  stopGradient: (_emit, [x]) => x!,

  neg: simple('Neg'),
  abs: simple('Abs'),
  sign: simple('Sign'),
  exp: simple('Exp'),
  log: simple('Log'),
  sqrt: simple('Sqrt'),
  reciprocal: simple('Reciprocal'),
  tanh: simple('Tanh'),
  sigmoid: simple('Sigmoid'),
  relu: simple('Relu'),
  erf: simple('Erf'),
  gelu: (emit, inputs, { approximate }) => emit.node('Gelu', inputs, { approximate }),
  clip: (emit, [x], { min, max }) => emit.node('Clip', [x!, emit.scalar(min, 'float32'), emit.scalar(max, 'float32')]),
  not: simple('Not'),
  cast: (emit, inputs, { dtype }) => emit.node('Cast', inputs, { to: ONNX_TYPE[dtype] }),

  add: simple('Add'),
  sub: simple('Sub'),
  mul: simple('Mul'),
  div: simple('Div'),
  pow: simple('Pow'),
  minimum: simple('Min'),
  maximum: simple('Max'),
  equal: simple('Equal'),
  less: simple('Less'),
  lessEqual: simple('LessOrEqual'),
  and: simple('And'),
  or: simple('Or'),
  where: simple('Where'),

  matmul: (emit, inputs, { transposeA, transposeB, alpha }, node) => {
    const [a, b] = node.inputs as [Tensor, Tensor];
    // FusedMatMul leaves its output unwritten where there is nothing to multiply.
    if (a.size === 0 || b.size === 0) return zeros(emit, node.shape);
    const flags = { transA: transposeA ? 1 : 0, transB: transposeB ? 1 : 0 };
    if (a.rank === 2 && b.rank === 2) {
      if (transposeA || transposeB || alpha !== 1)
        return emit.node('Gemm', inputs, { ...flags, alpha: { float: alpha } });
      return emit.node('MatMul', inputs);
    }
    if (!transposeA && b.rank === 2) {
      // One product over all rows instead of one for each batch entry.
      const rows = reshape(emit, inputs[0]!, [sizeOf(a.shape.slice(0, -1)), a.shape.at(-1)!]);
      return reshape(emit, emit.node('Gemm', [rows, inputs[1]!], { ...flags, alpha: { float: alpha } }), node.shape);
    }
    return emit.node('FusedMatMul', inputs, { ...flags, alpha: { float: alpha } }, MICROSOFT);
  },
  linear: (emit, [x, ...weightAndBias], _attributes, node) => {
    const input = node.inputs[0]!;
    if (input.size === 0)
      return emit.node('Expand', [weightAndBias[1] ?? emit.scalar(0, 'float32'), emit.int64(node.shape)]);
    const rows = input.rank === 2 ? x! : reshape(emit, x!, [sizeOf(input.shape.slice(0, -1)), input.shape.at(-1)!]);
    const product = emit.node('Gemm', [rows, ...weightAndBias], { transB: 1 });
    return input.rank === 2 ? product : reshape(emit, product, node.shape);
  },
  sum: reduction('ReduceSum'),
  max: reduction('ReduceMax'),
  argmax: (emit, inputs, { axis }) =>
    emit.node('Cast', [emit.node('ArgMax', inputs, { axis, keepdims: 0 })], { to: ONNX_TYPE.int32 }),
  softmax: onAxis('Softmax'),
  logSoftmax: onAxis('LogSoftmax'),
  cumsum: (emit, [x], { axis, reverse }) =>
    emit.node('CumSum', [x!, emit.scalar(axis, 'int32')], { reverse: reverse ? 1 : 0 }),

  reshape: (emit, [x], { shape }) => reshape(emit, x!, shape),
  transpose: (emit, inputs, { perm }) => emit.node('Transpose', inputs, { perm }),
  expand: (emit, [x], { shape }) => emit.node('Expand', [x!, emit.int64(shape)]),
  slice: (emit, [x], { starts, stops, steps }, node) => {
    const axes = node.shape.flatMap((_, axis) =>
      starts[axis] === 0 && stops[axis] === node.inputs[0]!.shape[axis] && steps[axis] === 1 ? [] : [axis],
    );
    // ONNX reads a stop of -1 as "one before the end"; far below zero it means "down to and with the first".
    const stop = (axis: number): number => (stops[axis]! < 0 ? -(2 ** 31) : stops[axis]!);
    const pick = (values: readonly number[]): string => emit.int64(axes.map((axis) => values[axis]!));
    return emit.node('Slice', [x!, pick(starts), emit.int64(axes.map(stop)), emit.int64(axes), pick(steps)]);
  },
  concat: (emit, inputs, { axis }) => emit.node('Concat', inputs, { axis }),
  pad: (emit, [x], { before, after, value }, node) =>
    emit.node('Pad', [x!, emit.int64([...before, ...after]), emit.scalar(value, node.dtype)]),

  take: (emit, inputs) => emit.node('Gather', inputs, { axis: 0 }),
  // The third input, which simplify.ts adds, is what the values are added to.
  // ScatterND would be faster by itself, but its threads lose sums where an index comes twice.
  putRows: (emit, [values, indices, onto], _attributes, node) => {
    const [rows, ...rest] = [node.inputs[1]!.size, ...node.shape.slice(1)];
    const at = reshape(emit, indices!, [rows, ...rest.map(() => 1)]);
    const each = emit.node('Expand', [at, emit.int64([rows, ...rest])]);
    const flat = reshape(emit, values!, [rows, ...rest]);
    return emit.node('ScatterElements', [onto ?? zeros(emit, node.shape), each, flat], { axis: 0, reduction: 'add' });
  },
  gather: (emit, inputs, { axis }) => emit.node('GatherElements', inputs, { axis }),
  scatter: (emit, [values, indices, onto], { axis }, node) => {
    const base = onto ?? zeros(emit, node.shape);
    return emit.node('ScatterElements', [base, indices!, values!], { axis, reduction: 'add' });
  },

  layerNorm: (emit, inputs, { epsilon }) =>
    emit.node('LayerNormalization', inputs, { axis: -1, epsilon: { float: epsilon } }, { outputs: 3 }),
  rmsNorm: (emit, inputs, { epsilon }) =>
    emit.node('SimplifiedLayerNormalization', inputs, { axis: -1, epsilon: { float: epsilon } }, { outputs: 2 }),
  crossEntropy: (emit, [logits, targets], _attributes, node) => {
    // The target's probability may be too small for float32, the largest one is not, and the logits say how far apart
    // they are: loss = max(logits) - logits[target] - log(max(probabilities)).
    const rows = node.shape[0]!;
    const probabilities = emit.node('Softmax', [logits!], { axis: 1 });
    const largest = (x: string): string => emit.node('ReduceMax', [x, emit.int64([1])], { keepdims: 0 });
    const chosen = emit.node('GatherElements', [logits!, reshape(emit, targets!, [rows, 1])], { axis: 1 });
    const distance = emit.node('Sub', [largest(logits!), reshape(emit, chosen, [rows])]);
    return emit.outputs(emit.node('Sub', [distance, emit.node('Log', [largest(probabilities)])]), [probabilities]);
  },
  cachedAttention: (emit, inputs, { heads, keyValueHeads, scale, packed }) => {
    const all = packed ? [inputs[0]!, '', '', ...inputs.slice(1)] : inputs;
    const attributes = { num_heads: heads, kv_num_heads: keyValueHeads, scale: { float: scale } };
    const options = { outputs: 3, ...MICROSOFT };
    return emit.node('GroupQueryAttention', all, { ...attributes, do_rotary: all.length > 7 ? 1 : 0 }, options);
  },
};

/** The lowering of one node whose inputs already have names. */
export function lower(emit: Emitter, node: Tensor, inputs: readonly string[]): string {
  const op = node.op as Exclude<Op, 'leaf'>;
  const rule = loweringRules[op] as LoweringRule<typeof op>;
  return rule(emit, inputs, attributesOf(node, op), node);
}
