// The text of each token of a completion, so that what was measured of a token can be shown where it stands.

import type { TextTokenizer } from '../env/text/index.ts';
import { TextStream } from '../lm/text-stream.ts';

/** Bytes that are no whole character decode to it. */
const INCOMPLETE = '\uFFFD';

/** Says what each token adds to a text. */
export class TokenTexts {
  readonly #tokenizer: TextTokenizer;
  /** By id. Decoding is slow beside everything else that is written down of a token. */
  readonly #known = new Map<number, string>();

  constructor(tokenizer: TextTokenizer) {
    this.#tokenizer = tokenizer;
  }

  /**
   * What each of the ids, which follow a prompt, adds to the text, special tokens spelled out. A token that only begins a character
   * adds nothing: the one that completes it does.
   */
  of(ids: readonly number[]): string[] {
    const texts = ids.map((id) => this.#text(id));
    for (let begin = 0; begin < ids.length; begin++) {
      let end = begin;
      while (texts[end]?.includes(INCOMPLETE)) end++;
      if (end === begin) continue;
      texts.splice(begin, end - begin, ...this.#together(ids.slice(begin, end)));
      begin = end;
    }
    return texts;
  }

  /** What an id adds behind another: some tokenizers leave a space out at the beginning of a text. */
  #text(id: number): string {
    let text = this.#known.get(id);
    if (text === undefined) {
      text = this.#tokenizer.decode([id, id]).slice(this.#tokenizer.decode([id]).length);
      this.#known.set(id, text);
    }
    return text;
  }

  /** Of tokens in a row that have incomplete characters in them. */
  #together(ids: readonly number[]): string[] {
    const stream = new TextStream((some) => this.#tokenizer.decode(some));
    const texts = ids.map((id) => stream.push(id));
    texts.push((texts.pop() ?? '') + stream.end());
    return texts;
  }
}
