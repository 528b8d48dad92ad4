// What every space can do. Source: gymnasium.spaces.Space, Gymnasium 1.x.

import { type Generator, npRandom } from '../../random/index.ts';

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

  get npRandom(): Generator {
    if (this.#generator === undefined) [this.#generator] = npRandom();
    return this.#generator;
  }

  /** Restarts the space's random stream. Composite spaces seed their parts and return all seeds, as Gymnasium does. */
  seed(seed?: number | bigint): unknown {
    let used: bigint;
    [this.#generator, used] = npRandom(seed);
    return Number(used);
  }
}

/** How a sample is narrowed: by a mask of allowed values, or by their probabilities; not both. */
export interface SampleOptions<Mask = unknown, Probability = unknown> {
  readonly mask?: Mask | undefined;
  readonly probability?: Probability | undefined;
}
