// How large a model is, from its configuration alone: known before any memory is taken.

import { type ModelConfig, ModelError } from './config.ts';

/** Weights of the matrices; norms and biases, which are few, are left out. */
export function parameterCount(config: ModelConfig): number {
  const { modelType, vocabSize, hiddenSize, intermediateSize, numLayers, numHeads, numKeyValueHeads, headDim } = config;
  const attention = 2 * hiddenSize * headDim * (numHeads + numKeyValueHeads);
  const feedForward = (modelType === 'gpt2' ? 2 : 3) * hiddenSize * intermediateSize;
  const tables = (config.tieWordEmbeddings ? 1 : 2) * vocabSize + (modelType === 'gpt2' ? config.maxPositions : 0);
  return tables * hiddenSize + numLayers * (attention + feedForward);
}

/** More parameters than any model has that a machine can hold. */
const MOST = 2e12;

/** @throws ModelError for a model of absurd size, rather than ask for that much memory */
export function checkSize(config: ModelConfig): void {
  const count = parameterCount(config);
  if (count > MOST) {
    throw new ModelError(
      `config.json describes a model of about ${count.toExponential(1)} parameters: a size in it must be wrong`,
    );
  }
}

/**
 * @param stored elements in the files of weights
 * @throws ModelError if the configuration speaks of far more: weights that differ by less are told one by one
 */
export function checkSizeAgainst(config: ModelConfig, stored: number): void {
  const count = parameterCount(config);
  if (count <= 4 * stored + 1e6) return;
  throw new ModelError(
    `config.json describes a model of about ${count.toExponential(1)} parameters, but the files of weights hold ${stored}: ` +
      'one of them is wrong. Fetch both again',
  );
}
