// A value from one of several spaces. Source: gymnasium.spaces.OneOf.

import { Dict } from './dict.ts';
import { checkOptions, checkSpace, drawSeeds, partOptions } from './sampling.ts';
import { type SampleOptions, type Seeds, Space, type ValueOf } from './space.ts';
import { checkSeeds, sameSpaces, seedParts, Tuple } from './tuple.ts';

/** The values of a {@link OneOf}: the number of a part, and a value from it. */
export type OneOfValue<S extends readonly Space[]> = [index: number, value: ValueOf<S[number]>];

/** A value from one of several spaces, each as likely. Values are pairs `[index, value]`. Masks are arrays of those of the parts. */
export class OneOf<const S extends readonly Space[] = readonly Space[]> extends Space<
  OneOfValue<S>,
  readonly unknown[],
  readonly unknown[]
> {
  /** Types what `instanceof` finds: not every type parameter as any, but the widest. */
  declare static readonly [Symbol.hasInstance]: (value: unknown) => value is OneOf;

  /** The parts. */
  readonly spaces: S;

  /** @throws TypeError if a part is no space, RangeError if there is none. */
  constructor(spaces: S) {
    super(null, null);
    if (spaces.length === 0) throw new RangeError('OneOf needs at least one space, but got none');
    spaces.forEach((space, i) => checkSpace(`Part ${i} of OneOf`, space, space instanceof Space));
    this.spaces = spaces;
  }

  get isNpFlattenable(): boolean {
    return this.spaces.every((space) => space.isNpFlattenable);
  }

  /** Seeds this space and its parts: from a stream of the one seed, or from an array, its own first. Returns all seeds. */
  override seed(seed?: Seeds): Seeds {
    if (seed === undefined) return [super.seed(), ...this.spaces.map((space) => space.seed())];
    if (typeof seed !== 'object') {
      const own = super.seed(seed);
      const seeds = drawSeeds(this.npRandom, this.spaces.length);
      super.seed(seed);
      return [own, ...seedParts(this.spaces, seeds)];
    }
    const [own, ...seeds] = checkSeeds(this, seed, this.spaces.length + 1);
    return [super.seed(own), ...seedParts(this.spaces, seeds)];
  }

  sample(options?: SampleOptions<readonly unknown[], readonly unknown[]>): OneOfValue<S> {
    checkOptions(this, options ?? {});
    const narrowing = options?.mask ?? options?.probability;
    if (narrowing && narrowing.length !== this.spaces.length) {
      throw new RangeError(`${this} needs ${this.spaces.length} masks or probabilities, but got ${narrowing.length}`);
    }
    const index = this.npRandom.integers(this.spaces.length);
    const part = partOptions(options, (whole: readonly unknown[]) => whole[index]);
    return [index, this.spaces[index].sample(part) as ValueOf<S[number]>];
  }

  contains(value: unknown): value is OneOfValue<S> {
    if (!Array.isArray(value) || value.length !== 2) return false;
    const [index, part] = value as [unknown, unknown];
    return typeof index === 'number' && (this.spaces[index]?.contains(part) ?? false);
  }

  toJsonable(values: readonly OneOfValue<S>[]): [number, unknown][] {
    return values.map(([index, value]) => {
      const batch = this.spaces[index].toJsonable([value]);
      return [index, isColumnar(this.spaces[index]) ? batch : (batch as unknown[])[0]];
    });
  }

  fromJsonable(data: unknown): OneOfValue<S>[] {
    return (data as [number, unknown][]).map(([index, value]) => {
      const space = this.spaces[index];
      return [index, space.fromJsonable(isColumnar(space) ? value : [value])[0] as ValueOf<S[number]>];
    });
  }

  toString(): string {
    return `OneOf(${this.spaces.join(', ')})`;
  }

  equals(other: unknown): boolean {
    return other instanceof OneOf && sameSpaces(this.spaces, other.spaces);
  }

  override clone(): OneOf<S> {
    return new OneOf(this.spaces.map((space) => space.clone()) as readonly Space[] as S);
  }

  override emptyValue(): [] {
    return [];
  }
}

/** Whether a batch of the space becomes data by columns, so that one value is no element of it. */
function isColumnar(space: Space): boolean {
  return space instanceof Tuple || space instanceof Dict;
}
