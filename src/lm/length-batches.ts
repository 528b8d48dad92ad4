// A model over rows of tokens of any lengths: those of like lengths together, in few shapes, so that few programs are compiled.

import { type BoundProgram, compile, type Compiled, defaultThreads } from '../runtime/index.ts';
import type { Tensor, TensorData } from '../tensor/index.ts';
import { inLanes, lanesFor, rowsOfBatch } from './lanes.ts';
import { padRows } from './token-batch.ts';

/** How rows are computed. */
export interface LengthBatchOptions {
  /** The most rows at once. */
  readonly batchSize: number;
  /** The most tokens of a row. */
  readonly maxPositions: number;
  /** Gives it up, between two batches: its reason is thrown. */
  readonly signal?: AbortSignal | undefined;
}

/** From int32 ids `[batch, time]` and lengths `[batch]` to `[batch, width]`. */
type Forward = (ids: Tensor, lengths: Tensor) => Tensor;

/** A model compiled for rows; calls take turns. */
export class RowModel {
  readonly #forward: Forward;
  /** By the threads of their programs. */
  readonly #compiled = new Map<number, Compiled<[Tensor, Tensor], Tensor>>();
  /** By lane and shape. */
  readonly #programs = new Map<string, BoundProgram<Tensor>>();

  #pending: Promise<unknown> = Promise.resolve();

  constructor(forward: Forward) {
    this.#forward = forward;
  }

  /** What the model gives for each row of tokens, in the rows' order. What fills rows up stands on the right. */
  over(rows: readonly Int32Array[], options: LengthBatchOptions): Promise<readonly Float32Array[]> {
    const result = this.#pending.then(() => this.#over(rows, options));
    this.#pending = result.catch(() => undefined);
    return result;
  }

  /** Frees the native programs; they are made anew when they are needed. */
  dispose(): void {
    for (const compiled of this.#compiled.values()) compiled.dispose();
    this.#compiled.clear();
    this.#programs.clear();
  }

  async #over(
    rows: readonly Int32Array[],
    { batchSize, maxPositions, signal }: LengthBatchOptions,
  ): Promise<readonly Float32Array[]> {
    if (this.#programs.size > MOST_PROGRAMS) this.dispose();
    const order = rows.map((_, i) => i).sort((a, b) => rows[a]!.length - rows[b]!.length);
    const results: Float32Array[] = Array.from({ length: rows.length });
    const lanes = lanesFor(rows.length, defaultThreads());
    const size = rowsOfBatch(rows.length, lanes, batchSize);
    const batches = Array.from({ length: Math.ceil(rows.length / size) }, (_, i) =>
      order.slice(i * size, (i + 1) * size),
    );
    const compute = async (batch: readonly number[], lane: number): Promise<void> => {
      const time = Math.min(maxPositions, roundedLength(rows[batch.at(-1)!]!.length));
      const filled = Array.from({ length: size }, (_, i) => rows[batch[i] ?? batch[0]!]!);
      const { ids, lengths } = padRows(filled, 0, { padding: 'maxLength', maxLength: time });
      const program = this.#program(lane, lanes.threads, size, time);
      const [idsMemory, lengthsMemory] = program.arguments as readonly [TensorData, TensorData];
      idsMemory.set(ids);
      lengthsMemory.set(lengths);
      await program.runAsync(signal);
      const found = program.results as unknown as Float32Array;
      const width = found.length / size;
      for (const [i, row] of batch.entries()) results[row] = found.slice(i * width, (i + 1) * width);
    };
    await inLanes(batches, lanes, compute, signal);
    return results;
  }

  #program(lane: number, threads: number, size: number, time: number): BoundProgram<Tensor> {
    const key = `${lane}, ${threads}, ${size}, ${time}`;
    let program = this.#programs.get(key);
    if (program === undefined) {
      let compiled = this.#compiled.get(threads);
      if (compiled === undefined) this.#compiled.set(threads, (compiled = compile(this.#forward, { threads })));
      program = compiled.bind({ shape: [size, time], dtype: 'int32' }, { shape: [size], dtype: 'int32' });
      this.#programs.set(key, program);
    }
    return program;
  }
}

/** More than so many programs are not kept: they hold memory. */
const MOST_PROGRAMS = 64;

/** Few lengths, of which none is much longer than it need be. */
function roundedLength(length: number): number {
  const step = length <= 128 ? 16 : length <= 512 ? 64 : 256;
  return step * Math.ceil(length / step);
}
