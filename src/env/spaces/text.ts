// Strings. Source: gymnasium.spaces.Text.

import { allowedIndices, checkOptions, checkProbability } from './sampling.ts';
import { type SampleOptions, Space } from './space.ts';

const ALPHANUMERIC = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** What narrows a sample of a {@link Text}: its length, and for each character 0 or 1, or its probability; null for neither. */
export type TextMask = readonly [length: number | null, characters: ArrayLike<number> | null];

/** How a {@link Text} is made. */
export interface TextOptions {
  /** The most characters (Unicode code points), at least 0. */
  readonly maxLength: number;
  /** The fewest characters. Default 1. */
  readonly minLength?: number;
  /** The characters allowed: in the order of a string, or sorted from a set. Default Latin letters and digits. */
  readonly charset?: string | ReadonlySet<string>;
}

/** Strings of limited length from a set of characters. Lengths are drawn evenly, characters too. */
export class Text extends Space<string, TextMask, TextMask> {
  readonly isNpFlattenable = true;
  /** The fewest characters. */
  readonly minLength: number;
  /** The most characters. */
  readonly maxLength: number;
  /** The characters allowed, in the order that masks and flattened values number them. */
  readonly characterList: readonly string[];

  readonly #indices: ReadonlyMap<string, number>;

  /** @throws RangeError for lengths that are no integers or out of order; TypeError for a set with other than single characters. */
  constructor({ maxLength, minLength = 1, charset = ALPHANUMERIC }: TextOptions) {
    super(null, 'str');
    if (!(Number.isSafeInteger(minLength) && Number.isSafeInteger(maxLength) && minLength >= 0)) {
      throw new RangeError(`Text needs non-negative integers as lengths, but got ${minLength} and ${maxLength}`);
    }
    if (minLength > maxLength) {
      throw new RangeError(`Text needs minLength <= maxLength, but got ${minLength} and ${maxLength}`);
    }
    this.minLength = minLength;
    this.maxLength = maxLength;
    this.characterList = typeof charset === 'string' ? [...new Set(charset)] : [...charset].sort();
    for (const character of this.characterList) {
      if ([...character].length !== 1) {
        throw new TypeError(`Text needs single characters in its charset, but got ${JSON.stringify(character)}`);
      }
    }
    if (this.characterList.length === 0) throw new RangeError('Text needs at least one character in its charset');
    this.#indices = new Map(this.characterList.map((character, i) => [character, i]));
  }

  /** The number of a character within {@link characterList}; undefined if it is not allowed. */
  characterIndex(character: string): number | undefined {
    return this.#indices.get(character);
  }

  /** @throws RangeError if the mask allows no character although a string may not be empty. */
  sample(options: SampleOptions<TextMask, TextMask> = {}): string {
    checkOptions(this, options);
    const count = this.characterList.length;
    const [fixedLength, narrowing] = options.mask ?? options.probability ?? [null, null];
    if (fixedLength !== null && !(fixedLength >= this.minLength && fixedLength <= this.maxLength)) {
      throw new RangeError(`${this} needs a length in [${this.minLength}, ${this.maxLength}], but got ${fixedLength}`);
    }
    let p: ArrayLike<number> = Array.from({ length: count }, () => 1 / count);
    if (narrowing !== null && options.mask) {
      const allowed = allowedIndices(String(this), narrowing, count);
      if (allowed.length === 0 && this.minLength > 0) {
        throw new RangeError(`${this} cannot be sampled: the mask allows no character, but the text must not be empty`);
      }
      p = Array.from(narrowing, (bit) => bit / allowed.length);
    } else if (narrowing !== null) {
      checkProbability(String(this), narrowing, count);
      p = narrowing;
    }
    const length = fixedLength ?? this.npRandom.integers(this.minLength, this.maxLength + 1);
    if (Number.isNaN(p[0])) return '';
    return this.npRandom.choice(this.characterList, { size: length, p }).join('');
  }

  contains(value: unknown): value is string {
    if (typeof value !== 'string') return false;
    const characters = [...value];
    return (
      characters.length >= this.minLength &&
      characters.length <= this.maxLength &&
      characters.every((character) => this.#indices.has(character))
    );
  }

  toJsonable(values: readonly string[]): string[] {
    return [...values];
  }

  fromJsonable(data: unknown): string[] {
    return [...(data as string[])];
  }

  toString(): string {
    return `Text(${this.minLength}, ${this.maxLength}, charset=${[...this.characterList].sort().join('')})`;
  }

  equals(other: unknown): boolean {
    return other instanceof Text && String(this) === String(other);
  }

  override clone(): Text {
    return new Text({ minLength: this.minLength, maxLength: this.maxLength, charset: this.characterList.join('') });
  }

  override emptyValue(): string {
    return ([...this.characterList].sort()[0] ?? '').repeat(this.minLength);
  }
}
