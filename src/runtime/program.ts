// A program: a traced graph, loaded into the engine, that runs over bound memory.

import {
  allocate,
  type DType,
  sameShape,
  type Shape,
  sourceOf,
  type Storage,
  Tensor,
  type TensorData,
  type Typed,
} from '../tensor/index.ts';
import type { Binding, BoundModel, Engine, LoadedModel } from './engine.ts';
import { type EmittedGraph, emitGraph } from './graph.ts';

/** The order to write a value into memory that outlives the run: into a parameter, a gradient, a moment. */
export class Assignment {
  readonly target: Storage;
  readonly value: Tensor;

  constructor(target: Storage, value: Tensor) {
    this.target = target;
    this.value = value;
  }
}

/** Writes `value` into the memory of `target` when the program runs, in place where that is safe. */
export function assign(target: Storage, value: Tensor): Assignment {
  return new Assignment(target, value);
}

/** What a traced function may return: tensors and assignments in arrays and records, as deep as you like. */
export type Tree = Tensor | Assignment | readonly Tree[] | { readonly [key: string]: Tree };

/** A tree with each tensor replaced by `Leaf`, each assignment by undefined. */
export type Mapped<T, Leaf> = T extends Tensor
  ? Leaf
  : T extends Assignment
    ? undefined
    : { readonly [K in keyof T]: Mapped<T[K], Leaf> };

export interface ProgramOptions {
  readonly engine: Engine;
  readonly threads: number;
}

/** Memory to run over. What is left out is allocated. */
export interface ProgramMemory {
  readonly arguments?: readonly TensorData[] | undefined;
  /** For the tensors of the result, in their order in the tree; assignments have their own memory. */
  readonly outputs?: readonly TensorData[] | undefined;
}

/** A program tied to memory. Write `arguments`, run, read `results`; nothing is copied or allocated. */
export interface BoundProgram<T> {
  readonly arguments: readonly TensorData[];
  /** The result tree, with the memory of each tensor. The next run overwrites it. */
  readonly results: Mapped<T, TensorData>;
  run(): void;
  /** Runs on a second thread while `other` runs on this one, and returns when both are done: for work of less than a millisecond. */
  runBeside(other: BoundProgram<T>): void;
  /**
   * Runs on another thread. Wait for the promise before touching the memory or running again.
   *
   * @param signal ends the run between two operations: its reason is thrown, and what the program writes is half written
   */
  runAsync(signal?: AbortSignal): Promise<void>;
  release(): void;
}

const abandoned = new FinalizationRegistry((model: LoadedModel) => model.release());

/** A graph that has been compiled. Bind it to memory to run it, as often and over as many memories as needed. */
export class Program<T extends Tree> {
  /** What the traced function returned. */
  readonly tree: T;
  readonly #tensors: readonly Tensor[];
  readonly #assignments: readonly Assignment[];
  readonly #parameters: readonly Typed[];
  readonly #graph: EmittedGraph;
  readonly #model: LoadedModel;
  #disposed = false;

  /** @param parameters the arguments that were traced, or their shapes and types. */
  constructor(tree: T, parameters: readonly Typed[], options: ProgramOptions) {
    const leaves = [...leavesOf(tree)];
    this.tree = tree;
    this.#tensors = leaves.filter((leaf) => leaf instanceof Tensor);
    this.#assignments = leaves.filter((leaf) => leaf instanceof Assignment);
    this.#parameters = parameters;
    if (leaves.length === 0) throw new Error('a program without tensors or assignments computes nothing');
    if (new Set(this.#assignments.map(({ target }) => target)).size < this.#assignments.length) {
      throw new Error('a program assigns twice to one parameter, gradient or state: which value should stay?');
    }
    for (const { target, value } of this.#assignments) {
      if (value.size !== target.data.length || value.dtype !== 'float32') {
        throw new Error(`assign: ${value} does not fit memory of ${target.data.length} float32 elements`);
      }
    }
    this.#graph = emitGraph([...this.#tensors, ...this.#assignments.map(({ value }) => value)]);
    for (const leaf of this.#graph.inputs) {
      const source = sourceOf(leaf);
      if (source.kind === 'argument' && !isParameter(leaf, parameters[source.index])) {
        throw new Error('an argument of a function that is being traced was used outside it: it has no elements yet');
      }
    }
    this.#model = options.engine.load(this.#graph.model, { threads: options.threads, bytes: this.#graph.bytes });
    abandoned.register(this, this.#model, this);
  }

  /** The number of native operations, for tests and curiosity. */
  get nodeCount(): number {
    return this.#graph.nodeCount;
  }

  bind(memory: ProgramMemory = {}): BoundProgram<T> {
    if (this.#disposed) throw new Error('this program has been disposed and cannot be bound');
    const args = this.#parameters.map(({ shape, dtype }, i) => {
      const given = memory.arguments?.[i] ?? allocateFor(shape, dtype);
      return fitting(given, shape, dtype, `argument ${i}`);
    });
    const outputs = this.#tensors.map(({ shape, dtype }, i) => {
      const given = memory.outputs?.[i] ?? allocateFor(shape, dtype);
      return fitting(given, shape, dtype, `output ${i}`);
    });
    return new Bound(this, this.#graph, this.#model, this.#assignments, args, outputs);
  }

  /**
   * Frees the native program. Its bindings cannot run any more; release them too.
   *
   * @throws Error if a run is under way.
   */
  dispose(): void {
    if (this.#disposed) return;
    this.#model.release();
    this.#disposed = true;
    abandoned.unregister(this);
  }
}

class Bound<T extends Tree> implements BoundProgram<T> {
  readonly arguments: readonly TensorData[];
  readonly results: Mapped<T, TensorData>;
  // Keeps the program, and with it the native model, from being collected while only a binding is in use.
  readonly program: Program<T>;
  readonly #graph: EmittedGraph;
  readonly #model: LoadedModel;
  readonly #assignments: readonly Assignment[];
  readonly #outputs: readonly TensorData[];
  readonly #storages: readonly Storage[];
  readonly #uniform: readonly (() => void)[];
  readonly #constantInputs: readonly TensorData[];
  #boundTo: TensorData[] = [];
  #staged: (readonly [from: TensorData, to: Storage])[] = [];
  #bound: BoundModel | undefined;
  #released = false;

  constructor(
    program: Program<T>,
    graph: EmittedGraph,
    model: LoadedModel,
    assignments: readonly Assignment[],
    args: readonly TensorData[],
    outputs: readonly TensorData[],
  ) {
    this.arguments = args;
    this.program = program;
    this.#graph = graph;
    this.#model = model;
    this.#assignments = assignments;
    this.#outputs = outputs;
    let next = 0;
    this.results = mapTree(program.tree, () => outputs[next++]!);
    const sources = graph.inputs.map((leaf) => sourceOf(leaf));
    this.#storages = [
      ...sources.flatMap((source) => (source.kind === 'storage' ? [source.storage] : [])),
      ...assignments.map(({ target }) => target),
    ];
    const uniform: (() => void)[] = [];
    this.#constantInputs = graph.inputs.map((leaf) => {
      const source = sourceOf(leaf);
      if (source.kind === 'constant') return source.data;
      if (source.kind !== 'uniform') return NOTHING;
      const data = new Float32Array(leaf.size);
      uniform.push(() => source.generator.fillUniform(data));
      return data;
    });
    this.#uniform = uniform;
    this.#bind();
  }

  run(): void {
    this.#prepare().run();
    for (const [from, to] of this.#staged) to.data.set(from);
  }

  runBeside(other: BoundProgram<T>): void {
    const beside = other as Bound<T>;
    this.#prepare().runBeside(beside.#prepare());
    for (const [from, to] of [...this.#staged, ...beside.#staged]) to.data.set(from);
  }

  async runAsync(signal?: AbortSignal): Promise<void> {
    await this.#prepare().runAsync(signal);
    for (const [from, to] of this.#staged) to.data.set(from);
  }

  release(): void {
    this.#bound?.release();
    this.#released = true;
  }

  #prepare(): BoundModel {
    if (this.#released) throw new Error('this binding has been released and cannot run again');
    for (const fill of this.#uniform) fill();
    for (let i = 0; i < this.#storages.length; i++) {
      if (this.#storages[i]!.data !== this.#boundTo[i]) {
        this.#bound!.release();
        this.#bind();
        break;
      }
    }
    return this.#bound!;
  }

  #bind(): void {
    const graph = this.#graph;
    const inputs = graph.inputs.map((leaf, i): Binding => {
      const source = sourceOf(leaf);
      const data =
        source.kind === 'storage'
          ? source.storage.data
          : source.kind === 'argument'
            ? this.arguments[source.index]!
            : this.#constantInputs[i]!;
      return { name: graph.inputNames[i]!, data, shape: leaf.shape, dtype: leaf.dtype };
    });
    this.#staged = [];
    const safe = (data: TensorData, output: number): boolean =>
      inputs.every(
        (input, i) => !overlap(input.data, data) || (sameRange(input.data, data) && graph.mayAlias(i, output)),
      );
    const outputs = this.#outputs.map((data, i): Binding => {
      if (!safe(data, i)) throw new Error(`output ${i} overlaps an input that is still read after it is written`);
      const { shape, dtype } = graph.outputs[i]!;
      return { name: graph.outputNames[i]!, data, shape, dtype };
    });
    this.#assignments.forEach(({ target, value }, j) => {
      const i = this.#outputs.length + j;
      let data: TensorData = target.data;
      if (!safe(data, i)) {
        data = new Float32Array(value.size);
        this.#staged.push([data, target]);
      }
      outputs.push({ name: graph.outputNames[i]!, data, shape: value.shape, dtype: value.dtype });
    });
    this.#boundTo = this.#storages.map((storage) => storage.data);
    this.#bound = this.#model.bind(inputs, outputs);
  }
}

const NOTHING = new Float32Array(0);

function allocateFor(shape: Shape, dtype: DType): TensorData {
  return allocate(
    dtype,
    shape.reduce((product, size) => product * size, 1),
  );
}

function fitting(data: TensorData, shape: Shape, dtype: DType, what: string): TensorData {
  const expected = allocate(dtype, 0).constructor;
  const size = shape.reduce((product, n) => product * n, 1);
  if (data.constructor !== expected || data.length !== size) {
    throw new Error(
      `${what}: a ${data.constructor.name} of ${data.length} elements was given, ` +
        `but shape [${shape.join(', ')}] of ${dtype} takes a ${expected.name} of ${size}`,
    );
  }
  return data;
}

/** `parameter` is the argument itself, or says its type. */
function isParameter(leaf: Tensor, parameter: Typed | undefined): boolean {
  if (parameter === undefined || parameter instanceof Tensor) return leaf === parameter;
  return sameShape(leaf.shape, parameter.shape) && leaf.dtype === parameter.dtype;
}

function overlap(a: TensorData, b: TensorData): boolean {
  return (
    a.buffer === b.buffer && a.byteOffset < b.byteOffset + b.byteLength && b.byteOffset < a.byteOffset + a.byteLength
  );
}

function sameRange(a: TensorData, b: TensorData): boolean {
  return a.byteOffset === b.byteOffset && a.byteLength === b.byteLength;
}

/** The tensors and assignments of a tree, in order. */
function* leavesOf(tree: Tree): Generator<Tensor | Assignment> {
  if (tree instanceof Tensor || tree instanceof Assignment) yield tree;
  else for (const branch of Object.values(tree)) yield* leavesOf(branch as Tree);
}

/** Replaces each tensor of a tree, in order, and each assignment by undefined. */
export function mapTree<T extends Tree, Leaf>(tree: T, leaf: (tensor: Tensor) => Leaf): Mapped<T, Leaf> {
  const visit = (node: Tree): unknown => {
    if (node instanceof Tensor) return leaf(node);
    if (node instanceof Assignment) return undefined;
    if (Array.isArray(node)) return node.map(visit);
    return Object.fromEntries(Object.entries(node).map(([key, branch]) => [key, visit(branch as Tree)]));
  };
  return visit(tree) as Mapped<T, Leaf>;
}
