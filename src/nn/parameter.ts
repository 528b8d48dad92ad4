// A Parameter is a tensor over memory that outlives every run: what a module learns.

import { defaultRng, type Generator } from '../random/index.ts';
import { allocate, type Shape, ShapeError, showShape, sizeOf, type Storage, Tensor } from '../tensor/index.ts';

/** Fills the elements `data` (C order, zeros so far) of a fresh parameter of `shape`. */
export type Initializer = (data: Float32Array, shape: Shape, generator: Generator) => void;

let initializing = true;

/**
 * What `make` returns, with all parameters that it makes left at zeros, without a thought of their initializers: for modules whose
 * elements are read from a file right after.
 */
export function uninitialized<T>(make: () => T): T {
  const before = initializing;
  initializing = false;
  try {
    return make();
  } finally {
    initializing = before;
  }
}

/** A float32 tensor that programs read in place, whose elements may be set, and that optimizers change. */
export class Parameter extends Tensor {
  /** Where the elements are. Its `data` may move (see `FlatParameters`); programs follow. */
  readonly storage: Storage;
  /** A frozen parameter gets no gradient and is left out of optimizers made from then on. Default false. */
  frozen = false;
  readonly #source: { name: string };
  #gradient: Storage | undefined;

  /**
   * @param init fills the elements; left out, they are zeros.
   * @param generator what `init` draws from. Default: a fresh one, seeded by the operating system.
   * @throws ShapeError if a size is negative or not whole.
   */
  constructor(shape: Shape, init?: Initializer, generator?: Generator) {
    if (!shape.every((size) => Number.isInteger(size) && size >= 0)) {
      throw new ShapeError(`Parameter: the sizes of shape ${showShape(shape)} must be whole numbers of 0 or more`);
    }
    const storage: Storage = { data: allocate('float32', sizeOf(shape)) as Float32Array };
    const source = { kind: 'storage' as const, storage, name: '' };
    super('leaf', [], { source, shape, dtype: 'float32' }, shape, 'float32');
    this.storage = storage;
    this.#source = source;
    if (initializing) init?.(storage.data, shape, generator ?? defaultRng());
  }

  /** The path by which a module lists it, as `layers.0.weight`; the longest path if several do; empty before that. */
  get name(): string {
    return this.#source.name;
  }

  set name(name: string) {
    this.#source.name = name;
  }

  /** Where gradients are written; zeros at first, allocated when first asked for. */
  get gradient(): Storage {
    this.#gradient ??= { data: allocate('float32', this.size) as Float32Array };
    return this.#gradient;
  }

  /** Copies `data`, in C order, into the elements. @throws ShapeError if there are more or fewer of them. */
  set(data: ArrayLike<number>): void {
    if (data.length !== this.size) {
      throw new ShapeError(`${this}: ${data.length} elements were given to set, but there are ${this.size}`);
    }
    this.storage.data.set(data);
  }

  override toString(): string {
    return `Parameter(${this.name || 'unnamed'}, ${showShape(this.shape)})`;
  }
}
