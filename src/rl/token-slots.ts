// Acting in many token environments at once: one decoder, a slot for each environment.

import type { Decoder } from '../lm/kv-cache.ts';
import type { CausalLM } from '../lm/models/index.ts';
import { Sampler } from '../lm/sampling.ts';
import type { Generator } from '../random/index.ts';

export interface TokenSlotsOptions {
  /** How many environments act at a time. */
  readonly count: number;
  /** The most tokens a text may have, the prompt with it. */
  readonly maxLength: number;
  readonly temperature: number;
  readonly threads: number;
  /** Tokens to choose from, if the model has more rows. Default: all. */
  readonly numTokens?: number | undefined;
}

/** Tokens of a text that there is room for at first: contexts are often far longer than what is written. */
const INITIAL_LENGTH = 256;

/** Tokens that there is room for where a text has `length` of at most `maxLength`. */
export function roomFor(length: number, maxLength: number): number {
  let room = Math.min(INITIAL_LENGTH, maxLength);
  while (room < length) room = Math.min(maxLength, 2 * room);
  return room;
}

/** What has been written is of no account where there is no repetition penalty. */
const NO_TOKENS: readonly number[] = [];

/** Decides for every slot, given all its tokens so far; only those that are new are computed. */
export class TokenSlots {
  readonly count: number;
  readonly #decoder: Decoder;
  readonly #vocabSize: number;
  readonly #numTokens: number;
  /** What each slot's cache holds, `[count, maxLength]`. */
  readonly #held: Int32Array;
  readonly #maxLength: number;
  readonly #next: Int32Array;
  /** Of the token after what each slot holds, as the model gives them, `[count, vocabSize]`. */
  readonly #scores: Float32Array;
  readonly #sampler: Sampler;

  constructor(model: CausalLM, { count, maxLength, temperature, threads, numTokens }: TokenSlotsOptions) {
    this.count = count;
    this.#maxLength = maxLength;
    this.#vocabSize = model.config.vocabSize;
    this.#numTokens = numTokens ?? this.#vocabSize;
    this.#decoder = model.decoder({ batch: count, maxLength, initialLength: INITIAL_LENGTH, threads });
    this.#held = new Int32Array(count * maxLength);
    this.#next = new Int32Array(count);
    this.#scores = new Float32Array(count * this.#vocabSize);
    this.#sampler = new Sampler(this.#numTokens, { temperature });
  }

  /**
   * Chooses the next token of each slot.
   *
   * @param observations all tokens so far of each slot; null leaves a slot alone
   * @param actions where the tokens go, one a slot
   * @param logProbs where their log-probabilities go, at the temperature of these slots
   * @param generator null takes the likeliest
   */
  act(
    observations: readonly (ArrayLike<number> | null)[],
    actions: Int32Array,
    logProbs: Float32Array,
    generator: Generator | null,
  ): void {
    this.#read(observations);
    const size = this.#vocabSize;
    for (let slot = 0; slot < this.count; slot++) {
      if (observations[slot] == null) continue;
      const scores = this.#scores.subarray(slot * size, slot * size + this.#numTokens);
      const { token, sampledLogProb } = this.#sampler.sample(scores, NO_TOKENS, generator);
      actions[slot] = token;
      logProbs[slot] = sampledLogProb;
    }
  }

  /** Forgets all texts, as after a change of the weights. */
  reset(): void {
    for (let slot = 0; slot < this.count; slot++) this.#decoder.reset(slot);
  }

  release(): void {
    this.#decoder.release();
  }

  /** Brings every slot's cache up to its observation, and the scores of its next token into `#scores`. */
  #read(observations: readonly (ArrayLike<number> | null)[]): void {
    const size = this.#vocabSize;
    observations.forEach((tokens, slot) => {
      if (tokens != null) this.#forgetUnless(slot, tokens);
    });
    if (this.#prefillAll(observations)) return;
    let several = false;
    for (let slot = 0; slot < this.count; slot++) {
      const tokens = observations[slot];
      this.#next[slot] = -1;
      if (tokens == null) continue;
      const held = this.#decoder.lengths[slot]!;
      if (tokens.length === held + 1 && held > 0) {
        this.#next[slot] = tokens[held]!;
        this.#held[slot * this.#maxLength + held] = tokens[held]!;
        several = true;
      } else {
        this.#scores.set(this.#prefill(slot, tokens, held), slot * size);
      }
    }
    if (!several) return;
    const scores = this.#decoder.step(this.#next);
    for (let slot = 0; slot < this.count; slot++) {
      if (this.#next[slot]! >= 0) this.#scores.set(scores.subarray(slot * size, (slot + 1) * size), slot * size);
    }
  }

  /** Reads the prompts of all slots in one pass, where each slot begins an episode of its own prompt; else does nothing. */
  #prefillAll(observations: readonly (ArrayLike<number> | null)[]): boolean {
    const lengths = this.#decoder.lengths;
    const prompts = observations.flatMap((tokens, slot) => (tokens != null && lengths[slot] === 0 ? [tokens] : []));
    if (prompts.length < this.count) return false;
    // Prompts that are the same are read once, and copied.
    if (new Set(prompts.map((tokens) => Array.prototype.join.call(tokens, ' '))).size < this.count) return false;
    this.#scores.set(this.#decoder.prefill(prompts));
    prompts.forEach((tokens, slot) => this.#remember(slot, tokens, 0));
    return true;
  }

  /** Reads all that is new. A prompt that another slot has just read is copied. */
  #prefill(slot: number, tokens: ArrayLike<number>, held: number): Float32Array {
    if (held === 0) {
      for (let other = 0; other < slot; other++) {
        const twin =
          this.#decoder.lengths[other]! === tokens.length && this.#next[other] === -1 && this.#holds(other, tokens);
        if (!twin) continue;
        this.#decoder.copy(other, slot);
        this.#remember(slot, tokens, 0);
        return this.#scores.subarray(other * this.#vocabSize, (other + 1) * this.#vocabSize);
      }
    }
    this.#remember(slot, tokens, held);
    return this.#decoder.extend(slot, held === 0 ? tokens : Array.prototype.slice.call(tokens, held));
  }

  #remember(slot: number, tokens: ArrayLike<number>, from: number): void {
    const start = slot * this.#maxLength;
    for (let i = from; i < tokens.length; i++) this.#held[start + i] = tokens[i]!;
  }

  /** Whether what slot `slot` holds begins `tokens`. */
  #holds(slot: number, tokens: ArrayLike<number>): boolean {
    const start = slot * this.#maxLength;
    const length = this.#decoder.lengths[slot]!;
    for (let i = 0; i < length; i++) if (this.#held[start + i] !== tokens[i]) return false;
    return true;
  }

  /** An observation that does not go on from what the slot holds is a new episode's. */
  #forgetUnless(slot: number, tokens: ArrayLike<number>): void {
    if (tokens.length > this.#maxLength) {
      throw new RangeError(
        `a text of ${tokens.length} tokens is longer than the ${this.#maxLength} that these slots hold: ` +
          'let the environment end earlier (maxGeneration, maxEpisodeSteps), or take a model with more positions',
      );
    }
    const length = this.#decoder.lengths[slot]!;
    if (length === 0) return;
    if (tokens.length <= length || !this.#holds(slot, tokens)) this.#decoder.reset(slot);
  }
}
