// The numbers of a run's metrics.jsonl or episodes.jsonl, as far as charts need them.

import { Bucketing, type Buckets, type Range } from './buckets.ts';
import type { Row } from '../tracking/index.ts';
import { ColumnTable } from './columns.ts';
import { GrowingFile } from './growing-file.ts';

/** What is read between two other things that the server does: some ten milliseconds' worth. */
const SLICE_BYTES = 2 ** 19;
/** Bucketings kept for each file. A page of charts has one a chart, and a few more as people zoom. */
const MOST_BUCKETINGS = 256;

/** What stands for a row's number where no column says it. */
const ROW_NUMBER = 'row';

/** A file of numbers that grows, and its down-sampled curves. */
export class Curves {
  readonly file: GrowingFile;
  #table = new ColumnTable();
  /** The update or step of the latest row. */
  #latest = Number.NEGATIVE_INFINITY;
  /** By what they are of; the latest used last. */
  readonly #bucketings = new Map<string, Bucketing>();

  constructor(path: string) {
    this.file = new GrowingFile(path, SLICE_BYTES, {
      take: (rows) => {
        for (const row of rows) this.#take(row);
      },
      restart: () => {
        this.#table = new ColumnTable();
        this.#bucketings.clear();
        this.#latest = Number.NEGATIVE_INFINITY;
      },
    });
  }

  /**
   * A run that was killed goes on from its last checkpoint and writes some updates again: what it wrote last counts, and what it had
   * written beyond is forgotten. Two rows of the same step that say different things, such as a loss and an evaluation, are one.
   */
  #take(row: Row): void {
    const at = row['update'] ?? row['step'];
    if (typeof at === 'number' && at <= this.#latest) {
      const steps = this.#table.column('update') ?? this.#table.column('step');
      let rows = this.#table.rows;
      while (rows > 0 && steps!.at(rows - 1) > at) rows--;
      if (rows < this.#table.rows) {
        this.#table.truncate(rows);
        this.#bucketings.clear();
      }
      this.#latest = at;
      if (rows > 0 && steps!.at(rows - 1) === at) {
        if (this.#table.merge(row)) this.#bucketings.clear();
        return;
      }
    }
    if (typeof at === 'number') this.#latest = at;
    this.#table.add({ ...row, [ROW_NUMBER]: this.#table.rows + 1 });
  }

  get rows(): number {
    return this.#table.rows;
  }

  get names(): readonly string[] {
    return this.#table.names;
  }

  get bytes(): number {
    return this.#table.bytes;
  }

  /** The least and greatest x among the rows; null if there is none. */
  extremes(x: string): readonly [number, number] | null {
    return this.#table.column(x)?.extremes ?? null;
  }

  /** The curve of y over x, in buckets of a width; in a range, if one is given. Null if the file has no such columns. */
  buckets(x: string, y: string, width: number, range?: Range): Buckets | null {
    const [xs, ys] = [this.#table.column(x), this.#table.column(y)];
    if (xs === undefined || ys === undefined) return null;
    const key = JSON.stringify([x, y, width, range]);
    const bucketing = this.#bucketings.get(key) ?? new Bucketing(xs, ys, width, range);
    this.#bucketings.delete(key);
    this.#bucketings.set(key, bucketing);
    if (this.#bucketings.size > MOST_BUCKETINGS) this.#bucketings.delete(this.#bucketings.keys().next().value!);
    return bucketing.read();
  }
}
