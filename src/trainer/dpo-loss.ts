// The loss of direct preference optimization, compiled once for each length of rows.

import type { CausalLM } from '../lm/index.ts';
import { CausalAttention, gradientAssignments } from '../nn/index.ts';
import { Categorical, dpoLoss, type DpoLossOptions } from '../rl/index.ts';
import { type Assignment, type BoundProgram, compile, type Compiled } from '../runtime/index.ts';
import { stack, type Tensor, type TensorData, type Typed } from '../tensor/index.ts';
import { type CompletionPair, pairRow, readOf } from './dpo-data.ts';
import { lengthFor } from './length-buckets.ts';
import { fillSharedRow } from './shared-rows.ts';

/** Log-probabilities of the completions of a pair. */
export type PairLogProbs = readonly [chosen: number, rejected: number];

/** Options of {@link DpoLoss}. */
export interface DpoProgramOptions extends DpoLossOptions {
  /** Pairs that a program has room for; fewer may be given. */
  readonly batchSize: number;
  /** Whether the completions of a pair share a row; see shared-rows.ts. Otherwise each has its own. */
  readonly together: boolean;
  /** The lengths of rows there are programs for, ascending; see `bucketLengths`. */
  readonly lengths: readonly number[];
  /** Whether gradients are added to those that are there. Otherwise they replace them. */
  readonly accumulate: boolean;
  /** What the reference gives a pair's completions. */
  readonly reference: ReadonlyMap<CompletionPair, PairLogProbs>;
}

/** What a batch of pairs came to. */
export interface DpoBatch {
  /** The sum of the pairs' losses times `scale`. */
  readonly loss: number;
  /** Of each pair: its chosen and its rejected completion. */
  readonly pairs: readonly (readonly [chosen: CompletionFound, rejected: CompletionFound])[];
}

/** What the policy makes of a completion. Sums over its tokens. */
export interface CompletionFound {
  readonly logProb: number;
  readonly tokens: number;
  /** Of what could stand in each place, in nats. */
  readonly entropy: number;
  /** Means over the vocabulary. */
  readonly logits: number;
  /** Tokens that are the likeliest in their place. */
  readonly likeliest: number;
}

type Result = {
  readonly loss: Tensor;
  /** Rows of {@link CompletionFound}: `[5, 2 pairs]`, in its order. */
  readonly found: Tensor;
  readonly gradients: readonly Assignment[];
};
type Bound = BoundProgram<Result>;
type Kind = 'learning' | 'scoring';

/** Programs that compute the loss of pairs, and its gradients. A pair is one row, or two side by side: chosen, rejected. */
export class DpoLoss {
  readonly #model: CausalLM;
  readonly #options: DpoProgramOptions;
  readonly #programs: Readonly<Record<Kind, Compiled<Tensor[], Result>>>;
  readonly #bound = new Map<string, Bound>();

  constructor(model: CausalLM, options: DpoProgramOptions) {
    this.#model = model;
    this.#options = options;
    const { accumulate } = options;
    this.#programs = {
      learning: compile((...inputs: Tensor[]): Result => {
        const { loss, found } = this.#compute(inputs);
        return { loss, found, gradients: gradientAssignments(loss, model.parameters(), { accumulate }) };
      }),
      scoring: compile((...inputs: Tensor[]): Result => ({ ...this.#compute(inputs), gradients: [] })),
    };
  }

  /** Writes the gradients of the pairs' summed losses, times `scale`, into the parameters. */
  learn(rows: readonly CompletionPair[], scale: number, signal?: AbortSignal): Promise<DpoBatch> {
    return this.#run('learning', rows, scale, signal);
  }

  /** The same without gradients. */
  score(rows: readonly CompletionPair[], scale: number, signal?: AbortSignal): Promise<DpoBatch> {
    return this.#run('scoring', rows, scale, signal);
  }

  /** Frees the programs. */
  dispose(): void {
    for (const bound of this.#bound.values()) bound.release();
    this.#bound.clear();
    for (const program of Object.values(this.#programs)) program.dispose();
  }

  async #run(
    kind: Kind,
    rows: readonly CompletionPair[],
    scale: number,
    signal: AbortSignal | undefined,
  ): Promise<DpoBatch> {
    const time = lengthFor(rows, this.#options.lengths);
    const bound = this.#programFor(kind, time);
    this.#fill(bound.arguments, rows, time, scale);
    // On another thread, so that the event loop lives.
    await bound.runAsync(signal);
    const found = bound.results.found as Float32Array;
    const completions = found.length / 5;
    const of = (i: number): CompletionFound => {
      const [logProb, tokens, entropy, logits, likeliest] = [0, 1, 2, 3, 4].map((row) => found[row * completions + i]!);
      return { logProb: logProb!, tokens: tokens!, entropy: entropy!, logits: logits!, likeliest: likeliest! };
    };
    return {
      loss: (bound.results.loss as Float32Array)[0]!,
      pairs: rows.map((_, i) => [of(2 * i), of(2 * i + 1)] as const),
    };
  }

  #programFor(kind: Kind, time: number): Bound {
    const key = `${kind} ${time}`;
    let bound = this.#bound.get(key);
    if (bound === undefined) {
      const { batchSize, together } = this.#options;
      const ids: Typed = { shape: [together ? batchSize : 2 * batchSize, time], dtype: 'int32' };
      const float = (...shape: number[]): Typed => ({ shape, dtype: 'float32' });
      const types = [ids, ids, float(batchSize, 2, time), float(batchSize, 2), float(batchSize)];
      if (together) types.push(ids, ids);
      // Dropout, such as an adapter's, is traced into learning alone.
      if (kind === 'learning') this.#model.train();
      else this.#model.eval();
      bound = this.#programs[kind].bind(...(types as Tensor[]));
      this.#bound.set(key, bound);
    }
    return bound;
  }

  #compute([ids, targets, learned, reference, weights, positions, texts]: readonly Tensor[]): Pick<
    Result,
    'loss' | 'found'
  > {
    const { batchSize } = this.#options;
    const [rows, time] = ids!.shape as [number, number];
    const flatTargets = targets!.reshape([ids!.size]);
    const hidden = this.#model.hidden(ids!, new CausalAttention(rows, time, { positions, texts }));
    // One flat product with the vocabulary is faster than a batch of them.
    const logits = this.#model.logits(hidden.reshape([ids!.size, -1]));
    /** The sum of what was found of each token that is learned, for each completion. */
    const total = (ofTokens: Tensor): Tensor =>
      ofTokens
        .reshape([batchSize, -1, time])
        .mul(learned!)
        .sum({ axis: 2 })
        .reshape([2 * batchSize]);
    const logProbs = total(logits.crossEntropy(flatTargets).neg());
    const tokens = learned!.sum({ axis: 2 }).reshape([2 * batchSize]);
    const ofPairs = (x: Tensor): [chosen: Tensor, rejected: Tensor] => {
      const pairs = x.reshape([batchSize, 2]);
      return [0, 1].map((k) => pairs.slice([null, k], [null, k + 1]).reshape([batchSize])) as [Tensor, Tensor];
    };
    const seen = logits.stopGradient();
    const found = [
      logProbs,
      tokens,
      total(new Categorical(seen).entropy()),
      total(seen.mean({ axis: 1 })),
      total(seen.argmax().equal(flatTargets).cast('float32')),
    ];
    const [chosenLogRatios, rejectedLogRatios] = ofPairs(logProbs.sub(reference!.reshape([2 * batchSize])));
    const [chosenLengths, rejectedLengths] = ofPairs(tokens.maximum(1));
    const pairs = { chosenLogRatios, rejectedLogRatios, chosenLengths, rejectedLengths };
    return { loss: dpoLoss(pairs, this.#options).mul(weights!).sum(), found: stack(found) };
  }

  #fill(
    [ids, targets, learned, reference, weights, positions, texts]: readonly TensorData[],
    rows: readonly CompletionPair[],
    time: number,
    scale: number,
  ): void {
    // Filled places are never learned, nor seen by what is before them, so that any token does.
    for (const memory of [ids, targets, learned, reference, weights, positions, texts]) memory?.fill(0);
    rows.forEach((row, i) => {
      weights![i] = scale;
      reference!.set(this.#options.reference.get(row)!, 2 * i);
      const both = [row.chosen, row.rejected];
      if (positions === undefined) {
        for (const [k, text] of both.entries()) {
          const at = (2 * i + k) * time;
          ids!.set(readOf(text), at);
          targets!.set(text.ids.subarray(1), at);
          learned!.set(text.learned.subarray(1), at);
        }
        return;
      }
      const at = i * time;
      const layout = pairRow(row);
      const begins = fillSharedRow({ ids: ids!, positions, texts: texts! }, at, both.map(readOf), layout);
      for (const [k, text] of both.entries()) {
        targets!.set(text.ids.subarray(layout.shared + 1), begins[k]!);
        learned!.set(text.learned.subarray(layout.shared + 1), (2 * i + k) * time + begins[k]! - at);
      }
    });
  }
}
