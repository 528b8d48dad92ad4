// One episode of a token environment: tokens that only ever grow in number, and the text they stand for.

import type { TextTokenizer } from './text-tokenizer.ts';

/**
 * Why an episode, or a turn of it, ended: `eos` an end token, `stop` a stop string, `finished` the environment's own
 * `isFinished`, `length` no room for more tokens.
 */
export type FinishReason = 'eos' | 'stop' | 'finished' | 'length';

/** What the hooks of a {@link TextEnv} are told about the episode. Texts are decoded when they are asked for. */
export interface TextEpisode<Context> {
  /** What `prompt` said about this episode. */
  readonly context: Context;
  /** The text before the first action. */
  readonly prompt: string;
  /** Its tokens. */
  readonly promptLength: number;
  /** All tokens so far, prompt included. A view that holds until the next step; not to be written to. */
  readonly ids: Int32Array;
  /** The tokens after the prompt, as `ids` is. */
  readonly completionIds: Int32Array;
  /** The text after the prompt, without the end token. */
  readonly completion: string;
  /** The text of the present turn, without the end token; the same as `completion` while there is only one. */
  readonly turn: string;
  /** How many tokens the agent wrote, end tokens included. */
  readonly generatedTokens: number;
  /** For each token after the prompt 1 if the environment wrote it, else 0. */
  readonly insertedTokens: number[];
  /** Why the episode ended; null while it goes on. */
  readonly finishReason: FinishReason | null;
}

/** An episode as plain data, if its context is that. */
export interface SavedEpisode<Context> {
  readonly context: Context;
  readonly ids: Int32Array;
  readonly promptLength: number;
  readonly promptText: string | undefined;
  readonly generatedTokens: number;
  readonly turnStart: number;
  readonly inserted: readonly (readonly [begin: number, end: number])[];
  readonly finishReason: FinishReason | null;
  readonly reward: number | null;
}

/** The episode as the environment writes it. */
export class GrowingEpisode<Context> implements TextEpisode<Context> {
  readonly context: Context;
  readonly promptLength: number;
  readonly promptText: string | undefined;
  generatedTokens = 0;
  finishReason: FinishReason | null = null;
  /** The reward at the end. */
  reward: number | null = null;
  length: number;
  /** Where the present turn begins. */
  turnStart: number;
  /** All tokens so far, and room for more. */
  buffer: Int32Array;

  readonly #tokenizer: TextTokenizer;
  readonly #endTokens: readonly number[];
  /** The stretches that the environment wrote, as pairs of begin and end. */
  readonly #inserted: [begin: number, end: number][] = [];
  #decoded: { from: number; length: number; text: string } | undefined;
  #decodedPrompt: string | undefined;

  constructor(
    tokenizer: TextTokenizer,
    endTokens: readonly number[],
    { prompt, promptText, context }: { prompt: ArrayLike<number>; promptText: string | undefined; context: Context },
    room: number,
  ) {
    this.#tokenizer = tokenizer;
    this.#endTokens = endTokens;
    this.context = context;
    this.promptLength = prompt.length;
    this.promptText = promptText;
    this.length = prompt.length;
    this.turnStart = prompt.length;
    this.buffer = new Int32Array(prompt.length + room);
    this.buffer.set(prompt);
  }

  saved(): SavedEpisode<Context> {
    const { context, promptLength, promptText, generatedTokens, turnStart, finishReason, reward } = this;
    const inserted = this.#inserted.map(([begin, end]) => [begin, end] as const);
    const ids = this.observation();
    return { context, ids, promptLength, promptText, generatedTokens, turnStart, inserted, finishReason, reward };
  }

  /** Goes on from where {@link saved} was called, of an episode with the same prompt. */
  goOn({ ids, generatedTokens, turnStart, inserted, finishReason, reward }: SavedEpisode<Context>): void {
    if (ids.length > this.buffer.length) this.#grow(ids.length);
    this.buffer.set(ids);
    this.length = ids.length;
    this.generatedTokens = generatedTokens;
    this.turnStart = turnStart;
    this.#inserted.push(...inserted.map(([begin, end]): [number, number] => [begin, end]));
    this.finishReason = finishReason;
    this.reward = reward;
  }

  append(token: number): void {
    if (this.length === this.buffer.length) this.#grow(this.length + 1);
    this.buffer[this.length++] = token;
    this.generatedTokens++;
  }

  /** Adds tokens of the environment; the next turn begins after them. */
  insert(tokens: ArrayLike<number>): void {
    const end = this.length + tokens.length;
    if (end > this.buffer.length) this.#grow(end);
    this.buffer.set(tokens, this.length);
    this.#inserted.push([this.length, end]);
    this.length = end;
    this.turnStart = end;
  }

  get hasInserted(): boolean {
    return this.#inserted.length > 0;
  }

  /** All tokens so far, for the agent to keep. */
  observation(): Int32Array {
    return this.buffer.slice(0, this.length);
  }

  get ids(): Int32Array {
    return this.buffer.subarray(0, this.length);
  }

  get completionIds(): Int32Array {
    return this.buffer.subarray(this.promptLength, this.length);
  }

  get prompt(): string {
    this.#decodedPrompt ??= this.promptText ?? this.#tokenizer.decode(this.buffer.subarray(0, this.promptLength));
    return this.#decodedPrompt;
  }

  get completion(): string {
    return this.#text(this.promptLength);
  }

  get turn(): string {
    return this.#text(this.turnStart);
  }

  get insertedTokens(): number[] {
    const mask = Array.from({ length: this.length - this.promptLength }, () => 0);
    for (const [begin, end] of this.#inserted) mask.fill(1, begin - this.promptLength, end - this.promptLength);
    return mask;
  }

  #text(from: number): string {
    if (this.#decoded?.from !== from || this.#decoded.length !== this.length) {
      const ended = this.length > this.turnStart && this.#endTokens.includes(this.buffer[this.length - 1]!);
      const ids = this.buffer.subarray(from, ended ? this.length - 1 : this.length);
      this.#decoded = { from, length: this.length, text: ids.length === 0 ? '' : this.#tokenizer.decode(ids) };
    }
    return this.#decoded.text;
  }

  #grow(atLeast: number): void {
    const larger = new Int32Array(Math.max(atLeast, 2 * this.buffer.length));
    larger.set(this.buffer.subarray(0, this.length));
    this.buffer = larger;
  }
}
