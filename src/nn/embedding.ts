import type { Generator } from '../random/index.ts';
import type { Tensor } from '../tensor/index.ts';
import { normal } from './init.ts';
import { Module } from './module.ts';
import { type Initializer, Parameter } from './parameter.ts';

/** Options of {@link Embedding}. */
export interface EmbeddingOptions {
  /** Fills the table. Default as PyTorch: normal with mean 0 and standard deviation 1. */
  readonly weightInit?: Initializer | undefined;
  /** What the initial elements are drawn from. Default: a fresh one, seeded by the operating system. */
  readonly generator?: Generator | undefined;
}

/** A table of vectors: int32 indices of any shape give `[...indices.shape, size]`. */
export class Embedding extends Module {
  /** `[count, size]`. */
  readonly weight: Parameter;

  /**
   * @param count how many vectors.
   * @param size elements of each vector.
   */
  constructor(count: number, size: number, { weightInit = normal(), generator }: EmbeddingOptions = {}) {
    super();
    this.weight = new Parameter([count, size], weightInit, generator);
  }

  /** Indices must be in [0, count). */
  forward(indices: Tensor): Tensor {
    return this.weight.take(indices);
  }
}
