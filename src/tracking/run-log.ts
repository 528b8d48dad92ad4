// All that a run writes down: into its directory, and to trackers.

import { basename, dirname, join, resolve } from 'node:path';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { RowPositions, RunDirectory } from './run-directory.ts';
import type { RunRows } from './rows.ts';
import type { TrackedRun, Tracker } from './tracker.ts';
import { TrackerFeed } from './tracker-feed.ts';

/** Where a run is written down. */
export interface RunLogOptions {
  /** Null for nowhere but in trackers. */
  readonly directory: RunDirectory | null;
  readonly trackers?: readonly Tracker[] | undefined;
  /** What a run without a directory is called. */
  readonly name: string;
  readonly config: object;
  /** See `TrackedRun.resumesAfter`. */
  readonly resumesAfter?: number | null | undefined;
  /** Receives warnings. */
  readonly warn?: ((message: string) => void) | undefined;
}

/** Writes a run down. */
export class RunLog {
  readonly directory: RunDirectory | null;
  readonly #feed: TrackerFeed | null;
  #summary: Readonly<Record<string, unknown>> | null = null;

  /** Writes config.json. The directory is closed with this log. */
  constructor({ directory, trackers = [], name, config, resumesAfter = null, warn = console.warn }: RunLogOptions) {
    this.directory = directory;
    const written = directory?.writeConfig(config) ?? { ...config, createdAt: new Date().toISOString() };
    const run: TrackedRun = {
      name: directory === null ? name : nameOfRun(directory.path),
      directory: directory?.path ?? null,
      config: asJson(written),
      startedAt: new Date(written.createdAt),
      resumesAfter,
      warn,
    };
    this.#feed = trackers.length === 0 ? null : new TrackerFeed(trackers, run);
  }

  /** Adds a line to a file of rows. */
  append<Name extends keyof RunRows>(name: Name, row: RunRows[Name]): void {
    this.directory?.append(name, row);
    if (this.#feed !== null) tellRow(this.#feed, name, row);
  }

  /** Takes back what was added behind these positions: it is written again by a run that goes on. */
  cutRows(rows: RowPositions): void {
    this.directory?.cutRows(rows);
    this.#feed?.forgetUpdate();
  }

  /** Writes summary.json. */
  writeSummary(summary: object): void {
    this.directory?.writeSummary(summary);
    if (this.#feed !== null) this.#summary = asJson(summary);
  }

  /** Waits for trackers, though not for long, and closes the directory. */
  async close(): Promise<void> {
    if (this.#feed !== null && this.directory !== null) tellPictures(this.#feed, this.directory.path);
    await this.#feed?.finish(this.#summary);
    this.directory?.close();
  }
}

/** Tells of a row of a file. */
function tellRow<Name extends keyof RunRows>(feed: TrackerFeed, name: Name, row: RunRows[Name]): void {
  if (name === 'metrics') feed.metrics(row as RunRows['metrics']);
  else if (name === 'episodes') feed.episode(row as RunRows['episodes']);
  else feed.completion(row as RunRows['completions']);
}

/** Tells of the pictures in a run's `media/`. */
export function tellPictures(feed: TrackerFeed, directory: string): void {
  const media = join(directory, 'media');
  if (!existsSync(media)) return;
  for (const entry of readdirSync(media, { withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.endsWith('.png')) continue;
    feed.image(`media/${basename(entry.name, '.png')}`, readFileSync(join(media, entry.name)));
  }
}

/** The last part of a run's path, with the one before it where it is part of another run. */
export function nameOfRun(directory: string): string {
  const path = resolve(directory);
  const parent = dirname(path);
  return existsSync(join(parent, 'config.json')) ? `${basename(parent)}/${basename(path)}` : basename(path);
}

/** As JSON has it: what is undefined is gone, what is not finite is null. */
function asJson(value: object): Readonly<Record<string, unknown>> {
  return JSON.parse(JSON.stringify(value)) as Readonly<Record<string, unknown>>;
}
