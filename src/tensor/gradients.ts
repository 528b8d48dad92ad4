// Reverse-mode differentiation: one short rule for each operation, each building more graph.

import type { Attributes, Op } from './ops.ts';
import { type Shape, ShapeError, sameShape, showShape, sizeOf } from './shape.ts';
import { attributesOf, concat, makeNode, ones, scalar, type Tensor, zeros } from './tensor.ts';

/**
 * Given an operation's node `y`, its inputs and the gradient `dy` of the loss with respect to `y`, a rule returns the
 * gradients with respect to the inputs; null where none flows.
 */
type GradientRule<K extends Op> = (
  dy: Tensor,
  y: Tensor,
  inputs: readonly Tensor[],
  attributes: Attributes[K],
) => readonly (Tensor | null)[];

/** Sums a gradient over the axes along which its tensor was stretched. */
function unbroadcast(dy: Tensor, shape: Shape): Tensor {
  if (sameShape(dy.shape, shape)) return dy;
  const leading = dy.rank - shape.length;
  const axes = dy.shape.flatMap((size, axis) =>
    axis < leading || (shape[axis - leading] === 1 && size !== 1) ? [axis] : [],
  );
  return dy.sum({ axis: axes, keepDims: true }).reshape(shape);
}

/** 1 where `a` is the greater, 0 where it is the smaller, 1/2 at a tie, as PyTorch shares the gradient. */
function shareOfGreater(a: Tensor, b: Tensor): Tensor {
  return a.sub(b).sign().mul(0.5).add(0.5);
}

const SQRT_HALF = Math.SQRT1_2;
const INV_SQRT_2PI = 1 / Math.sqrt(2 * Math.PI);
const GELU_SCALE = Math.sqrt(2 / Math.PI);
const GELU_CUBIC = 0.044715;

/** The derivative of GELU at `x`. */
function geluSlope(x: Tensor, y: Tensor, approximate: 'none' | 'tanh'): Tensor {
  const square = x.mul(x);
  if (approximate === 'none') {
    const density = square.mul(-0.5).exp().mul(x).mul(INV_SQRT_2PI);
    return x.mul(SQRT_HALF).erf().mul(0.5).add(0.5).add(density);
  }
  // tanh(u) / 2 + 1 / 2 = sigmoid(2u) =: p, so that y = x p and y' = p + y (1 - p) (2u)'.
  const p = square
    .mul(2 * GELU_SCALE * GELU_CUBIC)
    .add(2 * GELU_SCALE)
    .mul(x)
    .sigmoid();
  const inner = square.mul(6 * GELU_SCALE * GELU_CUBIC).add(2 * GELU_SCALE);
  return scalar(1).sub(p).mul(y).mul(inner).add(p);
}

/** A matrix gradient of `matmul`, summed over the batch axes that were stretched. */
function matmulGradient(
  a: Tensor,
  b: Tensor,
  flags: { transposeA: boolean; transposeB: boolean },
  alpha: number,
  shape: Shape,
): Tensor {
  return unbroadcast(a.matmul(b, { ...flags, alpha }), shape);
}

/** `[.., n]` as a matrix `[rows, n]`. */
function asRows(x: Tensor): Tensor {
  return x.reshape([sizeOf(x.shape.slice(0, -1)), x.shape.at(-1)!]);
}

const none: GradientRule<Op> = (_dy, _y, inputs) => inputs.map(() => null);

const gradientRules: { readonly [K in Op]: GradientRule<K> } = {
  leaf: none,
  output: () => {
    throw new Error(
      'gradients: the loss depends on a gradient of layerNorm, rmsNorm or crossEntropy, and these have no second ' +
        'derivatives; write them with mean, sqrt and logSoftmax, or cut the path with stopGradient',
    );
  },
  stopGradient: none,

  neg: (dy) => [dy.neg()],
  abs: (dy, _y, [x]) => [dy.mul(x!.sign())],
  sign: none,
  exp: (dy, y) => [dy.mul(y)],
  log: (dy, _y, [x]) => [dy.div(x!)],
  sqrt: (dy, y) => [dy.mul(0.5).div(y)],
  reciprocal: (dy, y) => [dy.mul(y).mul(y).neg()],
  tanh: (dy, y) => [dy.sub(dy.mul(y).mul(y))],
  sigmoid: (dy, y) => [dy.mul(y.sub(y.mul(y)))],
  relu: (dy, y) => [dy.mul(y.sign())],
  erf: (dy, _y, [x]) => [
    x!
      .mul(x!)
      .neg()
      .exp()
      .mul(2 / Math.sqrt(Math.PI))
      .mul(dy),
  ],
  gelu: (dy, y, [x], { approximate }) => [geluSlope(x!, y, approximate).mul(dy)],
  clip: (dy, y, [x]) => [dy.mul(y.equal(x!).cast('float32'))],
  not: none,
  cast: (dy, _y, [x]) => [x!.dtype === 'float32' ? dy : null],

  add: (dy, _y, [a, b]) => [unbroadcast(dy, a!.shape), unbroadcast(dy, b!.shape)],
  sub: (dy, _y, [a, b]) => [unbroadcast(dy, a!.shape), unbroadcast(dy.neg(), b!.shape)],
  mul: (dy, _y, [a, b]) =>
    a === b ? [dy.mul(a!).mul(2), null] : [unbroadcast(dy.mul(b!), a!.shape), unbroadcast(dy.mul(a!), b!.shape)],
  div: (dy, y, [a, b]) => {
    const da = dy.div(b!);
    return [unbroadcast(da, a!.shape), unbroadcast(da.mul(y).neg(), b!.shape)];
  },
  pow: (dy, y, [a, b]) => [
    // As PyTorch: x^0 has slope 0 everywhere, and 0^b has slope 0 in the exponent.
    unbroadcast(b!.equal(0).where(0, dy.mul(b!).mul(a!.pow(b!.sub(1)))), a!.shape),
    unbroadcast(dy.mul(a!.equal(0).where(0, y.mul(a!.log()))), b!.shape),
  ],
  minimum: (dy, _y, [a, b]) => {
    const da = dy.mul(shareOfGreater(b!, a!));
    return [unbroadcast(da, a!.shape), unbroadcast(dy.sub(da), b!.shape)];
  },
  maximum: (dy, _y, [a, b]) => {
    const da = dy.mul(shareOfGreater(a!, b!));
    return [unbroadcast(da, a!.shape), unbroadcast(dy.sub(da), b!.shape)];
  },
  equal: none,
  less: none,
  lessEqual: none,
  and: none,
  or: none,
  where: (dy, _y, [condition, a, b]) => [
    null,
    unbroadcast(condition!.where(dy, 0), a!.shape),
    unbroadcast(condition!.where(0, dy), b!.shape),
  ],

  matmul: (dy, _y, [a, b], { transposeA, transposeB, alpha }) => [
    transposeA
      ? matmulGradient(b!, dy, { transposeA: transposeB, transposeB: true }, alpha, a!.shape)
      : matmulGradient(dy, b!, { transposeA: false, transposeB: !transposeB }, alpha, a!.shape),
    transposeB
      ? matmulGradient(dy, a!, { transposeA: true, transposeB: transposeA }, alpha, b!.shape)
      : matmulGradient(a!, dy, { transposeA: !transposeA, transposeB: false }, alpha, b!.shape),
  ],
  linear: (dy, _y, [x, weight]) => {
    const rows = asRows(dy);
    return [
      rows.matmul(weight!).reshape(x!.shape),
      rows.matmul(asRows(x!), { transposeA: true }),
      rows.sum({ axis: 0 }),
    ];
  },
  sum: (dy, _y, [x], { axes }) => {
    const kept = x!.shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
    return [dy.reshape(kept).expand(x!.shape)];
  },
  max: (dy, y, [x], { axes }) => {
    const kept = x!.shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
    const chosen = x!.equal(y.reshape(kept)).cast('float32');
    return [chosen.mul(dy.reshape(kept).div(chosen.sum({ axis: axes, keepDims: true })))];
  },
  argmax: none,
  softmax: (dy, y, _inputs, { axis }) => {
    const weighted = dy.mul(y);
    return [weighted.sub(y.mul(weighted.sum({ axis, keepDims: true })))];
  },
  logSoftmax: (dy, y, _inputs, { axis }) => [dy.sub(y.exp().mul(dy.sum({ axis, keepDims: true })))],
  cumsum: (dy, _y, _inputs, { axis, reverse }) => [makeNode('cumsum', [dy], { axis, reverse: !reverse })],

  reshape: (dy, _y, [x]) => [dy.reshape(x!.shape)],
  transpose: (dy, _y, _inputs, { perm }) => [dy.permute(perm.map((_, axis) => perm.indexOf(axis)))],
  expand: (dy, _y, [x]) => [unbroadcast(dy, x!.shape)],
  slice: (dy, _y, [x], { starts, steps }) => [unslice(dy, x!.shape, starts, steps)],
  concat: (dy, _y, inputs, { axis }) => {
    let start = 0;
    return inputs.map((x) => {
      const at = (value: number): number[] => x.shape.map((_, i) => (i === axis ? value : 0));
      const begin = start;
      start += x.shape[axis]!;
      const stops = x.shape.map((size, i) => (i === axis ? begin + x.shape[axis]! : size));
      return dy.slice(at(begin), stops);
    });
  },
  pad: (dy, _y, [x], { before }) => [
    dy.slice(
      before,
      before.map((n, axis) => n + x!.shape[axis]!),
    ),
  ],

  take: (dy, _y, [table, indices]) => [makeNode('putRows', [dy, indices!], { rows: table!.shape[0]! }), null],
  putRows: (dy, _y, [, indices]) => [dy.take(indices!), null],
  gather: (dy, _y, [x, indices], { axis }) => [makeNode('scatter', [dy, indices!], { axis, shape: x!.shape }), null],
  scatter: (dy, _y, [, indices], { axis }) => [dy.gather(indices!, axis), null],

  layerNorm: (dy, y, [x, weight]) => {
    const stats = [...x!.shape.slice(0, -1), 1];
    const mean = makeNode('output', [y], { index: 1, shape: stats });
    const deviation = makeNode('output', [y], { index: 2, shape: stats });
    const normal = x!.sub(mean).mul(deviation);
    return [...normGradient(dy, normal, weight!, deviation, true), asRows(dy).sum({ axis: 0 })];
  },
  rmsNorm: (dy, y, [x, weight]) => {
    const deviation = makeNode('output', [y], { index: 1, shape: [...x!.shape.slice(0, -1), 1] });
    return normGradient(dy, x!.mul(deviation), weight!, deviation, false);
  },
  crossEntropy: (dy, y, [logits, targets]) => {
    const probabilities = makeNode('output', [y], { index: 1, shape: logits!.shape });
    const scale = dy.unsqueeze(1);
    // One pass over the classes and a few written elements, instead of a dense one-hot.
    return [
      makeNode('scatter', [scale.neg(), targets!.unsqueeze(1)], { axis: 1, shape: logits!.shape }).add(
        probabilities.mul(scale),
      ),
      null,
    ];
  },
  cachedAttention: () => {
    throw new Error('cachedAttention is for decoding and has no gradient: differentiate the whole sequence at once');
  },
};

/** `y = normal * weight`: the gradients of x and weight, where x was scaled by `deviation` (and centred first, for layer norm). */
function normGradient(
  dy: Tensor,
  normal: Tensor,
  weight: Tensor,
  deviation: Tensor,
  centred: boolean,
): [Tensor, Tensor] {
  const scaled = dy.mul(weight);
  const mean = (x: Tensor): Tensor => x.mean({ axis: -1, keepDims: true });
  const along = normal.mul(mean(scaled.mul(normal)));
  const inner = (centred ? scaled.sub(mean(scaled)) : scaled).sub(along);
  return [inner.mul(deviation), asRows(dy.mul(normal)).sum({ axis: 0 })];
}

/** Writes `dy` back to where a slice took its elements from, zeros between and around. */
function unslice(dy: Tensor, shape: Shape, starts: readonly number[], steps: readonly number[]): Tensor {
  let out = dy;
  if (dy.size === 0) return zeros(shape);
  shape.forEach((size, axis) => {
    const step = steps[axis]!;
    const count = out.shape[axis]!;
    const at = (value: number, rank = out.rank): number[] =>
      Array.from({ length: rank }, (_, i) => (i === axis ? value : 0));
    let first = starts[axis]!;
    if (step < 0) {
      out = out.slice(
        at(count - 1).map((v, i) => (i === axis ? v : null)),
        [],
        out.shape.map((_, i) => (i === axis ? -1 : 1)),
      );
      first += step * (count - 1);
    }
    const gap = Math.abs(step);
    if (gap > 1) {
      const spread = [...out.shape.slice(0, axis + 1), 1, ...out.shape.slice(axis + 1)];
      const zerosAfter = spread.map((_, i) => (i === axis + 1 ? gap - 1 : 0));
      const widened = out.reshape(spread).pad(
        spread.map(() => 0),
        zerosAfter,
      );
      out = widened.reshape(out.shape.map((n, i) => (i === axis ? n * gap : n)));
      out = out.slice(
        at(0),
        out.shape.map((n, i) => (i === axis ? (count - 1) * gap + 1 : n)),
      );
    }
    const after = size - first - out.shape[axis]!;
    if (first > 0 || after > 0) out = out.pad(at(first), at(after));
  });
  return out;
}

/**
 * The gradients of the scalar `loss` with respect to each of `inputs`, as tensors of the inputs' shapes.
 * An input that the loss does not depend on gets zeros.
 *
 * @throws ShapeError if `loss` is not a float32 scalar.
 */
export function gradients(loss: Tensor, inputs: readonly Tensor[]): Tensor[] {
  if (loss.size !== 1 || loss.dtype !== 'float32') {
    throw new ShapeError(
      `gradients: the loss must be one float32 number but has shape ${showShape(loss.shape)} and type ${loss.dtype}; ` +
        'take its sum or mean',
    );
  }
  const between = dependents(loss, inputs);
  const collected = new Map<Tensor, Tensor[]>([[loss, [ones(loss.shape)]]]);
  for (const node of between) {
    const parts = collected.get(node);
    if (parts === undefined) continue;
    const dy = total(parts);
    collected.set(node, [dy]);
    const rule = gradientRules[node.op] as GradientRule<Op>;
    rule(dy, node, node.inputs, node.attributes).forEach((dx, i) => {
      const input = node.inputs[i];
      if (dx === null || input === undefined || !between.has(input)) return;
      const others = collected.get(input);
      if (others === undefined) collected.set(input, [dx]);
      else others.push(dx);
    });
  }
  return inputs.map((input) => {
    const parts = collected.get(input);
    return parts === undefined ? zeros(input.shape) : total(parts);
  });
}

/** The sum of what flows back to one tensor from its uses. */
function total(parts: readonly Tensor[]): Tensor {
  return joined(parts) ?? parts.reduce((sum, part) => sum.add(part));
}

/**
 * Where a tensor was cut into pieces along an axis, each piece's gradient comes back padded with zeros. Laid end to
 * end they are the sum, in one pass.
 */
function joined(parts: readonly Tensor[]): Tensor | undefined {
  if (parts.length < 2 || !parts.every((part) => part.op === 'pad')) return undefined;
  const pads = parts.map((part) => ({ ...attributesOf(part, 'pad'), piece: part.inputs[0]! }));
  const axes = pads[0]!.before.flatMap((_, axis) => (pads[0]!.before[axis]! + pads[0]!.after[axis]! > 0 ? [axis] : []));
  if (axes.length !== 1) return undefined;
  const axis = axes[0]!;
  pads.sort((a, b) => a.before[axis]! - b.before[axis]!);
  let end = 0;
  for (const { before, piece } of pads) {
    const whole = piece.shape.every((size, i) => i === axis || size === parts[0]!.shape[i]);
    if (!whole || before[axis] !== end) return undefined;
    end += piece.shape[axis]!;
  }
  return end === parts[0]!.shape[axis]
    ? concat(
        pads.map(({ piece }) => piece),
        axis,
      )
    : undefined;
}

/** The nodes between `inputs` and `loss`, users before what they use. */
function dependents(loss: Tensor, inputs: readonly Tensor[]): ReadonlySet<Tensor> {
  const wanted = new Set(inputs);
  const depends = new Map<Tensor, boolean>();
  const order: Tensor[] = [];
  // An explicit stack: deep networks would overflow the call stack.
  const stack: [node: Tensor, entered: boolean][] = [[loss, false]];
  while (stack.length > 0) {
    const [node, entered] = stack.pop()!;
    if (entered) {
      const yes = wanted.has(node) || (node.op !== 'stopGradient' && node.inputs.some((input) => depends.get(input)));
      depends.set(node, yes);
      if (yes) order.push(node);
    } else if (!depends.has(node)) {
      depends.set(node, false);
      stack.push([node, true]);
      for (const input of node.inputs) if (!depends.has(input)) stack.push([input, false]);
    }
  }
  return new Set(order.reverse());
}
