// The directory of one training run: how it was set up, what it measured, what it saved, how it ended. docs/runs.md describes it.
//
//   config.json        everything needed to run it again, with versions and seed
//   metrics.jsonl      one line an update
//   episodes.jsonl     one line an episode of an agent
//   completions.jsonl  one line a text that a language model wrote
//   checkpoints/       the agents saved on the way
//   summary.json       how it ended; absent while it runs or if it was killed
//   lock.json          who writes it; absent when nobody does

import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { releaseLock, takeLock } from './lock.ts';
import { makeDirectory } from './make-directory.ts';
import type { RunRows } from './rows.ts';
import { packageVersion } from './version.ts';

/** A row as it is given: what is undefined is left out, what is not finite becomes null. */
type Loose<Row> = { readonly [K in keyof Row]: Row[K] | undefined };

/** Where a run's files of rows end, in bytes; a file that is not named is empty. */
export type RowPositions = { readonly [Name in keyof RunRows]?: number | undefined };

const ROW_FILES = ['metrics', 'episodes', 'completions'] as const satisfies readonly (keyof RunRows)[];

/** The directory of one training run. */
export class RunDirectory {
  /** The directory itself. */
  readonly path: string;
  /** Where checkpoints go unless told otherwise. */
  readonly checkpoints: string;
  /** The files that have been written to. */
  readonly #files = new Map<keyof RunRows, number>();

  /**
   * Creates the directory, and locks it until `close`.
   *
   * @param path must not hold another run, unless `continues`. Throws an Error that says so if it does, and if another process is
   *   writing there.
   */
  constructor(
    path: string,
    {
      continues = false,
      rows,
    }: {
      /** Whether to go on with the run that is there: lines are added to its files, and its summary is removed. Default false. */
      readonly continues?: boolean;
      /**
       * Where the files of rows ended when what the run goes on from was saved: what was written later is cut off, because it is written
       * again. Default: nothing is cut off.
       */
      readonly rows?: RowPositions | undefined;
    } = {},
  ) {
    this.path = path;
    this.checkpoints = join(path, 'checkpoints');
    makeDirectory(path);
    takeLock(path);
    if (continues) {
      rmSync(join(path, 'summary.json'), { force: true });
      if (rows !== undefined) this.cutRows(rows);
    } else if (existsSync(join(path, 'config.json'))) {
      releaseLock(path);
      throw new Error(`${path} already holds a run: choose another runDirectory, or remove this one`);
    }
  }

  /**
   * Writes config.json: `config`, and under `versions` what it ran on. A run that goes on was created when it began. Returns what it
   * wrote. If that fails, the directory is closed.
   */
  writeConfig(config: object): { readonly createdAt: string } {
    const createdAt = createdBefore(this.path) ?? new Date().toISOString();
    const written = { ...config, versions: versions(), createdAt };
    try {
      this.#writeJson('config.json', written);
    } catch (error) {
      this.close();
      throw error;
    }
    return written;
  }

  /** Adds a line to a file. It is in the file when this returns, whatever happens to this process next. */
  append<Name extends keyof RunRows>(name: Name, row: Loose<RunRows[Name]>): void {
    const file = this.#open(name);
    const { size } = fstatSync(file);
    const line = Buffer.from(`${JSON.stringify(row)}\n`);
    try {
      // A disk that is nearly full takes a part of a line.
      for (let written = 0; written < line.length; ) written += writeSync(file, line, written);
    } catch (error) {
      ftruncateSync(file, size);
      throw error;
    }
  }

  /** Waits until all rows are on the disk, whatever happens to the machine next. */
  flushRows(): void {
    for (const file of this.#files.values()) fsyncSync(file);
  }

  /** Where the files of rows end. */
  rowEnds(): RowPositions {
    return Object.fromEntries(
      ROW_FILES.flatMap((name) => {
        const open = this.#files.get(name);
        if (open !== undefined) return [[name, fstatSync(open).size]];
        const file = join(this.path, `${name}.jsonl`);
        return existsSync(file) ? [[name, statSync(file).size]] : [];
      }),
    );
  }

  /** Cuts the files of rows off where they ended once. One that is shorter stays as it is. */
  cutRows(rows: RowPositions): void {
    for (const name of ROW_FILES) {
      const file = join(this.path, `${name}.jsonl`);
      const end = rows[name] ?? 0;
      if (existsSync(file) && statSync(file).size > end) truncateSync(file, end);
    }
  }

  /** Writes summary.json. */
  writeSummary(summary: object): void {
    this.#writeJson('summary.json', summary);
  }

  /** Does some work and closes the directory. If the work fails, summary.json says so. */
  async closedAfter<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      this.writeSummary({ stoppedBy: 'failed', stopReason: error instanceof Error ? error.message : String(error) });
      throw error;
    } finally {
      this.close();
    }
  }

  /** Closes the files and gives the lock back. */
  close(): void {
    for (const file of this.#files.values()) closeSync(file);
    this.#files.clear();
    releaseLock(this.path);
  }

  #open(name: keyof RunRows): number {
    let file = this.#files.get(name);
    if (file === undefined) {
      file = openSync(join(this.path, `${name}.jsonl`), 'a+');
      this.#files.set(name, file);
      endLine(file);
    }
    return file;
  }

  #writeJson(name: string, value: object): void {
    // Beside it first: whenever the machine stops, the file is the old one or the new one.
    const path = join(this.path, name);
    writeFileSync(`${path}.tmp`, `${JSON.stringify(value, null, 2)}\n`);
    renameSync(`${path}.tmp`, path);
  }
}

function createdBefore(path: string): string | undefined {
  try {
    const { createdAt } = JSON.parse(readFileSync(join(path, 'config.json'), 'utf8')) as { createdAt?: unknown };
    return typeof createdAt === 'string' ? createdAt : undefined;
  } catch {
    return undefined;
  }
}

/** Ends a last line that was torn when an earlier process was killed, so that what follows is not lost with it. */
function endLine(file: number): void {
  const { size } = fstatSync(file);
  const last = Buffer.alloc(1);
  if (size === 0 || readSync(file, last, 0, 1, size - 1) !== 1 || last.toString() === '\n') return;
  writeSync(file, '\n');
}

/** `runs/<env>-<date>-<seed>`, with a number behind it if a run of this second and seed exists already. */
export function defaultRunDirectory(envName: string, seed: number, now: Date = new Date()): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const date = `${now.getFullYear()}${two(now.getMonth() + 1)}${two(now.getDate())}`;
  const time = `${two(now.getHours())}${two(now.getMinutes())}${two(now.getSeconds())}`;
  const base = join('runs', `${fileName(envName)}-${date}-${time}-${seed}`);
  let path = base;
  for (let i = 2; existsSync(path); i++) path = `${base}-${i}`;
  return path;
}

/** An environment's name as part of a file name: `mine/Maze-v0` becomes `mine-Maze-v0`. */
export function fileName(envName: string): string {
  return envName.replace(/[^\w.-]+/g, '-');
}

/** What a run's numbers depend on besides its configuration. */
function versions(): Record<string, string> {
  const require = createRequire(import.meta.url);
  const engine = require('onnxruntime-node/package.json') as { readonly version: string };
  return {
    gymformer: packageVersion(),
    node: process.versions.node,
    onnxruntime: engine.version,
    platform: `${process.platform}-${process.arch}`,
  };
}
