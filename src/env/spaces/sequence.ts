// Values of one space, any number of them. Source: gymnasium.spaces.Sequence.

import { batchSpace, concatenate, createEmptyArray, iterate } from './batch.ts';
import { checkOptions, checkSpace, drawSeeds } from './sampling.ts';
import { type SampleOptions, type Seeds, Space, type ValueOf } from './space.ts';
import { checkSeeds } from './tuple.ts';

/** What narrows a sample of a {@link Sequence}: its length, or lengths to choose from, or null; and what its elements take. */
export type SequenceMask = readonly [length: number | ArrayLike<number> | null, element: unknown];

/** The values of a {@link Sequence}: an array of values, or if stacked, one batch of them. */
export type SequenceValue<S extends Space, Stack extends boolean> = Stack extends true ? unknown : ValueOf<S>[];

/** Any number of values of one space. Lengths are drawn from a geometric distribution with mean 4. */
export class Sequence<S extends Space = Space, Stack extends boolean = false> extends Space<
  SequenceValue<S, Stack>,
  SequenceMask,
  SequenceMask
> {
  /** Types what `instanceof` finds: not every type parameter as any, but the widest. */
  declare static readonly [Symbol.hasInstance]: (value: unknown) => value is Sequence<Space, boolean>;

  readonly isNpFlattenable = false;
  /** The space of the elements. */
  readonly featureSpace: S;
  /** Whether values are batches (see `concatenate`) instead of arrays of values. */
  readonly stack: Stack;
  /** The space of a batch of one element, if stacked: what {@link iterate} takes a value apart by. */
  readonly stackedFeatureSpace: Space | null;

  /** @param options `stack` (default false): whether values are batches. */
  constructor(featureSpace: S, options: { readonly stack?: Stack } = {}) {
    super(null, null);
    checkSpace('The element space of Sequence', featureSpace, featureSpace instanceof Space);
    this.featureSpace = featureSpace;
    this.stack = (options.stack ?? false) as Stack;
    this.stackedFeatureSpace = this.stack ? batchSpace(featureSpace as Space, 1) : null;
  }

  /** Seeds this space and its elements' space: from a stream of the one seed, or from a pair. Returns both seeds. */
  override seed(seed?: Seeds): Seeds {
    if (seed === undefined) return [super.seed(), this.featureSpace.seed()];
    if (typeof seed !== 'object') {
      const own = super.seed(seed);
      const [feature] = drawSeeds(this.npRandom, 1);
      super.seed(seed);
      return [own, this.featureSpace.seed(feature)];
    }
    const [own, feature] = checkSeeds(this, seed, 2);
    return [super.seed(own), this.featureSpace.seed(feature)];
  }

  sample(options: SampleOptions<SequenceMask, SequenceMask> = {}): SequenceValue<S, Stack> {
    checkOptions(this, options);
    const [lengths, element] = options.mask ?? options.probability ?? [null, undefined];
    const length = this.#sampleLength(lengths);
    const part: SampleOptions = options.mask ? { mask: element } : options.probability ? { probability: element } : {};
    const values = Array.from({ length }, () => this.featureSpace.sample(part));
    return (this.stack ? concatenate(this.featureSpace as Space, values) : values) as SequenceValue<S, Stack>;
  }

  #sampleLength(lengths: number | ArrayLike<number> | null): number {
    if (lengths === null) return this.npRandom.geometric(0.25);
    for (const length of typeof lengths === 'number' ? [lengths] : Array.from(lengths)) {
      if (!(Number.isSafeInteger(length) && length >= 0)) {
        throw new RangeError(`${this} needs non-negative integers as lengths, but got ${length}`);
      }
    }
    return typeof lengths === 'number' ? lengths : this.npRandom.choice(lengths);
  }

  contains(value: unknown): value is SequenceValue<S, Stack> {
    if (this.stackedFeatureSpace === null) {
      return Array.isArray(value) && value.every((item) => this.featureSpace.contains(item));
    }
    try {
      return iterate(this.stackedFeatureSpace, value).every((item) => this.featureSpace.contains(item));
    } catch {
      // Taking apart what has not the form of a batch throws in as many ways as there are wrong forms.
      return false;
    }
  }

  toJsonable(values: readonly SequenceValue<S, Stack>[]): unknown {
    return values.map((value) => this.featureSpace.toJsonable(this.#elements(value)));
  }

  fromJsonable(data: unknown): SequenceValue<S, Stack>[] {
    return (data as unknown[]).map((value) => {
      const elements = this.featureSpace.fromJsonable(value);
      return (this.stack ? concatenate(this.featureSpace as Space, elements) : elements) as SequenceValue<S, Stack>;
    });
  }

  #elements(value: SequenceValue<S, Stack>): unknown[] {
    return this.stackedFeatureSpace === null ? (value as unknown[]) : iterate(this.stackedFeatureSpace, value);
  }

  toString(): string {
    return `Sequence(${this.featureSpace}, stack=${this.stack ? 'True' : 'False'})`;
  }

  equals(other: unknown): boolean {
    return other instanceof Sequence && this.stack === other.stack && this.featureSpace.equals(other.featureSpace);
  }

  override clone(): Sequence<S, Stack> {
    return new Sequence(this.featureSpace.clone() as S, { stack: this.stack });
  }

  override emptyValue(): unknown {
    return this.stack ? createEmptyArray(this.featureSpace as Space, 1) : [];
  }
}
