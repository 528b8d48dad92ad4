// Several named values. Source: gymnasium.spaces.Dict.

import { checkOptions, checkSpace, drawSeeds, partOptions } from './sampling.ts';
import { type SampleOptions, type Seeds, Space, type ValueOf } from './space.ts';

/** The values of a {@link Dict}: an object with one value from each space. */
export type DictValues<S extends Readonly<Record<string, Space>>> = { -readonly [K in keyof S]: ValueOf<S[K]> };

/** What narrows a sample of a {@link Dict}: an object of what the parts take. */
export type DictMask = Readonly<Record<string, unknown>>;

/**
 * One value from each of several named spaces. Values are plain objects. Keys are sorted, as Gymnasium sorts those of a
 * Python dict: the order of seeds, samples and flattened values.
 */
export class Dict<S extends Readonly<Record<string, Space>> = Readonly<Record<string, Space>>> extends Space<
  DictValues<S>,
  DictMask,
  DictMask
> {
  /** Types what `instanceof` finds: not every type parameter as any, but the widest. */
  declare static readonly [Symbol.hasInstance]: (value: unknown) => value is Dict;

  /** The parts, in order of their names. */
  readonly spaces: S;
  /** The names of the parts, sorted. */
  readonly keys: readonly (keyof S & string)[];

  /** @throws TypeError if a part is no space. */
  constructor(spaces: S) {
    super(null, null);
    this.keys = Object.keys(spaces).sort();
    for (const key of this.keys) checkSpace(`Part '${key}' of Dict`, spaces[key], spaces[key] instanceof Space);
    const sorted: Record<string, Space> = {};
    for (const key of this.keys) sorted[key] = spaces[key];
    this.spaces = sorted as Readonly<Record<string, Space>> as S;
  }

  get isNpFlattenable(): boolean {
    return this.keys.every((key) => this.spaces[key].isNpFlattenable);
  }

  /** Seeds the parts: each from a stream of the one seed, or each with its own from an object. Returns all seeds. */
  override seed(seed?: Seeds): Seeds {
    if (seed === undefined) return this.#build((space) => space.seed());
    if (typeof seed !== 'object') {
      super.seed(seed);
      const seeds = drawSeeds(this.npRandom, this.keys.length);
      return this.#build((space, _, i) => space.seed(seeds[i]));
    }
    const seeds = this.#checkKeys(seed, 'seeds') as Readonly<Record<string, Seeds>>;
    return this.#build((space, key) => space.seed(seeds[key]));
  }

  sample(options?: SampleOptions<DictMask, DictMask>): DictValues<S> {
    checkOptions(this, options ?? {});
    const narrowing = options?.mask ?? options?.probability;
    if (narrowing) this.#checkKeys(narrowing, 'masks or probabilities');
    const part = (key: string): SampleOptions => partOptions(options, (whole: DictMask) => whole[key]);
    return this.#build((space, key) => (options ? space.sample(part(key)) : space.sample())) as DictValues<S>;
  }

  contains(value: unknown): value is DictValues<S> {
    return this.#hasKeys(value) && this.keys.every((key) => this.spaces[key].contains(value[key]));
  }

  toJsonable(values: readonly DictValues<S>[]): Record<string, unknown> {
    return this.#build((space, key) => space.toJsonable(values.map((value) => value[key])));
  }

  fromJsonable(data: unknown): DictValues<S>[] {
    const columns = this.#build((space, key) => space.fromJsonable((data as Record<string, unknown>)[key]));
    const length = this.keys.length === 0 ? 0 : columns[this.keys[0]].length;
    return Array.from({ length }, (_, row) => this.#build((_space, key) => columns[key][row]) as DictValues<S>);
  }

  toString(): string {
    return `Dict(${this.keys.map((key) => `${quote(key)}: ${this.spaces[key]}`).join(', ')})`;
  }

  equals(other: unknown): boolean {
    return (
      other instanceof Dict &&
      this.#hasKeys(other.spaces) &&
      this.keys.every((key) => this.spaces[key].equals((other.spaces as Record<string, Space>)[key]))
    );
  }

  override clone(): Dict<S> {
    return new Dict(this.#build((space) => space.clone()) as Readonly<Record<string, Space>> as S);
  }

  #build<R>(make: (space: Space, key: string, index: number) => R): Record<string, R> {
    const built: Record<string, R> = {};
    this.keys.forEach((key, i) => {
      built[key] = make(this.spaces[key], key, i);
    });
    return built;
  }

  #hasKeys(value: unknown): value is Record<string, unknown> {
    return (
      typeof value === 'object' &&
      value !== null &&
      Object.keys(value).length === this.keys.length &&
      this.keys.every((key) => Object.hasOwn(value, key))
    );
  }

  #checkKeys<V extends object>(value: V, what: string): V {
    if (!this.#hasKeys(value)) {
      throw new TypeError(
        `${this} needs ${what} for exactly its parts, but got them for ${Object.keys(value).join(', ')}`,
      );
    }
    return value;
  }
}

/** A string in Python's quotes. */
function quote(text: string): string {
  const escaped = text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
  return escaped.includes("'") && !escaped.includes('"') ? `"${escaped}"` : `'${escaped.replaceAll("'", "\\'")}'`;
}
