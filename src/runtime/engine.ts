// What the runtime asks of an engine: load a model, bind it to memory, run it. ONNX Runtime's C API is the one there is.

import type { DType, Shape, TensorData } from '../tensor/index.ts';

/** Memory with a shape, as a program sees it. */
export interface Binding {
  readonly name: string;
  readonly data: TensorData;
  readonly shape: Shape;
  readonly dtype: DType;
}

export interface LoadOptions {
  /** How many threads one operation may use. 1 runs everything on the calling thread. */
  readonly threads: number;
  /** About how many bytes all that the model computes has, as if nothing were freed before the end. */
  readonly bytes: number;
}

export interface Engine {
  /** Name and version, for messages and run records. */
  readonly name: string;
  /** @throws Error if the model cannot be loaded. */
  load(model: Uint8Array, options: LoadOptions): LoadedModel;
}

export interface LoadedModel {
  /**
   * Ties inputs and outputs to memory: runs read and write it in place, without copies. The memory must not be
   * detached or resized while the binding lives. It may be shared between threads.
   */
  bind(inputs: readonly Binding[], outputs: readonly Binding[]): BoundModel;
  release(): void;
}

export interface BoundModel {
  /** Runs on this thread and returns when all outputs are written. */
  run(): void;
  /** Runs on a second thread while `other` runs on this one, and returns when both are done: for work of less than a millisecond. */
  runBeside(other: BoundModel): void;
  /**
   * Runs on another thread; the event loop goes on. One run at a time for each binding.
   *
   * @param signal ends the run between two operations: its reason is thrown, and outputs are half written
   */
  runAsync(signal?: AbortSignal): Promise<void>;
  /** Frees the binding. */
  release(): void;
}
