// A slow, plain, float64 interpreter of the graph, against which values and gradients of every operation are checked.
// It shares nothing with the lowering: each rule states what its operation means, element by element.

import type { Attributes, Op, Shape, Source, Tensor } from '../../src/tensor/index.ts';

/** An array in C order. Booleans are 0 and 1. */
export interface NumberArray {
  readonly shape: Shape;
  readonly data: Float64Array;
}

/** What leaves other than constants and stored memory hold. */
export interface Surroundings {
  /** Elements of the arguments, by index. */
  readonly arguments?: readonly Float64Array[];
  /** What a generator draws for a leaf of uniform numbers. */
  readonly draws?: (source: Extract<Source, { kind: 'uniform' }>, size: number) => Float64Array;
}

/** The elements of `outputs`, in float64. */
export function interpret(outputs: readonly Tensor[], surroundings: Surroundings = {}): NumberArray[] {
  const results = new Map<Tensor, readonly NumberArray[]>();
  const stack = [...outputs];
  while (stack.length > 0) {
    const node = stack.at(-1)!;
    const missing = node.inputs.filter((input) => !results.has(input));
    if (missing.length > 0) {
      stack.push(...missing);
      continue;
    }
    stack.pop();
    if (results.has(node)) continue;
    if (node.op === 'output') {
      results.set(node, [results.get(node.inputs[0]!)![(node.attributes as Attributes['output']).index]!]);
    } else {
      const inputs = node.inputs.map((input) => results.get(input)![0]!);
      const rule = rules[node.op] as Rule<Op>;
      results.set(node, [rule(inputs, node.attributes, node, surroundings)].flat());
    }
  }
  return outputs.map((output) => results.get(output)![0]!);
}

type Rule<K extends Op> = (
  inputs: readonly NumberArray[],
  attributes: Attributes[K],
  node: Tensor,
  surroundings: Surroundings,
) => NumberArray | NumberArray[];

// Arrays.

export function sizeOf(shape: Shape): number {
  return shape.reduce((product, size) => product * size, 1);
}

function build(shape: Shape, element: (index: number[]) => number): NumberArray {
  const data = new Float64Array(sizeOf(shape));
  const index = shape.map(() => 0);
  for (let i = 0; i < data.length; i++) {
    data[i] = element(index);
    for (let axis = shape.length - 1; axis >= 0 && ++index[axis]! === shape[axis]; axis--) index[axis] = 0;
  }
  return { shape, data };
}

function offset(shape: Shape, index: readonly number[]): number {
  return index.reduce((sum, i, axis) => sum * shape[axis]! + i, 0);
}

function at(x: NumberArray, index: readonly number[]): number {
  return x.data[offset(x.shape, index)]!;
}

/** The element that broadcasting puts at `index`. */
function stretched(x: NumberArray, index: readonly number[]): number {
  const leading = index.length - x.shape.length;
  return at(
    x,
    x.shape.map((size, axis) => (size === 1 ? 0 : index[axis + leading]!)),
  );
}

const unary =
  (f: (x: number) => number): Rule<Op> =>
  ([x]) => ({ shape: x!.shape, data: x!.data.map(f) });

/** Integers behave as in C: division cuts towards zero. */
const binary =
  (f: (a: number, b: number) => number): Rule<Op> =>
  ([a, b], _, node) =>
    build(node.shape, (index) => {
      const value = f(stretched(a!, index), stretched(b!, index));
      return node.dtype === 'int32' ? Math.trunc(value) : value;
    });

function replaced(index: readonly number[], axis: number, value: number): number[] {
  return index.map((i, j) => (j === axis ? value : i));
}

/** The elements of `x` along `axis` through `index`. */
function line(x: NumberArray, axis: number, index: readonly number[]): number[] {
  return Array.from({ length: x.shape[axis]! }, (_, i) => at(x, replaced(index, axis, i)));
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

function reduce(
  x: NumberArray,
  { axes, keepDims }: Attributes['sum'],
  f: (values: readonly number[]) => number,
): NumberArray {
  const keptShape = x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
  const groups: number[][] = Array.from({ length: sizeOf(keptShape) }, () => []);
  build(x.shape, (index) => {
    groups[offset(keptShape, replaceAll(index, axes))]!.push(at(x, index));
    return 0;
  });
  const shape = keepDims ? keptShape : x.shape.filter((_, axis) => !axes.includes(axis));
  return { shape, data: Float64Array.from(groups, f) };
}

function replaceAll(index: readonly number[], axes: readonly number[]): number[] {
  return index.map((i, axis) => (axes.includes(axis) ? 0 : i));
}

function logSumExp(values: readonly number[]): number {
  const largest = Math.max(...values);
  return largest + Math.log(sum(values.map((v) => Math.exp(v - largest))));
}

/** By the series with positive terms (Abramowitz & Stegun 7.1.6); beyond 6 it is 1 in float64. */
function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x);
  let term = x;
  let total = x;
  for (let n = 1; n < 200; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    total += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * total;
}

function product(a: NumberArray, b: NumberArray, shape: Shape, flags: Attributes['matmul']): NumberArray {
  const inner = a.shape.at(flags.transposeA ? -2 : -1)!;
  const entry = (
    x: NumberArray,
    index: readonly number[],
    row: number,
    column: number,
    transposed: boolean,
  ): number => {
    const matrix = transposed ? [column, row] : [row, column];
    const batch = index.slice(0, -2).slice(index.length - x.shape.length);
    return at(x, [...batch.map((i, axis) => (x.shape[axis] === 1 ? 0 : i)), ...matrix]);
  };
  return build(shape, (index) => {
    const [row, column] = index.slice(-2) as [number, number];
    let total = 0;
    for (let k = 0; k < inner; k++) {
      total += entry(a, index, row, k, flags.transposeA) * entry(b, index, k, column, flags.transposeB);
    }
    return flags.alpha * total;
  });
}

function leafData(source: Source, size: number, surroundings: Surroundings): Float64Array {
  switch (source.kind) {
    case 'constant':
      return Float64Array.from(source.data);
    case 'storage':
      return Float64Array.from(source.storage.data);
    case 'argument':
      return surroundings.arguments![source.index]!;
    case 'uniform':
      return surroundings.draws!(source, size);
  }
}

/** What every operation means. An operation without an entry does not compile. */
const rules: { readonly [K in Op]: Rule<K> } = {
  leaf: (_, { source, shape }, _node, surroundings) => ({
    shape,
    data: leafData(source, sizeOf(shape), surroundings),
  }),
  output: () => {
    throw new Error('outputs are looked up, not computed');
  },
  stopGradient: ([x]) => x!,

  neg: unary((x) => -x),
  abs: unary(Math.abs),
  sign: unary(Math.sign),
  exp: unary(Math.exp),
  log: unary(Math.log),
  sqrt: unary(Math.sqrt),
  reciprocal: unary((x) => 1 / x),
  tanh: unary(Math.tanh),
  sigmoid: unary((x) => 1 / (1 + Math.exp(-x))),
  relu: unary((x) => (x > 0 ? x : 0)),
  erf: unary(erf),
  gelu: ([x], { approximate }) => ({
    shape: x!.shape,
    data: x!.data.map((v) =>
      approximate === 'none'
        ? 0.5 * v * (1 + erf(v / Math.SQRT2))
        : 0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3))),
    ),
  }),
  clip: ([x], { min, max }) => ({ shape: x!.shape, data: x!.data.map((v) => Math.min(max, Math.max(min, v))) }),
  not: unary((x) => (x === 0 ? 1 : 0)),
  cast: ([x], { dtype }) => ({
    shape: x!.shape,
    data: x!.data.map((v) => (dtype === 'bool' ? Number(v !== 0) : dtype === 'int32' ? Math.trunc(v) : v)),
  }),

  add: binary((a, b) => a + b),
  sub: binary((a, b) => a - b),
  mul: binary((a, b) => a * b),
  div: binary((a, b) => a / b),
  pow: binary((a, b) => a ** b),
  minimum: binary(Math.min),
  maximum: binary(Math.max),
  equal: binary((a, b) => Number(a === b)),
  less: binary((a, b) => Number(a < b)),
  lessEqual: binary((a, b) => Number(a <= b)),
  and: binary((a, b) => a * b),
  or: binary((a, b) => Math.max(a, b)),
  where: ([condition, a, b], _, { shape }) =>
    build(shape, (index) => stretched(stretched(condition!, index) === 0 ? b! : a!, index)),

  matmul: ([a, b], attributes, { shape }) => product(a!, b!, shape, attributes),
  linear: ([x, weight, bias], _, { shape }) =>
    build(shape, (index) => {
      const out = index.at(-1)!;
      const features = Array.from({ length: weight!.shape[1]! }, (_unused, i) => i);
      const dot = sum(features.map((i) => at(x!, replaced(index, index.length - 1, i)) * at(weight!, [out, i])));
      return dot + (bias ? bias.data[out]! : 0);
    }),
  sum: ([x], attributes) => reduce(x!, attributes, sum),
  max: ([x], attributes) => reduce(x!, attributes, (values) => Math.max(...values)),
  argmax: ([x], { axis }) =>
    reduce(x!, { axes: [axis], keepDims: false }, (values) => values.indexOf(Math.max(...values))),
  softmax: ([x], { axis }) => build(x!.shape, (index) => Math.exp(at(x!, index) - logSumExp(line(x!, axis, index)))),
  logSoftmax: ([x], { axis }) => build(x!.shape, (index) => at(x!, index) - logSumExp(line(x!, axis, index))),
  cumsum: ([x], { axis, reverse }) =>
    build(x!.shape, (index) => {
      const values = line(x!, axis, index);
      return sum(reverse ? values.slice(index[axis]) : values.slice(0, index[axis]! + 1));
    }),

  reshape: ([x], { shape }) => ({ shape, data: x!.data }),
  transpose: ([x], { perm }, { shape }) =>
    build(shape, (index) => {
      const from = perm.map(() => 0);
      perm.forEach((axis, i) => {
        from[axis] = index[i]!;
      });
      return at(x!, from);
    }),
  expand: ([x], { shape }) => build(shape, (index) => stretched(x!, index)),
  slice: ([x], { starts, steps }, { shape }) =>
    build(shape, (index) =>
      at(
        x!,
        index.map((i, axis) => starts[axis]! + i * steps[axis]!),
      ),
    ),
  concat: (inputs, { axis }, { shape }) =>
    build(shape, (index) => {
      let position = index[axis]!;
      for (const x of inputs) {
        if (position < x.shape[axis]!) return at(x, replaced(index, axis, position));
        position -= x.shape[axis]!;
      }
      throw new Error('concat: beyond the last input');
    }),
  pad: ([x], { before, value }, { shape }) =>
    build(shape, (index) => {
      const inner = index.map((i, axis) => i - before[axis]!);
      return inner.every((i, axis) => i >= 0 && i < x!.shape[axis]!) ? at(x!, inner) : value;
    }),

  take: ([table, indices], _, { shape }) =>
    build(shape, (index) => {
      const rank = indices!.shape.length;
      return at(table!, [at(indices!, index.slice(0, rank)), ...index.slice(rank)]);
    }),
  putRows: ([values, indices], _, { shape }) => {
    const table = new Float64Array(sizeOf(shape));
    build(values!.shape, (index) => {
      const rank = indices!.shape.length;
      table[offset(shape, [at(indices!, index.slice(0, rank)), ...index.slice(rank)])]! += at(values!, index);
      return 0;
    });
    return { shape, data: table };
  },
  gather: ([x, indices], { axis }, { shape }) =>
    build(shape, (index) => at(x!, replaced(index, axis, at(indices!, index)))),
  scatter: ([values, indices], { axis, shape }) => {
    const out = new Float64Array(sizeOf(shape));
    build(values!.shape, (index) => {
      out[offset(shape, replaced(index, axis, at(indices!, index)))]! += at(values!, index);
      return 0;
    });
    return { shape, data: out };
  },

  layerNorm: ([x, weight, bias], { epsilon }) => {
    const last = { axes: [x!.shape.length - 1], keepDims: true };
    const mean = reduce(x!, last, (values) => sum(values) / values.length);
    const inverse = reduce(x!, last, (values) => {
      const centre = sum(values) / values.length;
      return 1 / Math.sqrt(sum(values.map((v) => (v - centre) ** 2)) / values.length + epsilon);
    });
    const y = build(x!.shape, (index) => {
      const normal = (at(x!, index) - stretched(mean, index)) * stretched(inverse, index);
      return normal * stretched(weight!, index) + stretched(bias!, index);
    });
    return [y, mean, inverse];
  },
  rmsNorm: ([x, weight], { epsilon }) => {
    const inverse = reduce(
      x!,
      { axes: [x!.shape.length - 1], keepDims: true },
      (values) => 1 / Math.sqrt(sum(values.map((v) => v * v)) / values.length + epsilon),
    );
    return [build(x!.shape, (index) => at(x!, index) * stretched(inverse, index) * stretched(weight!, index)), inverse];
  },
  crossEntropy: ([logits, targets]) => {
    const logProbabilities = build(logits!.shape, (index) => at(logits!, index) - logSumExp(line(logits!, 1, index)));
    const loss = build(targets!.shape, ([row]) => -at(logProbabilities, [row!, targets!.data[row!]!]));
    return [loss, { shape: logits!.shape, data: logProbabilities.data.map(Math.exp) }];
  },
  cachedAttention: (inputs, { heads, keyValueHeads, scale, packed }, { shape }) => {
    const [batch, time, width] = shape as [number, number, number];
    const size = width / heads;
    const [keyCache, valueCache, last, , cosines, sines] = inputs.slice(packed ? 1 : 3);
    const columns = (x: NumberArray, from: number, count: number): NumberArray =>
      build([batch, time, count * size], ([b, t, i]) => at(x, [b!, t!, from * size + i!]));
    const [query, key, value] = packed
      ? [
          columns(inputs[0]!, 0, heads),
          columns(inputs[0]!, heads, keyValueHeads),
          columns(inputs[0]!, heads + keyValueHeads, keyValueHeads),
        ]
      : (inputs as [NumberArray, NumberArray, NumberArray]);
    const position = (b: number, t: number): number => last!.data[b]! - time + 1 + t;
    /** Element `i` of head `head`: each half of a head is one coordinate of `size / 2` points that turn by their position. */
    const turned = (x: NumberArray, b: number, t: number, head: number, i: number): number => {
      const half = size / 2;
      const element = (j: number): number => at(x, [b, t, head * size + j]);
      if (cosines === undefined) return element(i);
      const [cos, sin] = [cosines, sines!].map((table) => at(table, [position(b, t), i % half])) as [number, number];
      return i < half ? element(i) * cos - element(i + half) * sin : element(i) * cos + element(i - half) * sin;
    };
    const filled = (cache: NumberArray, element: (b: number, t: number, head: number, i: number) => number) =>
      build(cache.shape, ([b, head, place, i]) => {
        const t = place! - position(b!, 0);
        return t >= 0 && t < time ? element(b!, t, head!, i!) : at(cache, [b!, head!, place!, i!]);
      });
    const keys = filled(keyCache!, (b, t, head, i) => turned(key, b, t, head, i));
    const values = filled(valueCache!, (b, t, head, i) => at(value, [b, t, head * size + i]));
    const y = build(shape, ([b, t, column]) => {
      const head = Math.floor(column! / size);
      const shared = Math.floor((head * keyValueHeads) / heads);
      const elements = Array.from({ length: size }, (_, i) => i);
      const scores = Array.from({ length: position(b!, t!) + 1 }, (_, p) =>
        sum(elements.map((i) => scale * turned(query, b!, t!, head, i) * at(keys, [b!, shared, p, i]))),
      );
      const total = logSumExp(scores);
      return sum(scores.map((score, p) => Math.exp(score - total) * at(values, [b!, shared, p, column! % size])));
    });
    return [y, keys, values];
  },
};
