// Decoding: the keys and values of earlier tokens are kept, so that a new token costs one pass over itself alone.
//
// Each layer's cache lies in one piece of memory, slot after slot. The native program writes new keys and values into it in place.
// One program advances all slots by a token; others, of a few fixed lengths, read a prompt into one slot, whose part of the
// memory they are bound to. The operations of a small model are too short to be worth sharing between threads: there, two programs of
// one thread each take half of the slots, side by side.

import { type Attention, CachedAttention, cachedHeadSize } from '../nn/index.ts';
import { type BoundProgram, defaultThreads, engine, Program } from '../runtime/index.ts';
import { allocate, argument, type Tensor } from '../tensor/index.ts';
import type { ModelConfig } from './models/config.ts';

/** What a decoder runs: a language model. */
export interface Decodable {
  readonly config: ModelConfig;
  hidden(ids: Tensor, attention?: Attention): Tensor;
  logits(hidden: Tensor): Tensor;
  parameters(): readonly Tensor[];
}

/** Options of a {@link Decoder}. */
export interface DecoderOptions {
  /** How many sequences are held at a time. */
  readonly batch: number;
  /** The most tokens a sequence may have; at most the model's `maxPositions`. */
  readonly maxLength: number;
  /**
   * Tokens that there is room for at first. Room doubles where a sequence needs more, up to `maxLength`, and nothing else changes by that.
   * Default: `maxLength`.
   */
  readonly initialLength?: number | undefined;
  /** How many threads one operation may use. Default: all. */
  readonly threads?: number | undefined;
}

/** Sequences in slots, each of its own length, that grow token by token. */
export interface Decoder {
  readonly batch: number;
  readonly maxLength: number;
  /** How many tokens each slot holds. */
  readonly lengths: Int32Array;
  /** Forgets what `slot` holds. */
  reset(slot: number): void;
  /** Lets slot `to` hold what slot `from` holds: for several continuations of one prompt. */
  copy(from: number, to: number): void;
  /**
   * Appends one or more tokens to `slot`.
   *
   * @returns the scores of the token after the last, `[vocabSize]`; valid until the next call of this decoder.
   * @throws Error if there are no tokens, or more than fit.
   */
  extend(slot: number, tokens: ArrayLike<number>): Float32Array;
  /**
   * Fills the first slots at once, each with a prompt of its own; faster than `extend` one by one. What any slot held is forgotten.
   *
   * @param prompts one for each slot, of one or more tokens; slots beyond them are empty afterwards.
   * @returns the scores of each slot's next token, `[batch * vocabSize]`, without meaning for empty slots; valid until the next call
   *   of this decoder.
   */
  prefill(prompts: readonly ArrayLike<number>[]): Float32Array;
  /**
   * Appends one token to every slot at once.
   *
   * @param tokens one for each slot; -1 leaves a slot as it is.
   * @returns the scores of each slot's next token, `[batch * vocabSize]`, without meaning for slots that were left; valid until the
   *   next call of this decoder.
   */
  step(tokens: Int32Array): Float32Array;
  /** Frees the memory and the programs. */
  release(): void;
}

/** Lengths for which there are programs that read a prompt; one between them is filled up to the next. */
const CHUNKS = [1, 8, 16, 32, 64, 128, 256, 512] as const;

/** A model of at most so many parameters is small: the caches of both cores hold it. */
const SMALL_MODEL = 4_000_000;

/** How many slots half of them are at least, for halves to run side by side. */
const LEAST_HALF = 4;

/** The most tokens that go through a pass over all slots: more cost memory and gain no speed. */
const MOST_ROWS = 4096;

/** What a pass returns: scores, and the caches with the new tokens in them. */
interface PassResult {
  readonly [key: string]: Tensor | readonly Tensor[];
  readonly logits: Tensor;
  readonly presents: readonly Tensor[];
}

/** A native program that takes `time` new tokens through `batch` slots. */
function tracePass(
  model: Decodable,
  batch: number,
  time: number,
  length: number,
  threads: number,
): Program<PassResult> {
  const { numLayers, numKeyValueHeads, headDim, hiddenSize } = model.config;
  const ids = argument(0, [batch, time], 'int32');
  const positions = argument(1, [batch, time], 'int32');
  const last = argument(2, [batch], 'int32');
  const total = argument(3, [], 'int32');
  const wanted = argument(4, [batch], 'int32');
  const shape = [batch, numKeyValueHeads, length, cachedHeadSize(headDim)];
  const caches = Array.from({ length: 2 * numLayers }, (_, i) => argument(5 + i, shape, 'float32'));
  const attention = new CachedAttention({
    positions,
    last,
    total,
    keys: caches.filter((_, i) => i % 2 === 0),
    values: caches.filter((_, i) => i % 2 === 1),
  });
  const hidden = model.hidden(ids, attention).reshape([batch * time, hiddenSize]);
  // Of a prompt only the last token's scores are wanted.
  const logits = model.logits(time === 1 ? hidden : hidden.take(wanted));
  return new Program<PassResult>(
    { logits, presents: attention.presents },
    [ids, positions, last, total, wanted, ...caches],
    { engine: engine(), threads },
  );
}

/** A pass tied to the memory of caches, which it reads and writes. */
class BoundPass {
  readonly ids: Int32Array;
  readonly positions: Int32Array;
  readonly last: Int32Array;
  readonly total = allocate('int32', 1) as Int32Array;
  readonly wanted: Int32Array;
  readonly #bound: BoundProgram<PassResult>;

  constructor(
    program: Program<PassResult>,
    batch: number,
    time: number,
    caches: readonly Float32Array[],
    logits: Float32Array,
  ) {
    this.ids = allocate('int32', batch * time) as Int32Array;
    this.positions = allocate('int32', batch * time) as Int32Array;
    this.last = allocate('int32', batch) as Int32Array;
    this.wanted = allocate('int32', batch) as Int32Array;
    this.#bound = program.bind({
      arguments: [this.ids, this.positions, this.last, this.total, this.wanted, ...caches],
      outputs: [logits, ...caches],
    });
  }

  run(): void {
    this.#bound.run();
  }

  /** Runs on a second thread, while `other` runs on this one. */
  runBeside(other: BoundPass): void {
    this.#bound.runBeside(other.#bound);
  }

  release(): void {
    this.#bound.release();
  }
}

/** The decoder of every model here. */
export class KeyValueDecoder implements Decoder {
  readonly batch: number;
  readonly maxLength: number;
  readonly lengths: Int32Array;
  readonly #model: Decodable;
  /** Of one program. */
  readonly #threads: number;
  /** Whether halves of the slots run side by side. */
  readonly #inHalves: boolean;
  /** A position more than a sequence may have: there a slot that is left as it is takes its meaningless token. */
  #length: number;
  /** Of each layer, keys and then values. */
  #caches: readonly Float32Array[];
  readonly #stepLogits: Float32Array;
  readonly #extendLogits: Float32Array;
  readonly #programs = new Map<string, Program<PassResult>>();
  readonly #bound = new Map<string, BoundPass>();
  #released = false;

  /** @throws RangeError if there are no slots, or `maxLength` is more than the model can read. */
  constructor(
    model: Decodable,
    { batch, maxLength, initialLength = maxLength, threads = defaultThreads() }: DecoderOptions,
  ) {
    const { config } = model;
    if (!Number.isInteger(batch) || batch < 1) throw new RangeError(`decoder: a batch of ${batch} has no slots`);
    if (!Number.isInteger(maxLength) || maxLength < 1 || maxLength > config.maxPositions) {
      throw new RangeError(
        `decoder: a length of ${maxLength} is not between 1 and the ${config.maxPositions} tokens that this model can read`,
      );
    }
    this.#model = model;
    this.#inHalves = threads > 1 && model.parameters().reduce((sum, { size }) => sum + size, 0) <= SMALL_MODEL;
    this.#threads = this.#inHalves ? 1 : threads;
    this.batch = batch;
    this.maxLength = maxLength;
    this.lengths = new Int32Array(batch);
    this.#length = Math.max(1, Math.min(initialLength, maxLength)) + 1;
    this.#caches = this.#newCaches();
    this.#stepLogits = allocate('float32', batch * config.vocabSize) as Float32Array;
    this.#extendLogits = allocate('float32', config.vocabSize) as Float32Array;
  }

  #newCaches(): Float32Array[] {
    const { numLayers, numKeyValueHeads, headDim } = this.#model.config;
    const size = this.batch * numKeyValueHeads * this.#length * cachedHeadSize(headDim);
    return Array.from({ length: 2 * numLayers }, () => allocate('float32', size) as Float32Array);
  }

  /** Makes room for sequences of `length` tokens. What the slots hold stays, to the last bit. */
  #reserve(length: number): void {
    const before = this.#length;
    if (length < before) return;
    this.#length = Math.min(this.maxLength, Math.max(length, 2 * (before - 1))) + 1;
    this.#dispose();
    const old = this.#caches;
    this.#caches = this.#newCaches();
    const width = cachedHeadSize(this.#model.config.headDim);
    const [from, to] = [before * width, this.#length * width];
    this.#caches.forEach((cache, i) => {
      for (let head = 0; head * from < old[i]!.length; head++) {
        cache.set(old[i]!.subarray(head * from, (head + 1) * from), head * to);
      }
    });
  }

  reset(slot: number): void {
    this.#check(slot);
    this.lengths[slot] = 0;
  }

  copy(from: number, to: number): void {
    this.#check(from);
    this.#check(to);
    for (const cache of this.#caches) {
      const size = cache.length / this.batch;
      cache.copyWithin(to * size, from * size, (from + 1) * size);
    }
    this.lengths[to] = this.lengths[from]!;
  }

  extend(slot: number, tokens: ArrayLike<number>): Float32Array {
    this.#check(slot);
    if (tokens.length === 0) throw new RangeError(`decoder: no tokens were given for slot ${slot}`);
    this.#checkRoom(slot, tokens.length);
    for (let start = 0; start < tokens.length; ) {
      const past = this.lengths[slot]!;
      const chunk = chunkFor(tokens.length - start, this.maxLength - past);
      this.#reserve(past + chunk);
      const count = Math.min(chunk, tokens.length - start);
      const pass = this.#slots(slot, 1, chunk, this.#extendLogits);
      for (let i = 0; i < chunk; i++) {
        // What fills the chunk up stands behind the tokens, unseen by them, and is overwritten by the next ones.
        pass.ids[i] = i < count ? this.#token(tokens[start + i]!) : 0;
        pass.positions[i] = past + i;
      }
      pass.last[0] = past + chunk - 1;
      pass.total[0] = past + chunk;
      pass.wanted[0] = count - 1;
      pass.run();
      this.lengths[slot]! += count;
      start += count;
    }
    return this.#extendLogits;
  }

  prefill(prompts: readonly ArrayLike<number>[]): Float32Array {
    const { batch, lengths, maxLength } = this;
    if (prompts.length > batch) {
      throw new RangeError(`decoder: ${prompts.length} prompts were given to prefill, but there are ${batch} slots`);
    }
    lengths.fill(0);
    prompts.forEach((prompt, slot) => {
      if (prompt.length === 0) throw new RangeError(`decoder: no tokens were given for slot ${slot}`);
      this.#checkRoom(slot, prompt.length);
    });
    const longest = Math.max(...prompts.map((prompt) => prompt.length));
    const chunk = CHUNKS.find((size) => size >= longest && size <= maxLength);
    const tokens = prompts.reduce((sum, prompt) => sum + prompt.length, 0);
    const count = this.#countFor(prompts.length);
    if (chunk === undefined || chunk * count > MOST_ROWS || chunk * count > 4 * tokens) {
      const { vocabSize } = this.#model.config;
      prompts.forEach((prompt, slot) => this.#stepLogits.set(this.extend(slot, prompt), slot * vocabSize));
      return this.#stepLogits;
    }
    this.#reserve(chunk);
    this.#run(count, (start, some) => this.#prefillOf(start, some, chunk, prompts));
    prompts.forEach((prompt, slot) => {
      lengths[slot] = prompt.length;
    });
    return this.#stepLogits;
  }

  step(tokens: Int32Array): Float32Array {
    const { batch, lengths } = this;
    if (tokens.length !== batch) {
      throw new RangeError(`decoder: ${tokens.length} tokens were given to step, but there are ${batch} slots`);
    }
    for (let slot = 0; slot < batch; slot++) if (tokens[slot]! >= 0) this.#checkRoom(slot, 1);
    const end = tokens.findLastIndex((token) => token >= 0) + 1;
    if (end === 0) return this.#stepLogits;
    const count = this.#countFor(end);
    this.#reserve(
      1 + this.lengths.reduce((most, length, slot) => (tokens[slot]! < 0 ? most : Math.max(most, length)), 0),
    );
    this.#run(count, (start, some) => this.#stepOf(start, some, tokens));
    for (let slot = 0; slot < count; slot++) if (tokens[slot]! >= 0) lengths[slot]!++;
    return this.#stepLogits;
  }

  /** Runs the first `count` slots' pass, or those of their halves; `pass` gives that of `some` slots from `start` on. */
  #run(count: number, pass: (start: number, some: number) => BoundPass): void {
    const half = count / 2;
    if (this.#inHalves && half >= LEAST_HALF && Number.isInteger(half)) pass(half, half).runBeside(pass(0, half));
    else pass(0, count).run();
  }

  /** The pass that reads the prompts of slots `start` to `start + count - 1`, with its inputs written. */
  #prefillOf(start: number, count: number, chunk: number, prompts: readonly ArrayLike<number>[]): BoundPass {
    const pass = this.#slots(start, count, chunk, this.#stepLogits);
    // Slots that stay empty take tokens without meaning, too, which the next ones overwrite.
    pass.ids.fill(0);
    pass.wanted.fill(0);
    for (let i = 0; i < pass.positions.length; i++) pass.positions[i] = i % chunk;
    prompts.slice(start, start + count).forEach((prompt, i) => {
      for (let k = 0; k < prompt.length; k++) pass.ids[i * chunk + k] = this.#token(prompt[k]!);
      pass.wanted[i] = i * chunk + prompt.length - 1;
    });
    pass.last.fill(chunk - 1);
    pass.total[0] = chunk;
    return pass;
  }

  /** The pass that takes slots `start` to `start + count - 1` a token further, with its inputs written. */
  #stepOf(start: number, count: number, tokens: Int32Array): BoundPass {
    const pass = this.#slots(start, count, 1, this.#stepLogits);
    let total = 0;
    for (let i = 0; i < count; i++) {
      const token = tokens[start + i]!;
      const length = this.lengths[start + i]!;
      pass.ids[i] = token < 0 ? 0 : this.#token(token);
      pass.positions[i] = Math.min(length, this.maxLength - 1);
      pass.last[i] = length;
      total = Math.max(total, length + 1);
    }
    pass.total[0] = total;
    return pass;
  }

  release(): void {
    this.#dispose();
    this.#released = true;
  }

  /** Frees the programs, which are made anew when they are needed. */
  #dispose(): void {
    for (const pass of this.#bound.values()) pass.release();
    for (const program of this.#programs.values()) program.dispose();
    this.#bound.clear();
    this.#programs.clear();
  }

  /** How many slots to take through a pass for the first `used`: the sizes are few, so that programs stay few. */
  #countFor(used: number): number {
    return Math.min(this.batch, 2 ** Math.ceil(Math.log2(Math.max(1, used))));
  }

  /** The pass of `time` tokens through slots `start` to `start + count - 1`, whose scores go to their place in `logits`. */
  #slots(start: number, count: number, time: number, logits: Float32Array): BoundPass {
    if (this.#released) throw new Error('this decoder has been released');
    const key = `${start}+${count}x${time}${logits === this.#stepLogits ? '' : ' apart'}`;
    let pass = this.#bound.get(key);
    if (pass === undefined) {
      const shape = `${count}x${time}`;
      let program = this.#programs.get(shape);
      if (program === undefined) {
        program = tracePass(this.#model, count, time, this.#length, this.#threads);
        this.#programs.set(shape, program);
      }
      const caches = this.#caches.map((cache) => {
        const size = cache.length / this.batch;
        return cache.subarray(start * size, (start + count) * size);
      });
      const { vocabSize } = this.#model.config;
      const first = logits === this.#stepLogits ? start * vocabSize : 0;
      pass = new BoundPass(program, count, time, caches, logits.subarray(first, first + count * vocabSize));
      this.#bound.set(key, pass);
    }
    return pass;
  }

  #check(slot: number): void {
    if (!Number.isInteger(slot) || slot < 0 || slot >= this.batch) {
      throw new RangeError(`decoder: there is no slot ${slot} among ${this.batch}`);
    }
  }

  #checkRoom(slot: number, count: number): void {
    const length = this.lengths[slot]!;
    if (length + count <= this.maxLength) return;
    throw new RangeError(
      `decoder: slot ${slot} holds ${length} tokens and takes no ${count} more: its limit is ${this.maxLength}`,
    );
  }

  #token(token: number): number {
    if (Number.isInteger(token) && token >= 0 && token < this.#model.config.vocabSize) return token;
    throw new RangeError(`decoder: ${token} is no token of a vocabulary of ${this.#model.config.vocabSize}`);
  }
}

/** The chunk in which to read the next of `count` tokens into a slot with room for `room`. */
function chunkFor(count: number, room: number): number {
  const filled = CHUNKS.find((chunk) => chunk >= count);
  if (filled !== undefined && filled <= room && filled <= 2 * count) return filled;
  return CHUNKS.findLast((chunk) => chunk <= count)!;
}
