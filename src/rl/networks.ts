// The networks of classic agents. A user's own module with the same forward fits in their place.

import { defaultRng, type Generator } from '../random/index.ts';
import { type Activation, MLP, Module } from '../nn/index.ts';
import type { Tensor } from '../tensor/index.ts';

export interface MLPNetworkOptions {
  /** How many hidden layers. Default 2. */
  readonly hiddenLayers?: number | undefined;
  /** Default 'tanh'. */
  readonly activation?: Activation | undefined;
  /** Makes the initial weights repeatable. */
  readonly seed?: number | undefined;
}

/**
 * Observations `[batch, inputDim]` to action scores `[batch, outputDim]`: logits for `Discrete` actions, means for `Box`.
 * Weights are orthogonal with gain sqrt 2, 0.01 in the last layer, so that the first policy is nearly uniform
 * (details 2 and 3 of Huang et al. 2022, "The 37 Implementation Details of PPO").
 */
export class MLPActorNetwork extends Module {
  readonly layers: MLP;

  constructor(inputDim: number, hiddenDim: number, outputDim: number, options: MLPNetworkOptions = {}) {
    super();
    this.layers = orthogonalMLP(inputDim, hiddenDim, outputDim, 0.01, options);
  }

  forward(observations: Tensor): Tensor {
    return this.layers.forward(observations);
  }
}

/** Observations `[batch, inputDim]` to state values `[batch, 1]`. Weights are orthogonal, with gain 1 in the last layer. */
export class MLPCriticNetwork extends Module {
  readonly layers: MLP;

  constructor(inputDim: number, hiddenDim: number, options: MLPNetworkOptions = {}) {
    super();
    this.layers = orthogonalMLP(inputDim, hiddenDim, 1, 1, options);
  }

  forward(observations: Tensor): Tensor {
    return this.layers.forward(observations);
  }
}

function orthogonalMLP(
  inputDim: number,
  hiddenDim: number,
  outputDim: number,
  outputGain: number,
  { hiddenLayers = 2, activation = 'tanh', seed }: MLPNetworkOptions,
): MLP {
  const generator: Generator = defaultRng(seed);
  const sizes = [inputDim, ...Array.from({ length: hiddenLayers }, () => hiddenDim), outputDim];
  return new MLP(sizes, { activation, generator, init: { kind: 'orthogonal', gain: Math.SQRT2, outputGain } });
}
