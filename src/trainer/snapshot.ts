// Weights and moments as they are now, to come back to.

import type { Module, OptimizerState } from '../nn/index.ts';
import { trainedParameters } from './training-files.ts';

/** The most that is copied, in bytes: with more, memory is worth more than being able to come back. */
const LARGEST = 512 * 2 ** 20;

/** Weights, and Adam's two moments of each. */
const COPIES = 3;

/** Copies what an optimizer changes, and returns what puts it back; undefined if that would be too large. */
export function snapshotOf(
  module: Module,
  optimizer: { stateDict(): OptimizerState; loadStateDict(state: OptimizerState): void },
): (() => void) | undefined {
  const trained = [...trainedParameters(module).values()];
  if (COPIES * trained.reduce((sum, { storage }) => sum + storage.data.byteLength, 0) > LARGEST) return undefined;
  const weights = trained.map(({ storage }) => [storage, storage.data.slice()] as const);
  const state = optimizer.stateDict();
  return () => {
    for (const [storage, data] of weights) storage.data.set(data);
    optimizer.loadStateDict(state);
  };
}
