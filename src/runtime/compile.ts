// compile turns a TypeScript function over tensors into native programs, one for each combination of argument shapes.

import {
  argument,
  type Tensor,
  type TensorData,
  type Typed,
  setEvaluator,
  showShape,
  sourceOf,
  tensor,
} from '../tensor/index.ts';
import { defaultThreads, engine } from './device.ts';
import { type BoundProgram, type Mapped, mapTree, Program, type Tree } from './program.ts';

export interface CompileOptions {
  /** How many threads one operation may use. Small programs are faster on 1. Default: {@link defaultThreads}. */
  readonly threads?: number | undefined;
  /** How many programs, one for each combination of argument shapes, are kept; the longest unused goes first. Default 16. */
  readonly maxPrograms?: number | undefined;
}

type Arguments<A extends readonly Tensor[]> = { readonly [K in keyof A]: Tensor };
type Types<A extends readonly Tensor[]> = { readonly [K in keyof A]: Typed };

/** A compiled function. Calling it runs natively and returns tensors with elements. */
export type Compiled<A extends readonly Tensor[], T extends Tree> = ((...args: Arguments<A>) => Mapped<T, Tensor>) &
  Methods<A, T>;

interface Methods<A extends readonly Tensor[], T extends Tree> {
  /** As a call, on another thread: the event loop goes on. */
  async(...args: Arguments<A>): Promise<Mapped<T, Tensor>>;
  /**
   * The program for arguments of the given shapes and types, bound to memory that the caller writes and reads itself:
   * for loops that run thousands of times. Stays until `dispose`.
   */
  bind(...types: Types<A>): BoundProgram<T>;
  /** The program itself, to bind to memory of the caller's. Stays until `dispose`. */
  program(...types: Types<A>): Program<T>;
  /** How many programs are kept at present. */
  programCount(): number;
  /** Frees all programs. */
  dispose(): void;
}

interface Entry<T extends Tree> {
  readonly program: Program<T>;
  bound: BoundProgram<T> | undefined;
  /** In the hands of a caller: not to be dropped. */
  pinned: boolean;
  /** Asynchronous runs under way. */
  pending: Promise<unknown>;
  busy: number;
}

/**
 * Traces `fn` once for each combination of argument shapes and types, differentiates what it differentiates, and runs
 * the result natively.
 *
 * ```ts
 * const norm = compile((x: Tensor) => x.square().sum().sqrt());
 * norm(tensor([3, 4])).item(); // 5
 * ```
 */
export function compile<A extends readonly Tensor[], T extends Tree>(
  fn: (...args: A) => T,
  options: CompileOptions = {},
): Compiled<A, T> {
  const { maxPrograms = 16 } = options;
  const entries = new Map<string, Entry<T>>();

  const entryFor = (types: readonly Typed[]): Entry<T> => {
    const key = types.map(({ shape, dtype }) => `${dtype}${showShape(shape)}`).join();
    let entry = entries.get(key);
    if (entry === undefined) {
      const leaves = types.map(({ shape, dtype }, i) => argument(i, shape, dtype));
      const program = new Program(fn(...(leaves as unknown as A)), leaves, {
        engine: engine(),
        threads: options.threads ?? defaultThreads(),
      });
      entry = { program, bound: undefined, pinned: false, pending: Promise.resolve(), busy: 0 };
    }
    // The map's order is the order of use.
    entries.delete(key);
    entries.set(key, entry);
    evict(entry);
    return entry;
  };

  const evict = (wanted: Entry<T>): void => {
    for (const [key, entry] of entries) {
      if (entries.size <= maxPrograms) return;
      if (entry === wanted || entry.pinned || entry.busy > 0) continue;
      free(entry);
      entries.delete(key);
    }
  };

  const enter = (bound: BoundProgram<T>, args: readonly Tensor[]): void => {
    args.forEach((arg, i) => {
      bound.arguments[i]!.set(arg.dataSync());
    });
  };

  const call = (...args: Arguments<A>): Mapped<T, Tensor> => {
    const entry = entryFor(args);
    if (entry.busy > 0)
      throw new Error('this compiled function is still running asynchronously: wait for its promise first');
    entry.bound ??= entry.program.bind();
    enter(entry.bound, args);
    entry.bound.run();
    return results(entry.bound, entry.program) as Mapped<T, Tensor>;
  };

  const callAsync = async (args: readonly Tensor[]): Promise<unknown> => {
    const entry = entryFor(args);
    entry.bound ??= entry.program.bind();
    const bound = entry.bound;
    entry.busy++;
    // Calls with equal shapes share memory, so they take turns.
    const result = entry.pending.then(async () => {
      try {
        enter(bound, args);
        await bound.runAsync();
        return results(bound, entry.program);
      } finally {
        entry.busy--;
      }
    });
    entry.pending = result.catch(() => undefined);
    return result;
  };

  const pinned = (types: readonly Typed[]): Entry<T> => {
    const entry = entryFor(types);
    entry.pinned = true;
    return entry;
  };

  const methods: Methods<A, T> = {
    async: (...args: Arguments<A>) => callAsync(args) as Promise<Mapped<T, Tensor>>,
    bind: (...types: Types<A>): BoundProgram<T> => pinned(types as readonly Typed[]).program.bind(),
    program: (...types: Types<A>): Program<T> => pinned(types as readonly Typed[]).program,
    dispose(): void {
      for (const [key, entry] of entries) {
        free(entry);
        entries.delete(key);
      }
    },
    programCount: () => entries.size,
  };
  return Object.assign(call, methods);
}

function free<T extends Tree>(entry: Entry<T>): void {
  entry.bound?.release();
  entry.program.dispose();
}

/** The results as tensors with memory of their own. */
function results(bound: { readonly results: unknown }, program: { readonly tree: Tree }): unknown {
  const memory = [...dataOf(bound.results)];
  let next = 0;
  const map = mapTree as (tree: Tree, leaf: (node: Tensor) => Tensor) => unknown;
  return map(program.tree, ({ shape }) => tensor(memory[next++]!.slice(), { shape }));
}

function* dataOf(tree: unknown): Generator<TensorData> {
  if (tree === undefined) return;
  if (ArrayBuffer.isView(tree)) yield tree as TensorData;
  else for (const branch of Object.values(tree as object)) yield* dataOf(branch);
}

setEvaluator((x) => {
  const source = x.op === 'leaf' ? sourceOf(x) : undefined;
  if (source?.kind === 'constant') return source.data.slice();
  if (source?.kind === 'argument') {
    throw new Error('an argument of a function that is being traced has no elements yet');
  }
  const program = new Program(x, [], { engine: engine(), threads: defaultThreads() });
  const bound = program.bind();
  try {
    bound.run();
    return bound.results;
  } finally {
    bound.release();
    program.dispose();
  }
});
