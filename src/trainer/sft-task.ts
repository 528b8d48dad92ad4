// Supervised fine-tuning, as a task for a run over a dataset.

import { crc32 } from 'node:zlib';
import { saveModel } from './training-files.ts';
import { type ExampleMetrics, type ExampleTask, sourceName } from './example-task.ts';
import { bucketLengths, microbatches } from './length-buckets.ts';
import { type PassShape, SCORES } from './memory-budget.ts';
import type { TrainSftOptions } from './sft.ts';
import { packedRows, separateRows, type SftRow, type TokenizedExample } from './sft-batches.ts';
import type { SftData } from './sft-data.ts';
import { SftLoss } from './sft-loss.ts';
import type { SftSettings } from './sft-settings.ts';

/** Predicting every learned token from those before it. */
export class SftTask implements ExampleTask<SftRow> {
  readonly kind = 'sft';
  readonly model: TrainSftOptions['model'];
  readonly rows: readonly SftRow[];
  readonly evalRows: readonly SftRow[];
  readonly lengths: readonly number[];
  readonly pass: PassShape;
  readonly plan: ExampleTask<SftRow>['plan'];
  readonly config: object;
  readonly #tokenizer: TrainSftOptions['tokenizer'];
  readonly #batchSize: number;
  readonly #loss: SftLoss;

  constructor(options: TrainSftOptions, settings: SftSettings, { train, test, format }: SftData) {
    const { model, tokenizer, dataset, evalDataset } = options;
    const { batchSize, gradientAccumulation, maxLength, packing, seed } = settings;
    const rowsOf = (examples: readonly TokenizedExample[]): SftRow[] =>
      packing ? packedRows(examples, maxLength) : separateRows(examples);
    this.model = model;
    this.rows = rowsOf(train);
    this.evalRows = rowsOf(test);
    this.lengths = bucketLengths([...this.rows, ...this.evalRows], maxLength);
    this.plan = { batchSize, gradientAccumulation, maxLength, packing, seed, ...fingerprint(train) };
    this.config = { dataset: sourceName(dataset), evalDataset: sourceName(evalDataset), format };
    this.#tokenizer = tokenizer;
    this.#batchSize = batchSize;
    const batch = Math.min(batchSize, Math.max(this.rows.length, this.evalRows.length));
    this.pass = { rows: batch, time: this.lengths.at(-1) ?? 0, scores: SCORES.crossEntropy };
    this.#loss = new SftLoss(model, {
      batchSize: batch,
      lengths: this.lengths,
      packing,
      accumulate: gradientAccumulation > 1,
    });
  }

  async learn(rows: readonly SftRow[], signal?: AbortSignal): Promise<{ metrics: ExampleMetrics; tokens: number }> {
    // The mean over all tokens of the step, however they are spread over its batches.
    const scale = 1 / sum(rows, ({ learned }) => learned);
    let loss = 0;
    for (const batch of microbatches(rows, this.#batchSize)) {
      signal?.throwIfAborted();
      loss += await this.#loss.learn(batch, scale, signal);
    }
    return { metrics: { loss }, tokens: sum(rows, ({ length }) => length) };
  }

  async evaluate(rows: readonly SftRow[], signal?: AbortSignal): Promise<ExampleMetrics> {
    let total = 0;
    for (const batch of microbatches(rows, this.#batchSize)) {
      signal?.throwIfAborted();
      total += await this.#loss.score(batch, signal);
    }
    return { loss: total / sum(rows, ({ learned }) => learned) };
  }

  saveModel(folder: string): Promise<void> {
    return saveModel(this.model, this.#tokenizer, folder);
  }

  dispose(): void {
    this.#loss.dispose();
  }
}

function sum(rows: readonly SftRow[], value: (row: SftRow) => number): number {
  return rows.reduce((total, row) => total + value(row), 0);
}

/** Tells datasets apart. */
function fingerprint(examples: readonly TokenizedExample[]): { examples: number; crc32: number } {
  let check = 0;
  for (const { ids, learned } of examples) {
    check = crc32(new Uint8Array(ids.buffer, ids.byteOffset, ids.byteLength), check);
    check = crc32(learned, check);
  }
  return { examples: examples.length, crc32: check };
}
