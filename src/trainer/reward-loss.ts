// The loss of a reward model, compiled once for each length of rows: of several texts, the best one should score highest.

import { RowModel } from '../lm/length-batches.ts';
import type { SequenceClassifier } from '../lm/index.ts';
import { CausalAttention, gradientAssignments } from '../nn/index.ts';
import { ABSENT, centeringLoss, preferenceLoss } from '../rl/index.ts';
import { type Assignment, type BoundProgram, compile, type Compiled } from '../runtime/index.ts';
import type { Tensor, TensorData, Typed } from '../tensor/index.ts';
import { lengthFor } from './length-buckets.ts';
import type { Comparison } from './reward-data.ts';
import { fillSharedRow, sharedRow } from './shared-rows.ts';

/** Options of {@link RewardLoss}. */
export interface RewardLossOptions {
  /** Comparisons that a program has room for; fewer may be given. */
  readonly batchSize: number;
  /** Candidates that a comparison has room for; fewer may be given. */
  readonly numCandidates: number;
  /** Whether the candidates of a comparison share a row; see shared-rows.ts. Otherwise each has its own. */
  readonly together: boolean;
  /** The lengths of rows there are programs for, ascending; see `bucketLengths`. */
  readonly lengths: readonly number[];
  /** Whether gradients are added to those that are there. Otherwise they replace them. */
  readonly accumulate: boolean;
  /** Weight of the rewards' squared sum; 0 leaves it out. */
  readonly centerRewardsCoefficient: number;
  /** What is added to the head's output, for centering. */
  readonly bias: () => number;
}

/** What a batch of comparisons came to. */
export interface RewardBatch {
  /** The sum of the rows' losses times `scale`. */
  readonly loss: number;
  /** Of each comparison, its candidates' rewards. */
  readonly rewards: readonly Float32Array[];
}

type Result = { readonly loss: Tensor; readonly scores: Tensor; readonly gradients: readonly Assignment[] };
type Bound = BoundProgram<Result>;
type Kind = 'learning' | 'scoring';

/**
 * Programs that compute the loss of comparisons, and its gradients. Where only the head is trained, what it reads of each text is
 * computed once ({@link prepare}), for nothing before it changes.
 */
export class RewardLoss {
  readonly #model: SequenceClassifier;
  readonly #options: RewardLossOptions;
  readonly #programs: Readonly<Record<Kind, Compiled<Tensor[], Result>>>;
  readonly #bound = new Map<string, Bound>();
  /** `[candidates * hiddenSize]` of each comparison. */
  #features: Map<Comparison, Float32Array> | undefined;

  constructor(model: SequenceClassifier, options: RewardLossOptions) {
    this.#model = model;
    this.#options = options;
    const { accumulate } = options;
    this.#programs = {
      learning: compile((...inputs: Tensor[]): Result => {
        const { loss, scores } = this.#compute(inputs);
        return { loss, scores, gradients: gradientAssignments(loss, model.parameters(), { accumulate }) };
      }),
      scoring: compile((...inputs: Tensor[]): Result => ({ ...this.#compute(inputs), gradients: [] })),
    };
  }

  /** Computes what the head reads of all texts. Everything before the head must be frozen. */
  async prepare(rows: readonly Comparison[], signal?: AbortSignal): Promise<void> {
    const { maxPositions } = this.#model.config;
    this.#model.eval();
    const trunk = new RowModel((ids: Tensor, lengths: Tensor) => this.#model.lastHidden(ids, lengths));
    const texts = rows.flatMap(({ candidates }) => candidates);
    const vectors = await trunk.over(texts, { batchSize: 16, maxPositions, signal }).finally(() => trunk.dispose());
    let next = 0;
    this.#features = new Map();
    for (const row of rows) {
      const own = vectors.slice(next, next + row.candidates.length);
      next += own.length;
      const flat = new Float32Array(own.length * own[0]!.length);
      for (const [i, vector] of own.entries()) flat.set(vector, i * vector.length);
      this.#features.set(row, flat);
    }
  }

  /** Writes the gradients of the rows' summed losses, times `scale`, into the parameters. */
  learn(rows: readonly Comparison[], scale: number, signal?: AbortSignal): Promise<RewardBatch> {
    return this.#run('learning', rows, scale, signal);
  }

  /** The same without gradients. */
  score(rows: readonly Comparison[], scale: number, signal?: AbortSignal): Promise<RewardBatch> {
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
    rows: readonly Comparison[],
    scale: number,
    signal: AbortSignal | undefined,
  ): Promise<RewardBatch> {
    const { lengths, numCandidates, bias } = this.#options;
    const time = this.#features === undefined ? lengthFor(rows, lengths) : 0;
    const bound = this.#programFor(kind, time);
    this.#fill(bound.arguments, rows, time, scale);
    // On another thread, so that the event loop lives.
    await bound.runAsync(signal);
    const scores = bound.results.scores as Float32Array;
    const rewards = rows.map(({ candidates }, row) =>
      scores.slice(row * numCandidates, row * numCandidates + candidates.length).map((score) => score + bias()),
    );
    return { loss: (bound.results.loss as Float32Array)[0]!, rewards };
  }

  #programFor(kind: Kind, time: number): Bound {
    const key = `${kind} ${time}`;
    let bound = this.#bound.get(key);
    if (bound === undefined) {
      const { batchSize, numCandidates, together } = this.#options;
      const float = (...shape: number[]): Typed => ({ shape, dtype: 'float32' });
      const int = (...shape: number[]): Typed => ({ shape, dtype: 'int32' });
      const rows = [float(batchSize, numCandidates), int(batchSize), float(batchSize)];
      const [sequences, each] = together ? [batchSize, numCandidates] : [batchSize * numCandidates, 1];
      const tokens = int(sequences, time);
      const read =
        time === 0
          ? [float(batchSize * numCandidates, this.#model.config.hiddenSize)]
          : [tokens, int(sequences, each), ...(together ? [tokens, tokens] : [])];
      // Dropout, such as an adapter's, is traced into learning alone.
      if (kind === 'learning') this.#model.train();
      else this.#model.eval();
      bound = this.#programs[kind].bind(...([...rows, ...read] as Tensor[]));
      this.#bound.set(key, bound);
    }
    return bound;
  }

  #compute([offsets, best, weights, ...read]: readonly Tensor[]): Pick<Result, 'loss' | 'scores'> {
    const { batchSize, numCandidates, centerRewardsCoefficient, bias } = this.#options;
    const scores = this.#model.score.forward(this.#lastHidden(read)).reshape([batchSize, numCandidates]);
    let losses = preferenceLoss(scores, best!, offsets!);
    if (centerRewardsCoefficient > 0) {
      losses = losses.add(centeringLoss(scores.add(bias()), offsets!).mul(centerRewardsCoefficient));
    }
    return { loss: losses.mul(weights!).sum(), scores };
  }

  /** What the head reads of each candidate, `[candidates, hiddenSize]`. */
  #lastHidden([ids, last, positions, texts]: readonly Tensor[]): Tensor {
    // Only the head is trained, and this is what it reads.
    if (last === undefined) return ids!;
    const [sequences, time] = ids!.shape as [number, number];
    const attention = new CausalAttention(sequences, time, { positions, texts, read: last });
    return this.#model.hidden(ids!, attention).reshape([last.size, -1]);
  }

  #fill(
    [offsets, best, weights, read, last, positions, texts]: readonly TensorData[],
    rows: readonly Comparison[],
    time: number,
    scale: number,
  ) {
    const { numCandidates } = this.#options;
    // What fills a batch up has no weight: any candidates do.
    offsets!.fill(ABSENT);
    for (const memory of [best, weights, read, last, positions, texts]) memory?.fill(0);
    rows.forEach((row, i) => {
      weights![i] = scale;
      best![i] = row.best;
      const first = i * numCandidates;
      row.candidates.forEach((_, candidate) => {
        offsets![first + candidate] = candidate === row.best ? 0 : row.margin;
      });
      const features = this.#features?.get(row);
      if (features !== undefined) {
        read!.set(features, first * this.#model.config.hiddenSize);
      } else if (positions === undefined) {
        row.candidates.forEach((ids, candidate) => {
          read!.set(ids, (first + candidate) * time);
          last![first + candidate] = ids.length - 1;
        });
      } else {
        const layout = sharedRow(row.candidates);
        const begins = fillSharedRow({ ids: read!, positions, texts: texts! }, i * time, row.candidates, layout);
        row.candidates.forEach((ids, candidate) => {
          last![first + candidate] = begins[candidate]! - i * time + ids.length - layout.shared - 1;
        });
      }
    });
  }
}
