import type { Generator } from '../random/index.ts';
import type { Tensor } from '../tensor/index.ts';
import { type Activation, activationFunction } from './activation.ts';
import { constant } from './init.ts';
import { Linear } from './linear.ts';
import { Module } from './module.ts';
import type { Initializer } from './parameter.ts';

/** Options of {@link GatedMLP}. */
export interface GatedMLPOptions {
  /** Of the gate. Default 'silu'. */
  readonly activation?: Activation | undefined;
  /** Whether the projections have biases, zeros at first. Default false. */
  readonly bias?: boolean | undefined;
  /** Fills the weights. Default as PyTorch: uniform in ±1 / sqrt(in). */
  readonly weightInit?: Initializer | undefined;
  /** What the initial elements are drawn from. Default: a fresh one, seeded by the operating system. */
  readonly generator?: Generator | undefined;
}

/** `down(activation(gate(x)) * up(x))`: `[.., size]` to the same. Shazeer 2020, arXiv 2002.05202. */
export class GatedMLP extends Module {
  readonly gate_proj: Linear;
  readonly up_proj: Linear;
  readonly down_proj: Linear;
  readonly #activation: (x: Tensor) => Tensor;

  constructor(size: number, innerSize: number, options: GatedMLPOptions = {}) {
    super();
    const { activation = 'silu', bias = false, weightInit, generator } = options;
    const linear = { bias, weightInit, biasInit: constant(0), generator };
    this.gate_proj = new Linear(size, innerSize, linear);
    this.up_proj = new Linear(size, innerSize, linear);
    this.down_proj = new Linear(innerSize, size, linear);
    this.#activation = activationFunction(activation);
  }

  forward(x: Tensor): Tensor {
    return this.down_proj.forward(this.#activation(this.gate_proj.forward(x)).mul(this.up_proj.forward(x)));
  }
}
