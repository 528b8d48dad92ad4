// A file of rows that is read as it grows, in slices, so that a server goes on answering while it reads a large one.

import { lstat } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { readRows, type Row } from '../tracking/index.ts';

/** What to do with what was read. */
export interface RowTaker {
  /** Takes the rows of a slice, which begins at the byte `from` of the file. */
  take(rows: readonly Row[], from: number): void;
  /** The file was written anew: forgets all rows. */
  restart(): void;
}

/** Reads a file to its end, and on when there is more. */
export class GrowingFile {
  readonly path: string;
  readonly #taker: RowTaker;
  #next = 0;
  #bytes = 0;
  #skipped = 0;
  #problem: string | null = null;
  #reading: Promise<boolean> | undefined;
  readonly #sliceBytes: number;

  /** @param sliceBytes how much is read between two other things that a server does; longer lines are left out */
  constructor(path: string, sliceBytes: number, taker: RowTaker) {
    this.path = path;
    this.#sliceBytes = sliceBytes;
    this.#taker = taker;
  }

  /** How much of the file was read, 0 to 1; a torn last line counts as read. */
  get read(): number {
    return this.#reading === undefined || this.#bytes === 0 ? 1 : Math.min(1, this.#next / this.#bytes);
  }

  /** Lines that were left out. */
  get skipped(): number {
    return this.#skipped;
  }

  /** Why it cannot be read; null if it can. */
  get problem(): string | null {
    return this.#problem;
  }

  /**
   * Reads to the end of the file, if it is not being read already.
   *
   * @param onSlice called after each slice that had rows
   * @returns whether there was anything new, be it only that something cannot be read
   */
  update(onSlice: () => void = () => {}): Promise<boolean> {
    this.#reading ??= this.#readOn(onSlice).finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  async #readOn(onSlice: () => void): Promise<boolean> {
    const stats = await lstat(this.path).catch(() => null);
    // Nothing came since: most readings of most files end here.
    if (stats?.isFile() && stats.size === this.#bytes) return false;
    this.#bytes = stats?.size ?? 0;
    for (let news = false; ; ) {
      const from = this.#next;
      const { rows, next, skipped, complete, restarted, problem } = await readRows(this.path, {
        from,
        maxBytes: this.#sliceBytes,
      });
      if (restarted) {
        this.#taker.restart();
        this.#skipped = 0;
      }
      news ||= restarted || rows.length > 0 || skipped > 0 || problem !== this.#problem;
      this.#problem = problem;
      this.#skipped += skipped;
      this.#next = next;
      if (rows.length > 0) this.#taker.take(rows, restarted ? 0 : from);
      if (complete || problem !== null) return news;
      if (rows.length > 0) onSlice();
      await nextTurn();
    }
  }
}
