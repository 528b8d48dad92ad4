// Which of a run's checkpoints stay: the latest ones, and the best.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { removeDirectory } from './atomic-directory.ts';

/** Validates {@link SavedCheckpoint}. */
export const savedCheckpointSchema = z.strictObject({
  /** In the folder of checkpoints. */
  name: z.string().regex(/^[^/\\]+$/),
  /** The higher, the better; null if nothing is known. */
  score: z.number().nullable(),
});

/** A checkpoint that a run has written. */
export type SavedCheckpoint = z.infer<typeof savedCheckpointSchema>;

/** How many checkpoints a run keeps by default. */
const DEFAULT_KEPT = 3;

/** The checkpoints of a run. */
export class KeptCheckpoints {
  readonly #folder: string;
  readonly #limit: number;
  #saved: readonly SavedCheckpoint[];

  /**
   * @param limit how many of the latest stay; null for all. Default 3
   * @param saved those that the run had written before it went on, oldest first
   */
  constructor(folder: string, limit: number | null | undefined, saved: readonly SavedCheckpoint[] = []) {
    this.#folder = folder;
    this.#limit = limit === null ? Number.POSITIVE_INFINITY : (limit ?? DEFAULT_KEPT);
    this.#saved = saved.filter(({ name }) => existsSync(join(folder, name)));
  }

  /** Those that are there, oldest first. */
  get saved(): readonly SavedCheckpoint[] {
    return this.#saved;
  }

  /** Those that are there, with one that is about to be written, oldest first. */
  with(checkpoint: SavedCheckpoint): SavedCheckpoint[] {
    return [...this.#saved.filter(({ name }) => name !== checkpoint.name), checkpoint];
  }

  /** To be called when a checkpoint is safely in place: removes what is neither among the latest nor the best. */
  add(checkpoint: SavedCheckpoint): void {
    this.#saved = this.with(checkpoint);
    this.tidy();
  }

  /** Removes what is neither among the latest nor the best, and was left by a process that was killed before it could do so. */
  tidy(): void {
    const all = this.#saved;
    const scores = all.map(({ score }) => score ?? Number.NEGATIVE_INFINITY);
    // Of equals, the latest.
    const best = scores.lastIndexOf(Math.max(...scores));
    const stays = (index: number): boolean => index >= all.length - this.#limit || index === best;
    this.#saved = all.filter((_, index) => stays(index));
    for (const [index, { name }] of all.entries()) if (!stays(index)) removeDirectory(join(this.#folder, name));
  }
}
