// Finding stop strings in text that grows by one token at a time, without decoding all of it each time.

import type { TextTokenizer } from './text-tokenizer.ts';

const UNKNOWN = 0;
const CANNOT_END = 1;
const MAY_END = 2;

/** Finds the first stop string in growing text. One is shared by all environments with the same tokenizer and strings. */
export class StopStrings {
  static readonly #shared = new WeakMap<TextTokenizer, Map<string, StopStrings>>();

  readonly #tokenizer: TextTokenizer;
  readonly #strings: readonly string[];
  /** How many tokens at the end can hold a stop string: each token but an empty one stands for a byte or more. */
  readonly #window: number;
  /** For each token whether a stop string may end in it. */
  readonly #verdicts: Uint8Array;
  /** The last characters of the stop strings; null if one of them may look different in a token that is decoded alone. */
  readonly #lastCharacters: readonly string[] | null;

  private constructor(tokenizer: TextTokenizer, strings: readonly string[]) {
    this.#tokenizer = tokenizer;
    this.#strings = strings;
    // One more, as decoders may strip the blank that the first token begins with.
    this.#window = 1 + Math.max(...strings.map((text) => Buffer.byteLength(text)));
    this.#verdicts = new Uint8Array(tokenizer.vocabSize);
    const last = strings.map((text) => text.at(-1) ?? '');
    this.#lastCharacters = last.every((character) => /[!-~]/.test(character)) ? last : null;
  }

  /**
   * The detector for these strings; null if there are none.
   *
   * @throws RangeError if one is empty
   */
  static for(tokenizer: TextTokenizer, strings: readonly string[]): StopStrings | null {
    if (strings.length === 0) return null;
    if (strings.includes('')) throw new RangeError('a stop string is empty: every text would end at once');
    let known = StopStrings.#shared.get(tokenizer);
    if (known === undefined) StopStrings.#shared.set(tokenizer, (known = new Map()));
    const key = JSON.stringify(strings);
    let found = known.get(key);
    if (found === undefined || found.#verdicts.length !== tokenizer.vocabSize) {
      known.set(key, (found = new StopStrings(tokenizer, strings)));
    }
    return found;
  }

  /** Whether the last token of `ids[from..length)` completes a stop string; `ids` may be longer. */
  completedBy(ids: Int32Array, from: number, length: number): boolean {
    if (!this.#mayEndIn(ids[length - 1]!)) return false;
    const text = this.#tokenizer.decode(ids.subarray(Math.max(from, length - this.#window), length));
    return this.#strings.some((stop) => text.includes(stop));
  }

  #mayEndIn(id: number): boolean {
    if (this.#lastCharacters === null) return true;
    if (this.#verdicts[id] === UNKNOWN) {
      const piece = this.#tokenizer.decode([id]);
      const may = this.#lastCharacters.some((character) => piece.includes(character));
      this.#verdicts[id] = may ? MAY_END : CANNOT_END;
    }
    return this.#verdicts[id] === MAY_END;
  }
}
