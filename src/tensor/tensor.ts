// A Tensor is a node of a graph that has not run yet. Methods build the graph; `data()`, or a compiled program, runs it.

import type { Generator } from '../random/index.ts';
import {
  type Attributes,
  type DType,
  type Op,
  shapeRules,
  type Source,
  type Storage,
  type TensorData,
  type Typed,
} from './ops.ts';
import { normalizeAxes, normalizeAxis, type Shape, ShapeError, sameShape, showShape, sizeOf } from './shape.ts';

/** What stands for a tensor in arithmetic: a number takes the other side's element type. */
export type TensorLike = Tensor | number;

/** Nested arrays of numbers or booleans, all rows of one length. */
export type NestedArray = number | boolean | readonly NestedArray[];

interface ReductionOptions {
  /** The axes to reduce, negative ones counted from the end; all of them by default. */
  readonly axis?: number | readonly number[] | undefined;
  /** Keep reduced axes with size 1. Default false. */
  readonly keepDims?: boolean | undefined;
}

const MAX_FLOAT32 = 3.4028234663852886e38;

type Evaluate = (x: Tensor) => TensorData;
let evaluate: Evaluate = () => {
  throw new Error(
    "no engine is loaded to compute a tensor's elements: import 'gymformer' or 'gymformer/runtime' first",
  );
};

/** Tells tensors how to compute themselves; the runtime calls this when it is loaded. */
export function setEvaluator(evaluator: Evaluate): void {
  evaluate = evaluator;
}

/** Makes the node of a primitive operation: the one way tensors come to be. */
export function makeNode<K extends Op>(op: K, inputs: readonly Tensor[], attributes: Attributes[K]): Tensor {
  const { shape, dtype } = shapeRules[op](inputs, attributes, op);
  return new Tensor(op, inputs, attributes, shape, dtype);
}

/** An immutable, lazily computed array of float32, int32 or bool elements. */
export class Tensor implements Typed {
  readonly op: Op;
  readonly inputs: readonly Tensor[];
  readonly attributes: Attributes[Op];
  /** Sizes of the axes, outermost first. */
  readonly shape: Shape;
  readonly dtype: DType;

  /** Use the functions `tensor`, `zeros`, … and the methods below; `makeNode` is for new operations. */
  constructor(op: Op, inputs: readonly Tensor[], attributes: Attributes[Op], shape: Shape, dtype: DType) {
    this.op = op;
    this.inputs = inputs;
    this.attributes = attributes;
    this.shape = shape;
    this.dtype = dtype;
  }

  get rank(): number {
    return this.shape.length;
  }

  /** The number of elements. */
  get size(): number {
    return sizeOf(this.shape);
  }

  /** Computes the graph below this tensor and returns its elements in C order, in memory of their own. */
  async data(): Promise<TensorData> {
    return evaluate(this);
  }

  /** As `data`, without waiting. */
  dataSync(): TensorData {
    return evaluate(this);
  }

  /** The one element of a tensor of size 1. */
  item(): number {
    if (this.size !== 1) throw new ShapeError(`item: shape ${showShape(this.shape)} has ${this.size} elements, not 1`);
    return this.dataSync()[0]!;
  }

  toString(): string {
    return `Tensor(${this.op}, ${showShape(this.shape)}, ${this.dtype})`;
  }

  // Arithmetic, element by element, with broadcasting.

  add(other: TensorLike): Tensor {
    return other === 0 ? this : binary('add', this, other);
  }
  sub(other: TensorLike): Tensor {
    return other === 0 ? this : binary('sub', this, other);
  }
  mul(other: TensorLike): Tensor {
    return other === 1 ? this : binary('mul', this, other);
  }
  div(other: TensorLike): Tensor {
    if (other === 1) return this;
    return typeof other === 'number' && this.dtype === 'float32' && other !== 0
      ? binary('mul', this, 1 / other)
      : binary('div', this, other);
  }
  /** `this ** exponent`. */
  pow(exponent: TensorLike): Tensor {
    if (exponent === 1) return this;
    if (exponent === 2) return this.mul(this);
    if (exponent === 3) return this.mul(this).mul(this);
    if (exponent === 0.5) return this.sqrt();
    if (exponent === -1) return this.reciprocal();
    return binary('pow', this, exponent);
  }
  minimum(other: TensorLike): Tensor {
    return binary('minimum', this, other);
  }
  maximum(other: TensorLike): Tensor {
    return binary('maximum', this, other);
  }
  neg(): Tensor {
    return makeNode('neg', [this], {});
  }
  abs(): Tensor {
    return makeNode('abs', [this], {});
  }
  /** -1, 0 or 1. */
  sign(): Tensor {
    return makeNode('sign', [this], {});
  }
  exp(): Tensor {
    return makeNode('exp', [this], {});
  }
  /** The natural logarithm. */
  log(): Tensor {
    return makeNode('log', [this], {});
  }
  sqrt(): Tensor {
    return makeNode('sqrt', [this], {});
  }
  reciprocal(): Tensor {
    return makeNode('reciprocal', [this], {});
  }
  square(): Tensor {
    return this.mul(this);
  }
  tanh(): Tensor {
    return makeNode('tanh', [this], {});
  }
  sigmoid(): Tensor {
    return makeNode('sigmoid', [this], {});
  }
  relu(): Tensor {
    return makeNode('relu', [this], {});
  }
  /** The Gaussian error function. */
  erf(): Tensor {
    return makeNode('erf', [this], {});
  }
  /** `x Phi(x)`, exactly or by GPT-2's tanh formula (Hendrycks & Gimpel 2016, arXiv 1606.08415). Default 'none', exact. */
  gelu(approximate: 'none' | 'tanh' = 'none'): Tensor {
    return makeNode('gelu', [this], { approximate });
  }
  /** `x sigmoid(x)`. */
  silu(): Tensor {
    return this.mul(this.sigmoid());
  }
  /** Every element held between `min` and `max`. The gradient is 1 inside, ends included, and 0 outside. */
  clip(min: number, max: number): Tensor {
    return makeNode('clip', [this], { min, max });
  }

  // Comparisons and logic, giving bool.

  equal(other: TensorLike): Tensor {
    return binary('equal', this, other);
  }
  notEqual(other: TensorLike): Tensor {
    return this.equal(other).not();
  }
  less(other: TensorLike): Tensor {
    return binary('less', this, other);
  }
  lessEqual(other: TensorLike): Tensor {
    return binary('lessEqual', this, other);
  }
  greater(other: TensorLike): Tensor {
    const [a, b] = pair('greater', this, other);
    return binary('less', b, a);
  }
  greaterEqual(other: TensorLike): Tensor {
    const [a, b] = pair('greaterEqual', this, other);
    return binary('lessEqual', b, a);
  }
  and(other: Tensor): Tensor {
    return makeNode('and', [this, other], {});
  }
  or(other: Tensor): Tensor {
    return makeNode('or', [this, other], {});
  }
  not(): Tensor {
    return makeNode('not', [this], {});
  }
  /** `a` where this bool tensor is true, `b` elsewhere. */
  where(a: TensorLike, b: TensorLike): Tensor {
    const [x, y] =
      a instanceof Tensor ? pair('where', a, b) : b instanceof Tensor ? pair('where', a, b) : [scalar(a), scalar(b)];
    return makeNode('where', [this, x, y], {});
  }
  /** Converts the element type; float32 to int32 cuts towards zero, anything to bool asks whether it is not 0. */
  cast(dtype: DType): Tensor {
    return dtype === this.dtype ? this : makeNode('cast', [this], { dtype });
  }

  // Products and reductions.

  /**
   * The matrix product over the last two axes; leading axes broadcast. `[.., m, k] x [.., k, n] -> [.., m, n]`.
   * An operand that is a transpose of its last two axes, or flagged as one, is read in place: no copy.
   */
  matmul(
    other: Tensor,
    options: { readonly transposeA?: boolean; readonly transposeB?: boolean; readonly alpha?: number } = {},
  ): Tensor {
    const { transposeA = false, transposeB = false, alpha = 1 } = options;
    return makeNode('matmul', [this, other], { transposeA, transposeB, alpha });
  }
  /** `x W^T + b`: `x [.., in]`, `weight [out, in]` (PyTorch's layout), `bias [out]`; gives `[.., out]`. */
  linear(weight: Tensor, bias?: Tensor): Tensor {
    return makeNode('linear', bias ? [this, weight, bias] : [this, weight], {});
  }
  sum(options: ReductionOptions = {}): Tensor {
    const axes = normalizeAxes(options.axis, this.rank, 'sum');
    return axes.length === 0 ? this : makeNode('sum', [this], { axes, keepDims: options.keepDims ?? false });
  }
  /** The mean; of no elements it is NaN. */
  mean(options: ReductionOptions = {}): Tensor {
    if (this.dtype !== 'float32') throw new ShapeError(`mean takes float32 but got ${this.dtype}; use cast('float32')`);
    const axes = normalizeAxes(options.axis, this.rank, 'mean');
    const count = axes.reduce((product, axis) => product * this.shape[axis]!, 1);
    return this.sum(options).mul(1 / count);
  }
  /** The largest element along `axis`. Equal largest ones share the gradient. */
  max(options: ReductionOptions = {}): Tensor {
    const axes = normalizeAxes(options.axis, this.rank, 'max');
    return axes.length === 0 ? this : makeNode('max', [this], { axes, keepDims: options.keepDims ?? false });
  }
  /** The smallest element along `axis`. */
  min(options: ReductionOptions = {}): Tensor {
    return this.neg().max(options).neg();
  }
  /** The index of the first largest element along `axis`, int32. */
  argmax(axis = -1): Tensor {
    return makeNode('argmax', [this], { axis: normalizeAxis(axis, this.rank, 'argmax') });
  }
  /** `log(sum(exp(x)))`, safe for large elements. */
  logsumexp(options: ReductionOptions = {}): Tensor {
    // Held finite: -Infinity - -Infinity would be NaN.
    const largest = this.max({ axis: options.axis, keepDims: true }).clip(-MAX_FLOAT32, MAX_FLOAT32).stopGradient();
    const sum = this.sub(largest).exp().sum(options);
    return sum.log().add(largest.reshape(sum.shape));
  }
  softmax(axis = -1): Tensor {
    return makeNode('softmax', [this], { axis: normalizeAxis(axis, this.rank, 'softmax') });
  }
  logSoftmax(axis = -1): Tensor {
    return makeNode('logSoftmax', [this], { axis: normalizeAxis(axis, this.rank, 'logSoftmax') });
  }
  /** The running sum along `axis`. */
  cumsum(axis: number): Tensor {
    return makeNode('cumsum', [this], { axis: normalizeAxis(axis, this.rank, 'cumsum'), reverse: false });
  }

  // Layout.

  /** The same elements in another shape; one size may be -1, to be worked out. */
  reshape(shape: Shape): Tensor {
    const unknown = shape.indexOf(-1);
    const rest = shape.reduce((product, size, axis) => (axis === unknown ? product : product * size), 1);
    const full = unknown < 0 ? shape : shape.map((size, axis) => (axis === unknown ? this.size / rest : size));
    if (!full.every((size) => Number.isInteger(size) && size >= 0)) {
      throw new ShapeError(`reshape: ${showShape(this.shape)} cannot become ${showShape(shape)}`);
    }
    return sameShape(full, this.shape) ? this : makeNode('reshape', [this], { shape: full });
  }
  /** Swaps two axes, the last two by default. */
  transpose(axisA = -2, axisB = -1): Tensor {
    const perm = this.shape.map((_, axis) => axis);
    const a = normalizeAxis(axisA, this.rank, 'transpose');
    const b = normalizeAxis(axisB, this.rank, 'transpose');
    perm[a] = b;
    perm[b] = a;
    return this.permute(perm);
  }
  /** Reorders all axes: axis `i` of the result is axis `perm[i]` of this. */
  permute(perm: readonly number[]): Tensor {
    const positive = perm.map((axis) => normalizeAxis(axis, this.rank, 'permute'));
    return positive.every((axis, i) => axis === i) ? this : makeNode('transpose', [this], { perm: positive });
  }
  /** Stretches axes of size 1 (and adds leading axes) to `shape`. */
  expand(shape: Shape): Tensor {
    return sameShape(shape, this.shape) ? this : makeNode('expand', [this], { shape });
  }
  /** Inserts an axis of size 1 at `axis`. */
  unsqueeze(axis: number): Tensor {
    const at = normalizeAxis(axis, this.rank + 1, 'unsqueeze');
    return this.reshape([...this.shape.slice(0, at), 1, ...this.shape.slice(at)]);
  }
  /** Removes the axis `axis` of size 1. */
  squeeze(axis: number): Tensor {
    const at = normalizeAxis(axis, this.rank, 'squeeze');
    if (this.shape[at] !== 1) throw new ShapeError(`squeeze: axis ${axis} of shape ${showShape(this.shape)} is not 1`);
    return this.reshape([...this.shape.slice(0, at), ...this.shape.slice(at + 1)]);
  }
  /**
   * A part, as Python's `x[start:stop:step, ...]` with one entry for each leading axis; `null` means from or to the
   * very end. Indices beyond the tensor are cut off, negative ones count from the end.
   */
  slice(
    starts: readonly (number | null)[],
    stops: readonly (number | null)[] = [],
    steps: readonly number[] = [],
  ): Tensor {
    if (Math.max(starts.length, stops.length, steps.length) > this.rank) {
      throw new ShapeError(`slice: ${starts.length} ranges for a tensor of shape ${showShape(this.shape)}`);
    }
    const ranges = this.shape.map((size, axis) => sliceRange(starts[axis], stops[axis], steps[axis] ?? 1, size));
    if (ranges.every(([start, stop, step], axis) => start === 0 && stop === this.shape[axis] && step === 1))
      return this;
    return makeNode('slice', [this], {
      starts: ranges.map(([start]) => start),
      stops: ranges.map(([, stop]) => stop),
      steps: ranges.map(([, , step]) => step),
    });
  }
  /** Adds `before[axis]` and `after[axis]` elements of `value` (default 0) around each axis. */
  pad(before: readonly number[], after: readonly number[], value = 0): Tensor {
    if (
      before.length !== this.rank ||
      after.length !== this.rank ||
      ![...before, ...after].every((n) => Number.isInteger(n) && n >= 0)
    ) {
      throw new ShapeError(
        `pad: ${showShape(before)} before and ${showShape(after)} after do not fit shape ${showShape(this.shape)}: ` +
          'give a whole number of 0 or more for each axis',
      );
    }
    return [...before, ...after].every((n) => n === 0) ? this : makeNode('pad', [this], { before, after, value });
  }

  // Indexing.

  /** Rows of this table: `[rows, ..]` and int32 `indices` of any shape give `[...indices.shape, ..]`. An embedding lookup. */
  take(indices: Tensor): Tensor {
    return makeNode('take', [this, indices], {});
  }
  /** The element at `indices` along `axis`; `indices` has this tensor's rank. As torch.gather, the other axes equal. */
  gather(indices: Tensor, axis = -1): Tensor {
    return makeNode('gather', [this, indices], { axis: normalizeAxis(axis, this.rank, 'gather') });
  }
  /** For int32 classes of any shape: 1 at the class, else 0, along a new last axis of size `depth`. float32. */
  oneHot(depth: number): Tensor {
    return this.unsqueeze(-1).equal(arange(depth)).cast('float32');
  }

  // Norms, losses, regularisation.

  /** Layer normalisation over the last axis (Ba et al. 2016, arXiv 1607.06450); epsilon defaults to PyTorch's 1e-5. */
  layerNorm(weight: Tensor, bias: Tensor, epsilon = 1e-5): Tensor {
    return makeNode('layerNorm', [this, weight, bias], { epsilon });
  }
  /** Root-mean-square normalisation over the last axis (Zhang & Sennrich 2019, arXiv 1910.07467). */
  rmsNorm(weight: Tensor, epsilon = 1e-6): Tensor {
    return makeNode('rmsNorm', [this, weight], { epsilon });
  }
  /** The loss of each row: logits `[n, classes]`, int32 targets `[n]`, gives `[n]`. */
  crossEntropy(targets: Tensor): Tensor {
    return makeNode('crossEntropy', [this, targets], {});
  }
  /** Zeroes elements with probability `p` and scales the rest by `1 / (1 - p)`; fresh draws from `generator` at every run. */
  dropout(p: number, generator: Generator): Tensor {
    if (!(p >= 0 && p < 1)) throw new RangeError(`dropout: probability ${p} is not in [0, 1)`);
    if (p === 0) return this;
    const kept = uniform(this.shape, generator).greaterEqual(p).cast('float32');
    return this.mul(kept.mul(1 / (1 - p)));
  }
  /** The same elements, through which no gradient flows. */
  stopGradient(): Tensor {
    return this.op === 'stopGradient' ? this : makeNode('stopGradient', [this], {});
  }
}

function leaf(source: Source, shape: Shape, dtype: DType): Tensor {
  return makeNode('leaf', [], { source, shape, dtype });
}

/** A tensor of the given elements: nested arrays, or a flat typed array with a shape. Booleans give bool, numbers float32 unless `dtype` says otherwise. */
export function tensor(
  data: NestedArray | TensorData,
  options: { readonly shape?: Shape | undefined; readonly dtype?: DType | undefined } = {},
): Tensor {
  if (ArrayBuffer.isView(data)) {
    const dtype = data instanceof Int32Array ? 'int32' : data instanceof Uint8Array ? 'bool' : 'float32';
    const shape = options.shape ?? [data.length];
    if (sizeOf(shape) !== data.length) {
      throw new ShapeError(`tensor: ${data.length} elements do not fill shape ${showShape(shape)}`);
    }
    return leaf({ kind: 'constant', data }, shape, dtype).cast(options.dtype ?? dtype);
  }
  const flat: (number | boolean)[] = [];
  const shape = flatten(data, flat);
  const dtype = options.dtype ?? (typeof flat[0] === 'boolean' ? 'bool' : 'float32');
  const elements = allocate(dtype, flat.length);
  flat.forEach((value, i) => {
    elements[i] = Number(value);
  });
  return leaf({ kind: 'constant', data: elements }, shape, dtype).reshape(options.shape ?? shape);
}

/** A tensor with every element `value`. */
export function full(shape: Shape, value: number, dtype: DType = 'float32'): Tensor {
  return scalar(value, dtype).expand(shape);
}
export function zeros(shape: Shape, dtype: DType = 'float32'): Tensor {
  return full(shape, 0, dtype);
}
export function ones(shape: Shape, dtype: DType = 'float32'): Tensor {
  return full(shape, 1, dtype);
}
/** `[0, 1, ..., count - 1]`, int32. */
export function arange(count: number): Tensor {
  return tensor(Int32Array.from({ length: count }, (_, i) => i));
}
export function scalar(value: number, dtype: DType = 'float32'): Tensor {
  return leaf({ kind: 'constant', data: allocate(dtype, 1).fill(value) }, [], dtype);
}
/** Fresh uniform draws in [0, 1) at every run, from `generator`. */
export function uniform(shape: Shape, generator: Generator): Tensor {
  return leaf({ kind: 'uniform', generator }, shape, 'float32');
}
/** The `index`-th argument of a traced function. */
export function argument(index: number, shape: Shape, dtype: DType): Tensor {
  return leaf({ kind: 'argument', index }, shape, dtype);
}
/** A view of memory that programs read in place. */
export function stored(storage: Storage, shape: Shape, name: string): Tensor {
  return leaf({ kind: 'storage', storage, name }, shape, 'float32');
}

/** Joins tensors along an existing axis. */
export function concat(tensors: readonly Tensor[], axis = 0): Tensor {
  if (tensors.length === 0) throw new ShapeError('concat: no tensors were given');
  const at = normalizeAxis(axis, tensors[0]!.rank, 'concat');
  return tensors.length === 1 ? tensors[0]! : makeNode('concat', tensors, { axis: at });
}
/** Joins tensors of one shape along a new axis. */
export function stack(tensors: readonly Tensor[], axis = 0): Tensor {
  return concat(
    tensors.map((x) => x.unsqueeze(axis)),
    axis,
  );
}

/** Memory for `size` elements, zeroed, of its own. */
export function allocate(dtype: DType, size: number): TensorData {
  // Over a buffer, since V8 moves small arrays that have none, and native code holds addresses.
  if (dtype === 'bool') return new Uint8Array(new ArrayBuffer(size));
  const buffer = new ArrayBuffer(4 * size);
  return dtype === 'float32' ? new Float32Array(buffer) : new Int32Array(buffer);
}

/** The attributes of a node known to be of operation `op`. */
export function attributesOf<K extends Op>(x: Tensor, _op: K): Attributes[K] {
  return x.attributes as Attributes[K];
}

/** Where a leaf's elements come from. */
export function sourceOf(leaf: Tensor): Source {
  return attributesOf(leaf, 'leaf').source;
}

function pair(op: string, a: TensorLike, b: TensorLike): [Tensor, Tensor] {
  if (a instanceof Tensor) return [a, b instanceof Tensor ? b : numberLike(op, b, a)];
  return [numberLike(op, a, b as Tensor), b as Tensor];
}

function numberLike(op: string, value: number, other: Tensor): Tensor {
  if (other.dtype === 'int32' && !Number.isInteger(value)) {
    throw new ShapeError(`${op}: ${value} does not fit an int32 tensor; cast it to float32 first`);
  }
  return scalar(value, other.dtype);
}

type Binary = 'add' | 'sub' | 'mul' | 'div' | 'pow' | 'minimum' | 'maximum' | 'equal' | 'less' | 'lessEqual';

function binary(op: Binary, a: Tensor, b: TensorLike): Tensor {
  return makeNode(op, pair(op, a, b), {});
}

function flatten(data: NestedArray, out: (number | boolean)[]): number[] {
  if (typeof data === 'number' || typeof data === 'boolean') {
    out.push(data);
    return [];
  }
  const shapes = data.map((row) => flatten(row, out));
  for (const shape of shapes) {
    if (!sameShape(shape, shapes[0]!)) {
      throw new ShapeError(
        `tensor: rows of shapes ${showShape(shapes[0]!)} and ${showShape(shape)} stand side by side`,
      );
    }
  }
  return [data.length, ...(shapes[0] ?? [])];
}

/** Python's slice(start, stop, step).indices(size). */
function sliceRange(
  start: number | null | undefined,
  stop: number | null | undefined,
  step: number,
  size: number,
): [start: number, stop: number, step: number] {
  if (!Number.isInteger(step) || step === 0) throw new ShapeError(`slice: a step of ${step} leads nowhere`);
  for (const index of [start, stop]) {
    if (typeof index === 'number' && index !== Math.trunc(index)) {
      throw new ShapeError(`slice: ${index} is not a whole number`);
    }
  }
  const [low, high] = step > 0 ? [0, size] : [-1, size - 1];
  const cut = (index: number | null | undefined, missing: number): number =>
    index === null || index === undefined ? missing : Math.min(high, Math.max(low, index < 0 ? index + size : index));
  const first = cut(start, step > 0 ? low : high);
  const last = cut(stop, step > 0 ? high : low);
  return [first, (last - first) * Math.sign(step) > 0 ? last : first, step];
}
