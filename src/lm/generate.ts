// Text from a model: prompts of any lengths side by side, a token for each at every step. A prompt that waits takes the slot of
// one that has ended.

import { defaultRng, type Generator, SeedSequence } from '../random/index.ts';
import { giveTurn, turnIsDue } from '../runtime/event-loop.ts';
import type { Decoder } from './kv-cache.ts';
import type { CausalLM } from './models/causal-lm.ts';
import { Sampler, type SampledToken, type SamplingOptions } from './sampling.ts';

/** Options of {@link generate} and {@link streamGenerate}. */
export interface GenerateOptions extends SamplingOptions {
  /** The most tokens that follow a prompt. The model's context may end it earlier. Default 128. */
  readonly maxNewTokens?: number | undefined;
  /** So many tokens follow a prompt before one of `stopTokenIds` may. Default 0. */
  readonly minNewTokens?: number | undefined;
  /** Tokens that end a text. Default: the model's end-of-sequence tokens. */
  readonly stopTokenIds?: readonly number[] | undefined;
  /** Texts that end a text; they need `tokenizer`. */
  readonly stopStrings?: readonly string[] | undefined;
  /** Turns tokens into the text in which `stopStrings` are looked for. */
  readonly tokenizer?: { decode(ids: number[]): string } | undefined;
  /** Each prompt draws from a stream of its own of this seed, so neighbours change nothing. Default: one from the operating system. */
  readonly seed?: number | bigint | undefined;
  /** The most prompts under way at a time. Default 32. */
  readonly batchSize?: number | undefined;
  /** What to decode with: one of this model's, for calls in a row, since making one takes a while. Default: a fresh one. */
  readonly decoder?: Decoder | undefined;
  /** Ends generation early: texts so far are given, with the reason 'aborted'. */
  readonly signal?: AbortSignal | undefined;
}

/** Why a text ended: at a stop token or string, at the most tokens or the end of the context, or by the caller's signal. */
export type FinishReason = 'stop' | 'length' | 'aborted';

/** What followed a prompt. */
export interface Generation {
  /** The new tokens; a stop token, or the tokens of a stop string, are among them. */
  readonly tokens: number[];
  readonly finishReason: FinishReason;
  /** The stop string that ended the text. */
  readonly stopString: string | undefined;
  /** Of each new token, its log-probability by the model's scores alone. */
  readonly logProbs: Float32Array;
  /** Of each new token, its log-probability in the distribution it was drawn from (after temperature and filters). */
  readonly sampledLogProbs: Float32Array;
}

/** A new token, as it comes. */
export interface TokenEvent extends SampledToken {
  /** Which prompt it follows. */
  readonly prompt: number;
  /** Given with the last token of a prompt. */
  readonly finishReason: FinishReason | undefined;
  readonly stopString: string | undefined;
}

/** A prompt under way. */
interface Sequence {
  readonly prompt: number;
  readonly generator: Generator;
  /** The prompt and what followed. */
  readonly tokens: number[];
  readonly promptLength: number;
}

/**
 * What a model writes after each of `prompts`.
 *
 * @param prompts token ids; they may differ in length.
 * @returns one result for each prompt, in their order.
 * @throws RangeError if an option is out of range, or a prompt is empty or fills the model's context.
 */
export async function generate(
  model: CausalLM,
  prompts: readonly (readonly number[])[],
  options: GenerateOptions = {},
): Promise<Generation[]> {
  const results = prompts.map(() => ({
    tokens: [] as number[],
    logProbs: [] as number[],
    sampledLogProbs: [] as number[],
    finishReason: (options.maxNewTokens === 0 ? 'length' : 'aborted') as FinishReason,
    stopString: undefined as string | undefined,
  }));
  for await (const events of steps(model, prompts, options)) {
    for (const event of events) {
      const result = results[event.prompt]!;
      result.tokens.push(event.token);
      result.logProbs.push(event.logProb);
      result.sampledLogProbs.push(event.sampledLogProb);
      if (event.finishReason !== undefined) result.finishReason = event.finishReason;
      result.stopString = event.stopString;
    }
  }
  return results.map((result) => ({
    ...result,
    logProbs: Float32Array.from(result.logProbs),
    sampledLogProbs: Float32Array.from(result.sampledLogProbs),
  }));
}

/**
 * As {@link generate}, token by token: those of different prompts alternate. A consumer that stops listening ends it.
 *
 * @throws RangeError as {@link generate}.
 */
export async function* streamGenerate(
  model: CausalLM,
  prompts: readonly (readonly number[])[],
  options: GenerateOptions = {},
): AsyncGenerator<TokenEvent, void, undefined> {
  for await (const events of steps(model, prompts, options)) yield* events;
}

/** The tokens of each step together. */
async function* steps(
  model: CausalLM,
  prompts: readonly (readonly number[])[],
  options: GenerateOptions,
): AsyncGenerator<readonly TokenEvent[], void, undefined> {
  const { maxNewTokens = 128, batchSize = 32 } = options;
  check(model, prompts, options);
  if (prompts.length === 0 || maxNewTokens === 0) return;
  const { vocabSize, maxPositions } = model.config;
  const longest = Math.max(...prompts.map((prompt) => prompt.length));
  const maxLength = Math.min(maxPositions, longest + maxNewTokens);
  const batch = Math.min(batchSize, prompts.length, options.decoder?.batch ?? Infinity);
  const decoder = options.decoder ?? model.decoder({ batch, maxLength });
  if (decoder.maxLength < maxLength) {
    throw new RangeError(`generate: the decoder takes ${decoder.maxLength} tokens, but texts may have ${maxLength}`);
  }
  try {
    const seeds = new SeedSequence(options.seed).spawn(prompts.length);
    const waiting = prompts.map((prompt, i): Sequence => {
      return { prompt: i, generator: defaultRng(seeds[i]!), tokens: [...prompt], promptLength: prompt.length };
    });
    const slots: (Sequence | undefined)[] = waiting.splice(0, batch);
    const sampler = new Sampler(vocabSize, options);
    const finish = finisher(model, options);
    const next = new Int32Array(decoder.batch).fill(-1);

    const choose = (slot: number, sequence: Sequence, logits: Float32Array): TokenEvent => {
      const count = sequence.tokens.length - sequence.promptLength;
      const banned = count < (options.minNewTokens ?? 0) ? stopTokens(model, options) : [];
      const sampled = sampler.sample(logits, sequence.tokens, sequence.generator, banned);
      sequence.tokens.push(sampled.token);
      const ended = finish(sequence);
      next[slot] = ended === undefined ? sampled.token : -1;
      if (ended !== undefined) slots[slot] = undefined;
      return {
        prompt: sequence.prompt,
        ...sampled,
        finishReason: ended?.finishReason,
        stopString: ended?.stopString,
      };
    };

    let logits = decoder.prefill(slots.map((sequence) => sequence!.tokens));
    while (slots.some((sequence) => sequence !== undefined)) {
      // Scores are overwritten by the next pass, so tokens are chosen before anyone sees one.
      const events = slots.flatMap((sequence, slot) =>
        sequence === undefined
          ? []
          : [choose(slot, sequence, logits.subarray(slot * vocabSize, (slot + 1) * vocabSize))],
      );
      for (const [slot, sequence] of slots.entries()) {
        if (sequence !== undefined) continue;
        // A prompt's first token may be its last, too.
        while (slots[slot] === undefined && waiting.length > 0) {
          const newcomer = waiting.shift()!;
          slots[slot] = newcomer;
          decoder.reset(slot);
          events.push(choose(slot, newcomer, decoder.extend(slot, newcomer.tokens)));
        }
      }
      yield events;
      if (turnIsDue()) await giveTurn();
      if (options.signal?.aborted) return;
      compact(decoder, slots, next);
      if (slots.some((sequence) => sequence !== undefined)) logits = decoder.step(next);
    }
  } finally {
    if (options.decoder === undefined) decoder.release();
  }
}

/** Moves the last sequences into free slots before them: a decoder's step takes no longer than the slots in use need. */
function compact(decoder: Decoder, slots: (Sequence | undefined)[], next: Int32Array): void {
  const active = slots.filter((sequence) => sequence !== undefined).length;
  const end = slots.findLastIndex((sequence) => sequence !== undefined) + 1;
  if (active > end / 2) return;
  let free = 0;
  for (let slot = end - 1; slot >= active; slot--) {
    if (slots[slot] === undefined) continue;
    while (slots[free] !== undefined) free++;
    decoder.copy(slot, free);
    slots[free] = slots[slot];
    next[free] = next[slot]!;
    slots[slot] = undefined;
    next[slot] = -1;
  }
}

function stopTokens(model: CausalLM, options: GenerateOptions): readonly number[] {
  return options.stopTokenIds ?? model.config.eosTokenIds;
}

function check(model: CausalLM, prompts: readonly (readonly number[])[], options: GenerateOptions): void {
  const { maxNewTokens = 128, minNewTokens = 0, batchSize = 32, stopStrings = [], tokenizer } = options;
  for (const [name, value, least] of [
    ['maxNewTokens', maxNewTokens, 0],
    ['minNewTokens', minNewTokens, 0],
    ['batchSize', batchSize, 1],
  ] as const) {
    if (!Number.isInteger(value) || value < least) {
      throw new RangeError(`generate: ${name} is ${value}, but must be a whole number of ${least} or more`);
    }
  }
  if (stopStrings.some((text) => text === '')) throw new RangeError('generate: a stop string is empty');
  if (stopStrings.length > 0 && tokenizer === undefined) {
    throw new RangeError('generate: stopStrings need a tokenizer: pass it as an option');
  }
  const { maxPositions } = model.config;
  prompts.forEach((prompt, i) => {
    if (prompt.length === 0) throw new RangeError(`generate: prompt ${i} is empty; give it at least one token`);
    if (prompt.length >= maxPositions) {
      throw new RangeError(
        `generate: prompt ${i} has ${prompt.length} tokens, but the model reads ${maxPositions} with those to come: cut it`,
      );
    }
  });
}

type Ending = { readonly finishReason: FinishReason; readonly stopString: string | undefined };

/** What says whether, and why, a sequence ends with its last token. */
function finisher(model: CausalLM, options: GenerateOptions): (sequence: Sequence) => Ending | undefined {
  const { maxNewTokens = 128, stopStrings = [], tokenizer } = options;
  const stops = new Set(stopTokens(model, options));
  // A character has up to four bytes, each of which may be a token.
  const tail = 4 * Math.max(0, ...stopStrings.map((text) => text.length)) + 4;
  return ({ tokens, promptLength }) => {
    if (stops.has(tokens.at(-1)!)) return { finishReason: 'stop', stopString: undefined };
    if (tokenizer !== undefined && stopStrings.length > 0) {
      const text = tokenizer.decode(tokens.slice(Math.max(promptLength, tokens.length - tail)));
      const stopString = stopStrings.find((stop) => text.includes(stop));
      if (stopString !== undefined) return { finishReason: 'stop', stopString };
    }
    const full = tokens.length - promptLength >= maxNewTokens || tokens.length >= model.config.maxPositions;
    return full ? { finishReason: 'length', stopString: undefined } : undefined;
  };
}
