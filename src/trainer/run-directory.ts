// The directory of one training run: how it was set up, what it measured, what it saved, how it ended.
//
//   config.json    everything needed to run it again, with versions and seed
//   metrics.jsonl  one line an update
//   checkpoints/   the agents saved on the way
//   summary.json   how it ended; absent while it runs or if it was killed

import { closeSync, existsSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { packageVersion } from './version.ts';

/** One line of metrics.jsonl: numbers by name; null where a value is missing or not finite. */
export type MetricsRow = Readonly<Record<string, number | null>>;

/** The directory of one training run. */
export class RunDirectory {
  /** The directory itself. */
  readonly path: string;
  /** Where checkpoints go unless told otherwise. */
  readonly checkpoints: string;
  /** The open metrics.jsonl; undefined before the first line, and after `close`. */
  #metrics: number | undefined;

  /**
   * Creates the directory.
   *
   * @param path must not hold another run. Throws an Error that says so if it does.
   */
  constructor(path: string) {
    this.path = path;
    this.checkpoints = join(path, 'checkpoints');
    if (existsSync(join(path, 'config.json'))) {
      throw new Error(`${path} already holds a run: choose another runDirectory, or remove this one`);
    }
    mkdirSync(path, { recursive: true });
  }

  /** Writes config.json: `config`, and under `versions` what it ran on. */
  writeConfig(config: object): void {
    this.#writeJson('config.json', { ...config, versions: versions(), createdAt: new Date().toISOString() });
  }

  /** Adds a line to metrics.jsonl. It is in the file when this returns, whatever happens to this process next. */
  appendMetrics(row: Readonly<Record<string, number | null | undefined>>): void {
    this.#metrics ??= openSync(join(this.path, 'metrics.jsonl'), 'a');
    writeSync(this.#metrics, `${JSON.stringify(row)}\n`);
  }

  /** Writes summary.json. */
  writeSummary(summary: object): void {
    this.#writeJson('summary.json', summary);
  }

  /** Closes metrics.jsonl. */
  close(): void {
    if (this.#metrics !== undefined) closeSync(this.#metrics);
    this.#metrics = undefined;
  }

  #writeJson(name: string, value: object): void {
    writeFileSync(join(this.path, name), `${JSON.stringify(value, null, 2)}\n`);
  }
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
