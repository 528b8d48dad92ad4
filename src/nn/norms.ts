import type { Tensor } from '../tensor/index.ts';
import { constant } from './init.ts';
import { Module } from './module.ts';
import { Parameter } from './parameter.ts';

/** Options of {@link LayerNorm} and {@link RMSNorm}. */
export interface NormOptions {
  /** Added to the variance or mean square. Default 1e-5 for LayerNorm (PyTorch), 1e-6 for RMSNorm (Qwen 2). */
  readonly epsilon?: number | undefined;
}

/** Layer normalisation over the last axis: `(x - mean) / sqrt(variance + epsilon) * weight + bias`. Ba et al. 2016, arXiv 1607.06450. */
export class LayerNorm extends Module {
  /** `[size]`, ones at first. */
  readonly weight: Parameter;
  /** `[size]`, zeros at first. */
  readonly bias: Parameter;
  readonly epsilon: number;

  constructor(size: number, { epsilon = 1e-5 }: NormOptions = {}) {
    super();
    this.weight = new Parameter([size], constant(1));
    this.bias = new Parameter([size]);
    this.epsilon = epsilon;
  }

  forward(x: Tensor): Tensor {
    return x.layerNorm(this.weight, this.bias, this.epsilon);
  }
}

/** Root-mean-square normalisation over the last axis: `x / sqrt(mean(x^2) + epsilon) * weight`. Zhang & Sennrich 2019, arXiv 1910.07467. */
export class RMSNorm extends Module {
  /** `[size]`, ones at first. */
  readonly weight: Parameter;
  readonly epsilon: number;

  constructor(size: number, { epsilon = 1e-6 }: NormOptions = {}) {
    super();
    this.weight = new Parameter([size], constant(1));
    this.epsilon = epsilon;
  }

  forward(x: Tensor): Tensor {
    return x.rmsNorm(this.weight, this.epsilon);
  }
}
