// What is learned from a dataset, and how: all that differs from trainer to trainer. The run over it is example-run.ts.

import type { PretrainedModel } from '../lm/index.ts';
import type { ExampleKind, ExampleState } from './example-checkpoint.ts';
import type { Sized } from './length-buckets.ts';
import type { PassShape } from './memory-budget.ts';

/** Numbers by name, the loss among them. */
export type ExampleMetrics = { readonly loss: number } & Readonly<Record<string, number>>;

/** What a run over a dataset learns. A signal gives work up, between two batches: its reason is thrown. */
export interface ExampleTask<Row extends Sized> {
  readonly kind: ExampleKind;
  /** Its parameters that are not frozen are trained. */
  readonly model: PretrainedModel;
  readonly rows: readonly Row[];
  readonly evalRows: readonly Row[];
  /** What rows are filled up to. */
  readonly lengths: readonly number[];
  /** The largest pass that learns, for the estimate of memory. */
  readonly pass: PassShape;
  /** Models beside the one that learns. */
  readonly others?: readonly PretrainedModel[] | undefined;
  /** What a run that goes on must agree with. */
  readonly plan: ExampleState['plan'];
  /** What config.json says besides the settings. */
  readonly config: object;
  /** What a checkpoint needs to know besides. */
  readonly extra?: Readonly<Record<string, number[]>>;
  /** Whether the weights of the best evaluation are those to end with. Default false. */
  readonly keepBest?: boolean;
  /** Evaluations without a loss that is lower than the best by more than `threshold`, after which a run ends. */
  readonly stopping?: { readonly patience: number; readonly threshold: number } | undefined;
  /** Whether nothing is saved. Default false. */
  readonly dryRun?: boolean;
  /** Computes, before the first step, what never changes in the run. */
  prepare?(signal?: AbortSignal): Promise<void>;
  /** Writes the gradients of a step's mean loss into the parameters (adding to them, with gradient accumulation). */
  learn(
    rows: readonly Row[],
    signal?: AbortSignal,
  ): Promise<{ readonly metrics: ExampleMetrics; readonly tokens: number }>;
  /** The means over rows. */
  evaluate(rows: readonly Row[], signal?: AbortSignal): Promise<ExampleMetrics>;
  saveModel(folder: string): Promise<void>;
  /** What is left to do when the weights are final; what it returns stands in summary.json. A run that was broken off is spared it. */
  finish?(directory: string | null, signal?: AbortSignal): Promise<object>;
  dispose(): void;
}

/** A dataset for config.json: its path, or how many rows it has. */
export function sourceName(source: string | readonly object[] | undefined): string | undefined {
  return typeof source === 'object' ? `${source.length} rows in memory` : source;
}
