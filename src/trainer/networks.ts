// Our own networks as JSON, so that a checkpoint can be loaded without building them first.
//
// A network counts as ours if one that is built from its description traces to the very same graph. So a subclass that
// computes something else, or an activation that is a function of the user's, is never mistaken for ours.

import { MLPActorNetwork, MLPCriticNetwork, type Network } from '../rl/index.ts';
import { argument, sourceOf, type Tensor } from '../tensor/index.ts';
import type { NetworkJson } from './checkpoint-schema.ts';

/** Activations that networks are described with. */
export const ACTIVATIONS = ['tanh', 'relu', 'sigmoid', 'silu', 'gelu', 'geluTanh', 'identity'] as const;

/** How to build a network again; null if it is none of ours. */
export function describeNetwork(network: Network): NetworkJson | null {
  const sizes = layerSizes(network);
  if (sizes === null) return null;
  const trace = traceOf(network, sizes.inputDim);
  for (const activation of ACTIVATIONS) {
    const description = { ...sizes, activation };
    if (traceOf(buildNetwork(description, network instanceof MLPActorNetwork), sizes.inputDim) === trace) {
      return description;
    }
  }
  return null;
}

/** The network that `describeNetwork` described, with fresh weights. Throws for an activation that there is not. */
export function buildNetwork(description: NetworkJson, isActor: boolean, seed?: number): Network {
  const { inputDim, hiddenDim, hiddenLayers, outputDim } = description;
  const activation = ACTIVATIONS.find((name) => name === description.activation);
  if (activation === undefined) {
    throw new Error(`there is no activation '${description.activation}'; there are ${ACTIVATIONS.join(', ')}`);
  }
  const options = { hiddenLayers, activation, seed };
  return isActor
    ? new MLPActorNetwork(inputDim, hiddenDim, outputDim, options)
    : new MLPCriticNetwork(inputDim, hiddenDim, options);
}

/** Weights of the matrices of a described network; biases are left out. */
export function weightCount({ inputDim, hiddenDim, hiddenLayers, outputDim }: NetworkJson): number {
  if (hiddenLayers === 0) return inputDim * outputDim;
  return inputDim * hiddenDim + (hiddenLayers - 1) * hiddenDim ** 2 + hiddenDim * outputDim;
}

function layerSizes(network: Network): Omit<NetworkJson, 'activation'> | null {
  if (!(network instanceof MLPActorNetwork || network instanceof MLPCriticNetwork)) return null;
  const weights = network.layers.layers.map(({ weight }) => weight.shape);
  const hidden = weights.slice(0, -1).map(([units]) => units!);
  const inputDim = weights[0]![1]!;
  const hiddenDim = hidden[0] ?? 1;
  if (hidden.some((units) => units !== hiddenDim)) return null;
  return { inputDim, hiddenDim, hiddenLayers: hidden.length, outputDim: weights.at(-1)![0]! };
}

/** What a network computes, as a text: the same for the same operations, whatever the weights. */
function traceOf(network: Network, inputDim: number): string {
  const numbers = new Map<Tensor, number>();
  const lines: string[] = [];
  const visit = (node: Tensor): number => {
    const known = numbers.get(node);
    if (known !== undefined) return known;
    const inputs = node.inputs.map(visit);
    const attributes = node.op === 'leaf' ? leafText(node) : JSON.stringify(node.attributes);
    lines.push(`${node.op}(${inputs.join()}) ${attributes} ${node.dtype} ${node.shape.join()}`);
    numbers.set(node, numbers.size);
    return numbers.size - 1;
  };
  visit(network.forward(argument(0, [1, inputDim], 'float32')));
  return lines.join('\n');
}

function leafText(leaf: Tensor): string {
  const source = sourceOf(leaf);
  return source.kind === 'constant' ? `constant ${source.data.join()}` : source.kind;
}
