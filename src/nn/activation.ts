import type { Tensor } from '../tensor/index.ts';

const activations = {
  identity: (x: Tensor) => x,
  relu: (x: Tensor) => x.relu(),
  tanh: (x: Tensor) => x.tanh(),
  sigmoid: (x: Tensor) => x.sigmoid(),
  silu: (x: Tensor) => x.silu(),
  gelu: (x: Tensor) => x.gelu(),
  geluTanh: (x: Tensor) => x.gelu('tanh'),
} as const;

/** The name of an elementwise function between layers, or such a function. */
export type Activation = keyof typeof activations | ((x: Tensor) => Tensor);

/** The function that `activation` stands for. @throws Error for an unknown name. */
export function activationFunction(activation: Activation): (x: Tensor) => Tensor {
  if (typeof activation === 'function') return activation;
  if (!Object.hasOwn(activations, activation)) {
    throw new Error(`there is no activation '${activation}'; there are ${Object.keys(activations).join(', ')}`);
  }
  return activations[activation];
}
