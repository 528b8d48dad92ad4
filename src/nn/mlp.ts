import { defaultRng, type Generator } from '../random/index.ts';
import type { Tensor } from '../tensor/index.ts';
import { type Activation, activationFunction } from './activation.ts';
import { constant, orthogonal } from './init.ts';
import { Linear } from './linear.ts';
import { Module } from './module.ts';

/** How the layers of an {@link MLP} begin. */
export type MLPInit =
  /** As PyTorch's linear layers: weights and biases uniform in ±1 / sqrt(in). */
  | { readonly kind: 'uniform' }
  /** Orthogonal weights and biases of 0. Defaults: `gain` sqrt 2, `outputGain` (the last layer's) 1. */
  | { readonly kind: 'orthogonal'; readonly gain?: number | undefined; readonly outputGain?: number | undefined };

/** Options of {@link MLP}. */
export interface MLPOptions {
  /** Between the layers. Default 'tanh'. */
  readonly activation?: Activation | undefined;
  /** After the last layer. Default 'identity': none. */
  readonly outputActivation?: Activation | undefined;
  /** Default `{ kind: 'uniform' }`. */
  readonly init?: MLPInit | undefined;
  /** What the initial elements are drawn from. Default: a fresh one, seeded by the operating system. */
  readonly generator?: Generator | undefined;
}

/** A multilayer perceptron of linear layers: `[.., sizes[0]]` gives `[.., sizes.at(-1)]`. */
export class MLP extends Module {
  readonly layers: readonly Linear[];
  readonly #activation: (x: Tensor) => Tensor;
  readonly #outputActivation: (x: Tensor) => Tensor;

  /** @param sizes of the input, each hidden layer and the output: `[4, 64, 64, 2]`. */
  constructor(sizes: readonly number[], options: MLPOptions = {}) {
    super();
    if (sizes.length < 2) throw new Error(`MLP needs at least an input and an output size, but got [${sizes.join()}]`);
    const { generator = defaultRng(), init = { kind: 'uniform' } } = options;
    this.#activation = activationFunction(options.activation ?? 'tanh');
    this.#outputActivation = activationFunction(options.outputActivation ?? 'identity');
    this.layers = sizes.slice(1).map((size, i) => {
      const last = i === sizes.length - 2;
      if (init.kind === 'uniform') return new Linear(sizes[i]!, size, { generator });
      const gain = last ? (init.outputGain ?? 1) : (init.gain ?? Math.SQRT2);
      return new Linear(sizes[i]!, size, { generator, weightInit: orthogonal(gain), biasInit: constant(0) });
    });
  }

  forward(x: Tensor): Tensor {
    const last = this.layers.length - 1;
    return this.layers.reduce(
      (h, layer, i) => (i === last ? this.#outputActivation : this.#activation)(layer.forward(h)),
      x,
    );
  }
}
