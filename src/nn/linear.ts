import { defaultRng, type Generator } from '../random/index.ts';
import type { Tensor } from '../tensor/index.ts';
import { kaimingUniform, symmetricUniform } from './init.ts';
import { Module } from './module.ts';
import { type Initializer, Parameter } from './parameter.ts';

/** Options of {@link Linear}. */
export interface LinearOptions {
  /** Whether there is a bias. Default true. */
  readonly bias?: boolean | undefined;
  /** Fills the weight. Default as PyTorch: uniform in ±1 / sqrt(in). */
  readonly weightInit?: Initializer | undefined;
  /** Fills the bias. Default as PyTorch: uniform in ±1 / sqrt(in). */
  readonly biasInit?: Initializer | undefined;
  /** What the initial elements are drawn from. Default: a fresh one, seeded by the operating system. */
  readonly generator?: Generator | undefined;
}

/** `x W^T + b`: `[.., in]` gives `[.., out]`. */
export class Linear extends Module {
  /** `[out, in]`. */
  readonly weight: Parameter;
  /** `[out]`. */
  readonly bias: Parameter | undefined;

  constructor(inFeatures: number, outFeatures: number, options: LinearOptions = {}) {
    super();
    const { generator = defaultRng() } = options;
    const bound = 1 / Math.sqrt(inFeatures);
    const { weightInit = kaimingUniform({ a: Math.sqrt(5) }), biasInit = symmetricUniform(bound) } = options;
    this.weight = new Parameter([outFeatures, inFeatures], weightInit, generator);
    this.bias = (options.bias ?? true) ? new Parameter([outFeatures], biasInit, generator) : undefined;
  }

  /** @throws ShapeError if the last axis of `x` is not `in` long. */
  forward(x: Tensor): Tensor {
    return x.linear(this.weight, this.bias);
  }
}
