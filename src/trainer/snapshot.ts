// Weights and moments as they are now, to come back to.

import type { Module, OptimizerState } from '../nn/index.ts';
import { trainedParameters } from './training-files.ts';

/** Copies what an optimizer changes, and returns what puts it back. */
export function snapshotOf(
  module: Module,
  optimizer: { stateDict(): OptimizerState; loadStateDict(state: OptimizerState): void },
): () => void {
  const weights = [...trainedParameters(module).values()].map(
    ({ storage }) => [storage, storage.data.slice()] as const,
  );
  const state = optimizer.stateDict();
  return () => {
    for (const [storage, data] of weights) storage.data.set(data);
    optimizer.loadStateDict(state);
  };
}
