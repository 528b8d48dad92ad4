// The loss of supervised fine-tuning, compiled once for each length of rows: predicting every learned token from those before it.

import type { CausalLM } from '../lm/models/index.ts';
import { CausalAttention, gradientAssignments } from '../nn/index.ts';
import { type Assignment, type BoundProgram, compile, type Compiled } from '../runtime/index.ts';
import type { Tensor, TensorData, Typed } from '../tensor/index.ts';
import { lengthFor } from './length-buckets.ts';
import type { SftRow } from './sft-batches.ts';

/** Options of {@link SftLoss}. */
export interface SftLossOptions {
  /** Rows that a program has room for; fewer may be given. */
  readonly batchSize: number;
  /** The lengths of rows there are programs for, ascending; see `bucketLengths`. */
  readonly lengths: readonly number[];
  /** Whether rows may hold several texts. */
  readonly packing: boolean;
  /** Whether gradients are added to those that are there. Otherwise they replace them. */
  readonly accumulate: boolean;
}

type Result = { readonly loss: Tensor; readonly gradients: readonly Assignment[] };
type Program = Compiled<Tensor[], Result>;
type Bound = BoundProgram<Result>;

/** Programs that compute the loss of rows, and its gradients. */
export class SftLoss {
  readonly #model: CausalLM;
  readonly #options: SftLossOptions;
  readonly #learning: Program;
  readonly #scoring: Program;
  readonly #bound = { learning: new Map<number, Bound>(), scoring: new Map<number, Bound>() };

  constructor(model: CausalLM, options: SftLossOptions) {
    this.#model = model;
    this.#options = options;
    const { accumulate } = options;
    this.#learning = compile((...inputs: Tensor[]): Result => {
      const loss = this.#loss(inputs);
      return { loss, gradients: gradientAssignments(loss, model.parameters(), { accumulate }) };
    });
    this.#scoring = compile((...inputs: Tensor[]): Result => ({ loss: this.#loss(inputs), gradients: [] }));
  }

  /**
   * Writes the gradients of the rows' summed token losses, times `scale`, into the parameters.
   *
   * @returns that sum times `scale`
   */
  learn(rows: readonly SftRow[], scale: number, signal?: AbortSignal): Promise<number> {
    return this.#run('learning', rows, scale, signal);
  }

  /** The sum of the rows' token losses. */
  score(rows: readonly SftRow[], signal?: AbortSignal): Promise<number> {
    return this.#run('scoring', rows, 1, signal);
  }

  /** Frees the programs. */
  dispose(): void {
    for (const bound of Object.values(this.#bound).flatMap((programs) => [...programs.values()])) bound.release();
    this.#learning.dispose();
    this.#scoring.dispose();
  }

  async #run(
    kind: 'learning' | 'scoring',
    rows: readonly SftRow[],
    scale: number,
    signal: AbortSignal | undefined,
  ): Promise<number> {
    const time = lengthFor(rows, this.#options.lengths);
    const bound = this.#programFor(kind, time);
    this.#fill(bound.arguments, rows, time, scale);
    // On another thread, so that the event loop lives.
    await bound.runAsync(signal);
    return (bound.results.loss as Float32Array)[0]!;
  }

  #programFor(kind: 'learning' | 'scoring', time: number): Bound {
    let bound = this.#bound[kind].get(time);
    if (bound === undefined) {
      const { batchSize, packing } = this.#options;
      const ints: Typed = { shape: [batchSize, time], dtype: 'int32' };
      const weights: Typed = { shape: [batchSize * time], dtype: 'float32' };
      const types = [ints, ints, weights, ...(packing ? [ints] : [])] as Tensor[];
      // Dropout, such as an adapter's, is traced into learning alone.
      if (kind === 'learning') this.#model.train();
      else this.#model.eval();
      bound = (kind === 'learning' ? this.#learning : this.#scoring).bind(...types);
      this.#bound[kind].set(time, bound);
    }
    return bound;
  }

  /** `sum(weights * crossEntropy)`; ids and targets `[batch, time]`, weights `[batch * time]`. */
  #loss([ids, targets, weights, positions]: readonly Tensor[]): Tensor {
    const model = this.#model;
    const [rows, time] = ids!.shape as [number, number];
    // A text begins wherever a position is 0.
    const texts = positions?.equal(0).cast('float32').cumsum(1);
    const hidden = model.hidden(ids!, new CausalAttention(rows, time, { positions, texts }));
    // One flat product with the vocabulary is faster than a batch of them.
    const logits = model.logits(hidden.reshape([ids!.size, -1]));
    return logits
      .crossEntropy(targets!.reshape([ids!.size]))
      .mul(weights!)
      .sum();
  }

  #fill(
    [ids, targets, weights, positions]: readonly TensorData[],
    rows: readonly SftRow[],
    time: number,
    scale: number,
  ) {
    // Filled places are never learned, nor seen by what is before them, so that any token does.
    for (const memory of [ids, targets, weights, positions]) memory?.fill(0);
    rows.forEach(({ examples }, row) => {
      let at = row * time;
      for (const example of examples) {
        const count = example.ids.length - 1;
        ids!.set(example.ids.subarray(0, count), at);
        targets!.set(example.ids.subarray(1), at);
        for (let i = 0; i < count; i++) {
          weights![at + i] = example.learned[i + 1]! * scale;
          if (positions !== undefined) positions[at + i] = i;
        }
        at += count;
      }
    });
  }
}
