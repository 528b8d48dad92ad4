// What every space can do. Source: gymnasium.spaces.Space, Gymnasium 1.x.

import { type Generator, npRandom } from '../../random/index.ts';

/** The seed of a space: one integer, or for composite spaces one for each part, nested as the parts are. */
export type Seeds = number | bigint | readonly Seeds[] | { readonly [part: string]: Seeds };

/** The type of a space's values. */
export type ValueOf<S> = S extends Space<infer T> ? T : never;

/**
 * The set of values an observation or an action may take.
 *
 * Values are plain: numbers for `Discrete`, flat typed arrays in C order for array spaces (the shape stands in `shape`),
 * arrays and objects for composites.
 */
export abstract class Space<T = unknown, Mask = unknown, Probability = unknown> {
  /** The shape of one value, or null for spaces whose values have none. */
  readonly shape: readonly number[] | null;
  /** NumPy's name of the element type, or null. */
  readonly dtype: string | null;

  #generator: Generator | undefined;

  constructor(shape: readonly number[] | null, dtype: string | null) {
    this.shape = shape;
    this.dtype = dtype;
  }

  /** Whether values can be flattened into vectors of one fixed length. */
  abstract readonly isNpFlattenable: boolean;

  /** A random value. The mask or the probabilities (whose form depends on the space) narrow the choice. */
  abstract sample(options?: SampleOptions<Mask, Probability>): T;

  /** Whether `value` belongs to this space. Never throws. */
  abstract contains(value: unknown): value is T;

  /** A batch of values as JSON-friendly data. */
  abstract toJsonable(values: readonly T[]): unknown;

  /** The batch that `toJsonable` was given. */
  abstract fromJsonable(data: unknown): T[];

  /** Python's notation of the space, such as `Box(-1.0, 1.0, (3,), float32)`. */
  abstract toString(): string;

  /** Whether both spaces hold the same values in the same form. */
  abstract equals(other: unknown): boolean;

  /**
   * The same space again, parts included, with random streams of its own that are not seeded yet. All built-in spaces
   * have it; a space of your own needs it only to be batched for vector environments.
   */
  clone(): Space<T, Mask, Probability> {
    throw new TypeError(`${this} cannot be copied: give its class a clone() method`);
  }

  /** A stand-in value for memory that is not filled yet; it need not belong to the space. Undefined if there is none. */
  emptyValue(): unknown {
    return undefined;
  }

  /** The space's random stream: NumPy's PCG64. Seeded from the operating system until `seed` is called. */
  get npRandom(): Generator {
    if (this.#generator === undefined) [this.#generator] = npRandom();
    return this.#generator;
  }

  set npRandom(generator: Generator) {
    this.#generator = generator;
  }

  /**
   * Restarts the space's random stream, and returns the seed (a number where it fits, else a bigint). Composite spaces
   * seed their parts and return all seeds, as Gymnasium does.
   */
  seed(seed?: Seeds): Seeds {
    if (typeof seed === 'object') {
      throw new TypeError(`${this} takes one integer as its seed, but got ${JSON.stringify(seed)}`);
    }
    const [generator, used] = npRandom(seed);
    this.#generator = generator;
    return used <= Number.MAX_SAFE_INTEGER ? Number(used) : used;
  }
}

/** How a sample is narrowed: by a mask of allowed values, or by their probabilities; not both. */
export interface SampleOptions<Mask = unknown, Probability = unknown> {
  readonly mask?: Mask | undefined;
  readonly probability?: Probability | undefined;
}
