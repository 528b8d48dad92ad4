// Weights and moments as they are now, to come back to.

import type { Parameter, StateEntry } from '../nn/index.ts';
import { availableMemory } from './available-memory.ts';
import { type Trained, trainedParameters } from './training-files.ts';

/** So much is copied, in bytes, whatever memory there is. */
const SMALL = 512 * 2 ** 20;

/** Of what is free, the share that a larger copy may take: with more, memory is worth more than being able to come back. */
const LARGEST_SHARE = 0.25;

/** Weights, and Adam's two moments of each. */
const COPIES = 3;

/**
 * Bytes of a {@link Snapshot}, where the weights that are trained have so many; 0 if it would be too large to be made.
 *
 * @param free says how much memory is free
 */
export function snapshotBytes(trained: number, free: () => number): number {
  const bytes = COPIES * trained;
  return bytes > SMALL && bytes > LARGEST_SHARE * free() ? 0 : bytes;
}

/** A copy of what an optimizer changes, in memory that is taken once: it may be made before each of a run's updates. */
export class Snapshot {
  readonly #optimizer: Trained['optimizer'];
  readonly #parameters: readonly Parameter[];
  #weights: readonly Float32Array[] = [];
  readonly #moments = new Map<string, StateEntry>();
  #state: ReturnType<Trained['optimizer']['stateDict']> | undefined;

  constructor({ module, optimizer }: Trained) {
    this.#optimizer = optimizer;
    this.#parameters = [...trainedParameters(module).values()];
  }

  /** Copies. False if that would be too large. */
  take(): boolean {
    if (this.#weights.length === 0) {
      const trained = this.#parameters.reduce((sum, { storage }) => sum + storage.data.byteLength, 0);
      if (trained > 0 && snapshotBytes(trained, availableMemory) === 0) return false;
      this.#weights = this.#parameters.map(({ size }) => new Float32Array(size));
    }
    this.#parameters.forEach(({ storage }, i) => this.#weights[i]!.set(storage.data));
    const { moments, ...rest } = this.#optimizer.stateDict({ copy: false });
    if (moments.size < this.#moments.size) this.#moments.clear();
    for (const [name, { shape, data }] of moments) {
      const copy = this.#moments.get(name)?.data;
      if (copy?.length === data.length) (copy as Float32Array).set(data as Float32Array);
      else this.#moments.set(name, { shape, data: data.slice() });
    }
    this.#state = { ...rest, moments: this.#moments };
    return true;
  }

  /** Puts back what was copied last. */
  restore(): void {
    this.#parameters.forEach(({ storage }, i) => storage.data.set(this.#weights[i]!));
    this.#optimizer.loadStateDict(this.#state!);
  }
}
