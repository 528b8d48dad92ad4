// The loss of direct preference optimization, compiled once for each length of rows.

import type { CausalLM } from '../lm/index.ts';
import { gradientAssignments } from '../nn/index.ts';
import { Categorical, dpoLoss, type DpoLossOptions } from '../rl/index.ts';
import { type Assignment, type BoundProgram, compile, type Compiled } from '../runtime/index.ts';
import { stack, type Tensor, type TensorData, type Typed } from '../tensor/index.ts';
import type { CompletionPair } from './dpo-data.ts';
import { lengthFor } from './length-buckets.ts';

/** Log-probabilities of the completions of a pair. */
export type PairLogProbs = readonly [chosen: number, rejected: number];

/** Options of {@link DpoLoss}. */
export interface DpoProgramOptions extends DpoLossOptions {
  /** Pairs that a program has room for; fewer may be given. */
  readonly batchSize: number;
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

/** Programs that compute the loss of pairs, and its gradients. A pair is two rows side by side: chosen, rejected. */
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
  learn(rows: readonly CompletionPair[], scale: number): Promise<DpoBatch> {
    return this.#run('learning', rows, scale);
  }

  /** The same without gradients. */
  score(rows: readonly CompletionPair[], scale: number): Promise<DpoBatch> {
    return this.#run('scoring', rows, scale);
  }

  /** Frees the programs. */
  dispose(): void {
    for (const bound of this.#bound.values()) bound.release();
    this.#bound.clear();
    for (const program of Object.values(this.#programs)) program.dispose();
  }

  async #run(kind: Kind, rows: readonly CompletionPair[], scale: number): Promise<DpoBatch> {
    const time = lengthFor(rows, this.#options.lengths);
    const bound = this.#programFor(kind, time);
    this.#fill(bound.arguments, rows, time, scale);
    // On another thread, so that the event loop lives.
    await bound.runAsync();
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
      const { batchSize } = this.#options;
      const ids: Typed = { shape: [2 * batchSize, time], dtype: 'int32' };
      const float = (...shape: number[]): Typed => ({ shape, dtype: 'float32' });
      const types = [ids, ids, float(2 * batchSize, time), float(batchSize, 2), float(batchSize)] as Tensor[];
      // Dropout, such as an adapter's, is traced into learning alone.
      if (kind === 'learning') this.#model.train();
      else this.#model.eval();
      bound = this.#programs[kind].bind(...types);
      this.#bound.set(key, bound);
    }
    return bound;
  }

  #compute([ids, targets, learned, reference, weights]: readonly Tensor[]): Pick<Result, 'loss' | 'found'> {
    const { batchSize } = this.#options;
    const flatTargets = targets!.reshape([ids!.size]);
    // One flat product with the vocabulary is faster than a batch of them.
    const logits = this.#model.logits(this.#model.hidden(ids!).reshape([ids!.size, -1]));
    /** The sum of what was found of each token that is learned, for each completion. */
    const total = (ofTokens: Tensor): Tensor => ofTokens.reshape(ids!.shape).mul(learned!).sum({ axis: 1 });
    const logProbs = total(logits.crossEntropy(flatTargets).neg()).reshape([batchSize, 2]);
    const tokens = learned!.sum({ axis: 1 });
    const lengths = tokens.maximum(1).reshape([batchSize, 2]);
    const seen = logits.stopGradient();
    const found = [
      logProbs.reshape([2 * batchSize]),
      tokens,
      total(new Categorical(seen).entropy()),
      total(seen.mean({ axis: 1 })),
      total(seen.argmax().equal(flatTargets).cast('float32')),
    ];
    const of = (x: Tensor, column: number): Tensor => x.slice([null, column], [null, column + 1]).reshape([batchSize]);
    const ratios = logProbs.sub(reference!);
    const rows = {
      chosenLogRatios: of(ratios, 0),
      rejectedLogRatios: of(ratios, 1),
      chosenLengths: of(lengths, 0),
      rejectedLengths: of(lengths, 1),
    };
    return { loss: dpoLoss(rows, this.#options).mul(weights!).sum(), found: stack(found) };
  }

  #fill(memory: readonly TensorData[], rows: readonly CompletionPair[], time: number, scale: number): void {
    const [ids, targets, learned, reference, weights] = memory as [
      TensorData,
      TensorData,
      TensorData,
      TensorData,
      TensorData,
    ];
    // Filled places are never learned, nor seen by what is before them, so that any token does.
    for (const part of memory) part.fill(0);
    rows.forEach((row, i) => {
      weights[i] = scale;
      reference.set(this.#options.reference.get(row)!, 2 * i);
      for (const [k, text] of [row.chosen, row.rejected].entries()) {
        const at = (2 * i + k) * time;
        ids.set(text.ids.subarray(0, -1), at);
        targets.set(text.ids.subarray(1), at);
        learned.set(text.learned.subarray(1), at);
      }
    });
  }
}
