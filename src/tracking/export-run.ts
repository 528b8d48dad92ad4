// Telling trackers of a run that has been written down already: what they missed while it went on, or from its beginning.

import { join } from 'node:path';
import type { CompletionRow, EpisodeRow, MetricsRow, RunRows } from './rows.ts';
import { readRows, type Row } from './read-rows.ts';
import { readRun } from './read-run.ts';
import { nameOfRun, tellPictures } from './run-log.ts';
import { stepOf, type Tracker } from './tracker.ts';
import { TrackerFeed } from './tracker-feed.ts';

/** What was told. */
export interface ExportedRun {
  /** Rows of each file that there is. */
  readonly rows: Readonly<Partial<Record<keyof RunRows, number>>>;
  /** What could not be read. */
  readonly problems: readonly string[];
  /** What trackers complained of. */
  readonly failures: readonly string[];
}

/**
 * Tells trackers of the run in a directory, as they would have been told while it was written.
 *
 * @throws Error if there is no run
 */
export async function exportRun(directory: string, trackers: readonly Tracker[]): Promise<ExportedRun> {
  const run = await readRun(directory);
  if (run.config === null) throw new Error(`${directory} holds no run: ${run.problems.join('; ')}`);
  const problems = [...run.problems];
  const failures: string[] = [];
  const feed = new TrackerFeed(trackers, {
    name: nameOfRun(directory),
    directory,
    config: run.config,
    startedAt: new Date(run.createdAt ?? 0),
    warn: (message) => failures.push(message),
  });
  const [episodes, completions] = [
    new RowStream(join(directory, 'episodes.jsonl')),
    new RowStream(join(directory, 'completions.jsonl')),
  ];
  const metrics = new RowStream(join(directory, 'metrics.jsonl'));
  const tellUpTo = async (step: number, update: number): Promise<void> => {
    for await (const row of episodes.while((next) => stepOf(next) <= step)) {
      feed.episode(row as unknown as EpisodeRow);
      await feed.caughtUp();
    }
    for await (const row of completions.while((next) => numberOf(next['update']) <= update)) {
      feed.completion(row as unknown as CompletionRow);
    }
  };
  for await (const row of metrics.while(() => true)) {
    await tellUpTo(stepOf(row), numberOf(row['update']));
    feed.metrics(row as MetricsRow);
    await feed.caughtUp();
  }
  await tellUpTo(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY);
  tellPictures(feed, directory);
  await feed.finish(run.summary);
  const streams = { metrics, episodes, completions };
  for (const [name, { skipped }] of Object.entries(streams)) {
    if (skipped > 0) problems.push(`${name}.jsonl: ${skipped} lines could not be read`);
  }
  const told = Object.entries(streams).flatMap(([name, { count }]) => (count === 0 ? [] : [[name, count] as const]));
  return { rows: Object.fromEntries(told), problems, failures };
}

function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : Number.NEGATIVE_INFINITY;
}

/** The rows of a file, one after another. */
class RowStream {
  count = 0;
  skipped = 0;
  readonly #path: string;
  #rows: readonly Row[] = [];
  #index = 0;
  #from = 0;
  #isOver = false;

  constructor(path: string) {
    this.#path = path;
  }

  /** The rows up to the first that does not fit, which is left for the next call. */
  async *while(fits: (row: Row) => boolean): AsyncGenerator<Row> {
    for (;;) {
      if (this.#index === this.#rows.length && !(await this.#read())) return;
      const row = this.#rows[this.#index]!;
      if (!fits(row)) return;
      this.#index++;
      this.count++;
      yield row;
    }
  }

  async #read(): Promise<boolean> {
    while (!this.#isOver) {
      const { rows, next, skipped, complete } = await readRows(this.#path, { from: this.#from, maxBytes: 2 ** 24 });
      this.#from = next;
      this.#isOver = complete;
      this.skipped += skipped;
      if (rows.length === 0) continue;
      this.#rows = rows;
      this.#index = 0;
      return true;
    }
    return false;
  }
}
