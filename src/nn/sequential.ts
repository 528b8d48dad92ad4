import type { Tensor } from '../tensor/index.ts';
import { type Layer, Module } from './module.ts';

/** Layers and functions, one after another: `new Sequential(new Linear(4, 8), (x) => x.relu(), new Linear(8, 1))`. */
export class Sequential extends Module {
  /** A layer's parameters are named `layers.<position>.…`; functions count as positions. */
  readonly layers: readonly (Layer | ((x: Tensor) => Tensor))[];

  constructor(...layers: readonly (Layer | ((x: Tensor) => Tensor))[]) {
    super();
    this.layers = layers;
  }

  forward(x: Tensor): Tensor {
    return this.layers.reduce((h, layer) => (layer instanceof Module ? layer.forward(h) : layer(h)), x);
  }
}
