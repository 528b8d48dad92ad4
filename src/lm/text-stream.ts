// Text from tokens that arrive one by one.

/** Turns tokens into text as they come. Made by {@link Tokenizer.stream}. */
export class TextStream {
  readonly #decode: (ids: readonly number[]) => string;
  /** Tokens whose text may still change, after a few whose text is out and which the decoder needs to see before them. */
  #window: number[] = [];
  /** How many tokens of the window are only there as context. */
  #context = 0;
  /** What of the window's text is out. */
  #sent = 0;

  constructor(decode: (ids: readonly number[]) => string) {
    this.#decode = decode;
  }

  /**
   * Takes the next token.
   *
   * @returns what is certain by now and not yet returned: '' while a character's bytes are incomplete.
   */
  push(id: number): string {
    this.#window.push(id);
    const text = this.#decode(this.#window);
    // Bytes that are no character decode to U+FFFD; at the end they may become one.
    const certain = text.replace(/\uFFFD+$/, '');
    const fresh = certain.slice(this.#sent);
    this.#sent = Math.max(this.#sent, certain.length);
    if (certain.length === text.length && fresh !== '') {
      this.#window = this.#window.slice(this.#context);
      this.#context = this.#window.length;
      this.#sent = this.#decode(this.#window).length;
    }
    return fresh;
  }

  /** @returns what is left; incomplete characters come as U+FFFD. The stream is then empty, for another text. */
  end(): string {
    const rest = this.#decode(this.#window).slice(this.#sent);
    this.#window = [];
    this.#context = 0;
    this.#sent = 0;
    return rest;
  }
}
