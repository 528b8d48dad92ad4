// Several values in a row. Source: gymnasium.spaces.Tuple.

import { checkOptions, checkSpace, drawSeeds, partOptions } from './sampling.ts';
import { type SampleOptions, type Seeds, Space, type ValueOf } from './space.ts';

/** The values of a {@link Tuple}: one from each space. */
export type TupleValues<S extends readonly Space[]> = { -readonly [I in keyof S]: ValueOf<S[I]> };

/** One value from each of several spaces. Values are arrays. A mask, or probabilities, are arrays of those of the parts. */
export class Tuple<const S extends readonly Space[] = readonly Space[]> extends Space<
  TupleValues<S>,
  readonly unknown[],
  readonly unknown[]
> {
  /** Types what `instanceof` finds: not every type parameter as any, but the widest. */
  declare static readonly [Symbol.hasInstance]: (value: unknown) => value is Tuple;

  /** The parts. */
  readonly spaces: S;

  /** @throws TypeError if a part is no space. */
  constructor(spaces: S) {
    super(null, null);
    spaces.forEach((space, i) => checkSpace(`Part ${i} of Tuple`, space, space instanceof Space));
    this.spaces = spaces;
  }

  get isNpFlattenable(): boolean {
    return this.spaces.every((space) => space.isNpFlattenable);
  }

  /** Seeds the parts: each from a stream of the one seed, or each with its own from an array. Returns all seeds. */
  override seed(seed?: Seeds): Seeds {
    if (seed === undefined) return this.spaces.map((space) => space.seed());
    if (typeof seed !== 'object') {
      super.seed(seed);
      return seedParts(this.spaces, drawSeeds(this.npRandom, this.spaces.length));
    }
    return seedParts(this.spaces, checkSeeds(this, seed, this.spaces.length));
  }

  sample(options?: SampleOptions<readonly unknown[], readonly unknown[]>): TupleValues<S> {
    checkOptions(this, options ?? {});
    const narrowing = options?.mask ?? options?.probability;
    if (narrowing && narrowing.length !== this.spaces.length) {
      throw new RangeError(`${this} needs ${this.spaces.length} masks or probabilities, but got ${narrowing.length}`);
    }
    const part = (i: number): SampleOptions => partOptions(options, (whole: readonly unknown[]) => whole[i]);
    return this.spaces.map((space, i) => (options ? space.sample(part(i)) : space.sample())) as TupleValues<S>;
  }

  contains(value: unknown): value is TupleValues<S> {
    return (
      Array.isArray(value) &&
      value.length === this.spaces.length &&
      this.spaces.every((space, i) => space.contains(value[i]))
    );
  }

  toJsonable(values: readonly TupleValues<S>[]): unknown[] {
    return this.spaces.map((space, i) => space.toJsonable(values.map((value) => value[i])));
  }

  fromJsonable(data: unknown): TupleValues<S>[] {
    const columns = this.spaces.map((space, i) => space.fromJsonable((data as unknown[])[i]));
    return Array.from(
      { length: columns[0]?.length ?? 0 },
      (_, row) => columns.map((column) => column[row]) as TupleValues<S>,
    );
  }

  toString(): string {
    return `Tuple(${this.spaces.join(', ')})`;
  }

  equals(other: unknown): boolean {
    return other instanceof Tuple && sameSpaces(this.spaces, other.spaces);
  }

  override clone(): Tuple<S> {
    return new Tuple(this.spaces.map((space) => space.clone()) as readonly Space[] as S);
  }
}

/** Whether two lists hold equal spaces. */
export function sameSpaces(ours: readonly Space[], theirs: readonly Space[]): boolean {
  return ours.length === theirs.length && ours.every((space, i) => space.equals(theirs[i]));
}

/** Seeds each space with its own seed; returns what they return. */
export function seedParts(spaces: readonly Space[], seeds: readonly Seeds[]): Seeds[] {
  return spaces.map((space, i) => space.seed(seeds[i]));
}

/** The seeds of the parts of a space. Throws TypeError if there are not exactly `count`. */
export function checkSeeds(space: Space, seeds: Seeds, count: number): readonly Seeds[] {
  if (!Array.isArray(seeds) || seeds.length !== count) {
    throw new TypeError(`${space} takes one integer or an array of ${count} seeds, but got ${JSON.stringify(seeds)}`);
  }
  return seeds;
}
