// How likely a model finds the tokens of whole texts: many texts in one pass, for reference models.

import { compile, type BoundProgram, type Compiled, defaultThreads } from '../runtime/index.ts';
import type { Tensor, TensorData } from '../tensor/index.ts';
import { type Decoder, KeyValueDecoder } from './kv-cache.ts';
import { inLanes, type Lanes, lanesFor, rowsOfBatch } from './lanes.ts';
import { withoutAdapters } from './lora.ts';
import type { CausalLM } from './models/causal-lm.ts';

/** A text, and the tokens of it that are asked about. */
export interface AskedSequence {
  readonly tokens: ArrayLike<number>;
  /** Where they stand, from 1: the first token has nothing before it to be foreseen from. */
  readonly positions: ArrayLike<number>;
}

export interface SequenceLogProbsOptions {
  /** Scores are divided by it. Default 1. */
  readonly temperature?: number | undefined;
  /** How many tokens there are to choose from, if the model has more rows: see `TokenPolicyOptions`. Default: the model's. */
  readonly numTokens?: number | undefined;
  /** Default: all. */
  readonly threads?: number | undefined;
}

/** Sequences are filled up to a multiple of this, so that few programs serve all lengths. */
const LENGTH_STEP = 8;

/** About how many tokens go through one pass, and at most how many scores (tokens times vocabulary) it computes, which is its memory. */
const PASS_TOKENS = 1024;
const PASS_SCORES = 2 ** 24;

/**
 * The log-probabilities that a frozen model gives to tokens of whole texts. Of a model with adapters it is the model without them
 * that is asked, see {@link withoutAdapters}.
 */
export class SequenceLogProbs {
  readonly model: CausalLM;
  readonly temperature: number;
  readonly numTokens: number;
  readonly #threads: number;
  /** By the threads of their programs. */
  readonly #compiled = new Map<number, Compiled<[Tensor, Tensor], Tensor>>();
  /** By lane and shape. */
  readonly #programs = new Map<string, BoundProgram<Tensor>>();

  constructor(model: CausalLM, options: SequenceLogProbsOptions = {}) {
    const { vocabSize } = model.config;
    const { temperature = 1, numTokens = vocabSize, threads = defaultThreads() } = options;
    if (!(temperature > 0)) throw new RangeError(`temperature is ${temperature}, but must be above 0`);
    if (!(Number.isInteger(numTokens) && numTokens >= 1 && numTokens <= vocabSize)) {
      throw new RangeError(`numTokens is ${numTokens}, but the model knows ${vocabSize} tokens`);
    }
    this.model = model;
    this.temperature = temperature;
    this.numTokens = numTokens;
    this.#threads = threads;
  }

  /**
   * The log-probability of each token that is asked about, given all before it; one list a sequence.
   *
   * @throws Error for a sequence longer than the model's context
   */
  async of(
    sequences: readonly AskedSequence[],
    {
      signal,
    }: {
      /** Gives it up, between two batches: its reason is thrown. */
      readonly signal?: AbortSignal | undefined;
    } = {},
  ): Promise<readonly Float32Array[]> {
    const answers = sequences.map(({ positions }) => new Float32Array(positions.length));
    const lanes = lanesFor(sequences.length, this.#threads);
    const batches = this.#batches(sequences, lanes);
    const ask = async ({ chosen, time }: (typeof batches)[number], lane: number): Promise<void> => {
      const program = this.#program(
        lane,
        lanes.threads,
        rowsOfBatch(sequences.length, lanes, this.#roomFor(time)),
        time,
      );
      const [ids, next] = program.arguments as readonly [TensorData, TensorData];
      ids.fill(0);
      next.fill(0);
      chosen.forEach((index, row) => {
        // The last token is nobody's input: nothing is asked after it.
        const tokens = Int32Array.from(sequences[index]!.tokens);
        ids.set(tokens.subarray(0, -1), row * time);
        next.set(tokens.subarray(1), row * time);
      });
      await program.runAsync(signal);
      const said = program.results as unknown as Float32Array;
      chosen.forEach((index, row) => {
        const { positions } = sequences[index]!;
        for (let k = 0; k < positions.length; k++) answers[index]![k] = said[row * time + positions[k]! - 1]!;
      });
    };
    await inLanes(batches, lanes, ask, signal);
    return answers;
  }

  /** The same model token by token: what reads texts as they are written. @param batch how many at a time. Default 1 */
  decoder(batch = 1): Decoder {
    const { model } = this;
    const bare = {
      config: model.config,
      parameters: () => model.parameters(),
      hidden: (...args: Parameters<CausalLM['hidden']>) => withoutAdapters(model, () => model.hidden(...args)),
      logits: (hidden: Tensor) => withoutAdapters(model, () => model.logits(hidden)),
    };
    return new KeyValueDecoder(bare, { batch, maxLength: model.config.maxPositions, threads: this.#threads });
  }

  /** Frees the programs. */
  release(): void {
    for (const compiled of this.#compiled.values()) compiled.dispose();
    this.#compiled.clear();
    this.#programs.clear();
  }

  /** Sequences of like lengths together, by their indices, and the length of program that the longest of them needs. */
  #batches(sequences: readonly AskedSequence[], lanes: Lanes): { chosen: number[]; time: number }[] {
    const order = sequences.map((_, i) => i).sort((a, b) => sequences[a]!.tokens.length - sequences[b]!.tokens.length);
    const batches: { chosen: number[]; time: number }[] = [];
    for (const index of order) {
      const time = this.#bucket(sequences[index]!.tokens.length);
      const last = batches.at(-1);
      if (last !== undefined && last.chosen.length < rowsOfBatch(order.length, lanes, this.#roomFor(time))) {
        last.chosen.push(index);
        last.time = time;
      } else batches.push({ chosen: [index], time });
    }
    return batches;
  }

  #program(lane: number, threads: number, rows: number, time: number): BoundProgram<Tensor> {
    const key = `${lane}, ${threads}, ${rows}, ${time}`;
    let program = this.#programs.get(key);
    if (program === undefined) {
      let compiled = this.#compiled.get(threads);
      if (compiled === undefined) this.#compiled.set(threads, (compiled = this.#compile(threads)));
      const type = { shape: [rows, time], dtype: 'int32' } as const;
      program = compiled.bind(type, type);
      this.#programs.set(key, program);
    }
    return program;
  }

  #compile(threads: number): Compiled<[Tensor, Tensor], Tensor> {
    const { model, temperature, numTokens } = this;
    const { vocabSize } = model.config;
    return compile(
      (ids: Tensor, next: Tensor) => {
        const all = withoutAdapters(model, () => model.forward(ids)).reshape([ids.size, vocabSize]);
        const logits = numTokens === vocabSize ? all : all.slice([0, 0], [null, numTokens]);
        const scaled = temperature === 1 ? logits : logits.div(temperature);
        return scaled
          .logSoftmax()
          .gather(next.reshape([ids.size, 1]))
          .squeeze(-1);
      },
      { threads },
    );
  }

  /** The length of program for a sequence of so many tokens. */
  #bucket(tokens: number): number {
    const { maxPositions } = this.model.config;
    if (tokens - 1 > maxPositions) {
      throw new Error(`a text of ${tokens} tokens is longer than the ${maxPositions} that this model can read`);
    }
    return Math.min(LENGTH_STEP * Math.max(1, Math.ceil((tokens - 1) / LENGTH_STEP)), maxPositions);
  }

  /** How many sequences of a length go through one pass. */
  #roomFor(time: number): number {
    return sequencesOfPass(time, this.model.config.vocabSize);
  }
}

/** How many sequences of a length go through one pass, at most. */
export function sequencesOfPass(time: number, vocabSize: number): number {
  return Math.max(1, Math.floor(Math.min(PASS_TOKENS, PASS_SCORES / vocabSize) / time));
}
