// Runs as pictures are made of them: read from their directories, a few columns at a time. Broken files cost themselves alone.

import { join } from 'node:path';
import {
  type CompletionRow,
  type EpisodeRow,
  listRuns,
  type MetricsRow,
  readRows,
  readRun,
} from '../tracking/index.ts';
import type { Curve } from './curves.ts';

/** A run to be drawn. */
export interface DrawnRun {
  readonly path: string;
  /** For people. */
  readonly name: string;
  /** Empty if config.json cannot be read. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Of the metrics that were asked for, those it has; all of one length, null where a row has no number. */
  readonly columns: ReadonlyMap<string, readonly (number | null)[]>;
  /** All metrics it has. */
  readonly metrics: ReadonlySet<string>;
}

/** What was found, and what could not be read. */
export interface FoundRuns {
  readonly runs: readonly DrawnRun[];
  readonly problems: readonly string[];
}

/** Columns by which rows go forward; the first that there is counts. */
const ORDER: readonly (keyof MetricsRow & string)[] = ['step', 'globalStep', 'update'];

/** The runs at `paths`, and those in them, each with the columns asked for. */
export async function openRuns(paths: readonly string[], columns: Iterable<string>): Promise<FoundRuns> {
  const wanted = new Set([...columns, ...ORDER]);
  const runs = new Map<string, DrawnRun>();
  const problems: string[] = [];
  for (const folder of paths) {
    const found = await listRuns(folder);
    if (found.length === 0) problems.push(`${folder}: no run there (a run has a config.json)`);
    for (const { path } of found) {
      if (runs.has(path)) continue;
      const record = await readRun(path);
      problems.push(...record.problems.map((problem) => join(path, problem)));
      const { rows, metrics, problem } = await readMetrics(join(path, 'metrics.jsonl'), wanted);
      if (problem !== null) problems.push(`${join(path, 'metrics.jsonl')}: ${problem}`);
      runs.set(path, { path, name: path, config: record.config ?? {}, columns: rows, metrics });
    }
  }
  return { runs: [...runs.values()], problems };
}

/** A metric over another, without what is missing. Where a run went back to a checkpoint, what came before is replaced. */
export function curveOf({ columns }: DrawnRun, x: string, y: string): Curve {
  const [xs, ys] = [columns.get(x), columns.get(y)];
  if (xs === undefined || ys === undefined) return { xs: [], ys: [] };
  const order = ORDER.map((name) => columns.get(name)).find((column) => column !== undefined) ?? xs;
  const kept: number[] = [];
  for (const [row, at] of order.entries()) {
    if (at === null || xs[row] === null || ys[row] === null) continue;
    while (kept.length > 0 && order[kept.at(-1)!]! >= at) kept.pop();
    kept.push(row);
  }
  // Clocks begin anew where a run goes on.
  let [passed, last] = [0, Number.NEGATIVE_INFINITY];
  const ascending = kept.map((row) => {
    const value = xs[row]!;
    if (value + passed < last) passed = last;
    last = value + passed;
    return last;
  });
  return { xs: ascending, ys: kept.map((row) => ys[row]!) };
}

/** The return of each text or episode of a run, in the order in which they ended, from completions.jsonl or episodes.jsonl. */
export async function returnsOf({ path }: DrawnRun): Promise<{ readonly returns: number[]; readonly of: string }> {
  for (const [name, of] of [
    ['completions', 'texts'],
    ['episodes', 'episodes'],
  ] as const) {
    const returns: number[] = [];
    await eachRow(join(path, `${name}.jsonl`), (row) => {
      const { return: value } = row as Partial<CompletionRow & EpisodeRow>;
      if (Number.isFinite(value)) returns.push(value!);
    });
    if (returns.length > 0) return { returns, of };
  }
  return { returns: [], of: 'episodes' };
}

async function readMetrics(file: string, wanted: ReadonlySet<string>) {
  const rows = new Map<string, (number | null)[]>();
  const metrics = new Set<string>();
  let count = 0;
  const problem = await eachRow(file, (row) => {
    for (const [name, value] of Object.entries(row)) {
      if (!Number.isFinite(value)) continue;
      metrics.add(name);
      if (!wanted.has(name)) continue;
      let column = rows.get(name);
      if (column === undefined) rows.set(name, (column = []));
      while (column.length < count) column.push(null);
      column.push(value as number);
    }
    count++;
  });
  for (const column of rows.values()) while (column.length < count) column.push(null);
  return { rows, metrics, problem };
}

/** Calls `use` for each row of a file, and tells what was wrong with the file; null if nothing was. */
async function eachRow(file: string, use: (row: Readonly<Record<string, unknown>>) => void): Promise<string | null> {
  let skipped = 0;
  for (let from = 0; ; ) {
    const part = await readRows(file, { from });
    for (const row of part.rows) use(row);
    skipped += part.skipped;
    if (part.problem !== null) return part.problem;
    if (part.complete || part.next === from) break;
    from = part.next;
  }
  return skipped === 0 ? null : `${skipped} ${skipped === 1 ? 'line' : 'lines'} left out, which hold no JSON object`;
}
