// The runs of a folder, watched. Files are looked at several times a second: that is cheap, works on every disk, and misses nothing.

import { EventEmitter } from 'node:events';
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { type FoundRun, listRuns } from '../tracking/index.ts';
import type { RowFile, RowsEvent, RunList, RunSummary } from './api.ts';
import { CompletionFile } from './completion-file.ts';
import { Curves } from './curves.ts';
import { summarise } from './run-summary.ts';

/** Milliseconds between looks at the folder and at the files that somebody has asked for. */
const LIST_INTERVAL = 1000;
const FILE_INTERVAL = 200;
/** Between two events of one file. */
const EVENT_INTERVAL = 250;
/** Memory that curves may take. Those asked for longest ago are forgotten, and read again when they are asked for. */
const MOST_CURVE_BYTES = 2 ** 31;
/** Files that nobody has asked for so long are not looked at. */
const STALE = 60_000;

interface Watched<File extends Curves | CompletionFile = Curves | CompletionFile> {
  readonly run: string;
  readonly name: RowFile | 'completions';
  readonly rows: File;
  askedAt: number;
  toldAt: number;
}

/** Tells `runs` when the list has changed, `rows` when a file has more rows. */
export class RunIndex extends EventEmitter<{ runs: [RunList]; rows: [RowsEvent] }> {
  readonly #folder: string;
  readonly #shownAs: string;
  #found: ReadonlyMap<string, FoundRun> = new Map();
  #summaries = new Map<string, { readonly signature: string; readonly summary: RunSummary }>();
  #list: RunList;
  #listText = '';
  readonly #watched = new Map<string, Watched>();
  readonly #timers: NodeJS.Timeout[] = [];
  #looking: Promise<void> | undefined;
  #closed = false;

  /** @param shownAs the folder's path as people gave it */
  constructor(folder: string, shownAs: string) {
    super();
    this.setMaxListeners(0);
    this.#folder = folder;
    this.#shownAs = shownAs;
    this.#list = { folder: shownAs, runs: [] };
  }

  /** Looks for the first time, and goes on until `close`. */
  async start(): Promise<void> {
    await this.look();
    this.#repeat(LIST_INTERVAL, () => this.look());
    this.#repeat(FILE_INTERVAL, () => this.#readOn());
  }

  close(): void {
    this.#closed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.removeAllListeners();
  }

  get list(): RunList {
    return this.#list;
  }

  /** The directory of a run; undefined if there is no such run. */
  find(id: string): FoundRun | undefined {
    return this.#found.get(id);
  }

  /** The numbers of a run's file, which is read from now on. */
  curves({ id, path }: FoundRun, name: RowFile): Curves {
    return this.#watch(id, name, () => new Curves(join(path, `${name}.jsonl`))).rows;
  }

  /** The texts of a run, which are read from now on. */
  completions({ id, path }: FoundRun): CompletionFile {
    return this.#watch(id, 'completions', () => new CompletionFile(join(path, 'completions.jsonl'))).rows;
  }

  #watch<File extends Curves | CompletionFile>(run: string, name: Watched['name'], make: () => File): Watched<File> {
    const key = `${name} ${run}`;
    const now = performance.now();
    const watched = (this.#watched.get(key) as Watched<File> | undefined) ?? {
      run,
      name,
      rows: make(),
      askedAt: 0,
      toldAt: 0,
    };
    const stale = now - watched.askedAt > FILE_INTERVAL;
    watched.askedAt = now;
    this.#watched.delete(key);
    this.#watched.set(key, watched);
    if (stale) this.#read(watched);
    return watched;
  }

  /** Looks for runs, and at those that have changed. */
  look(): Promise<void> {
    this.#looking ??= this.#lookNow().finally(() => (this.#looking = undefined));
    return this.#looking;
  }

  async #lookNow(): Promise<void> {
    const found = await listRuns(this.#folder);
    const summaries = new Map<string, { signature: string; summary: RunSummary }>();
    await Promise.all(
      found.map(async (run) => {
        const signature = await signatureOf(run.path);
        const known = this.#summaries.get(run.id);
        // Whether the process of a running run still lives is in no file.
        const same = known?.signature === signature && known.summary.status !== 'running';
        summaries.set(run.id, same ? known : { signature, summary: await summarise(run) });
      }),
    );
    this.#found = new Map(found.map((run) => [run.id, run]));
    this.#summaries = summaries;
    this.#list = { folder: this.#shownAs, runs: found.map(({ id }) => summaries.get(id)!.summary) };
    const text = JSON.stringify(this.#list);
    if (text === this.#listText) return;
    this.#listText = text;
    this.emit('runs', this.#list);
  }

  async #readOn(): Promise<void> {
    const now = performance.now();
    let bytes = 0;
    for (const [key, watched] of [...this.#watched].reverse()) {
      if (watched.rows instanceof Curves) bytes += watched.rows.bytes;
      if (!this.#found.has(watched.run) || bytes > MOST_CURVE_BYTES) this.#watched.delete(key);
      else if (now - watched.askedAt < STALE) this.#read(watched);
    }
  }

  #read(watched: Watched): void {
    const tell = (force: boolean): void => {
      const now = performance.now();
      if (this.#closed || (!force && now - watched.toldAt < EVENT_INTERVAL)) return;
      watched.toldAt = now;
      this.emit('rows', { run: watched.run, file: watched.name });
    };
    void watched.rows.file.update(() => tell(false)).then((news) => news && tell(true));
  }

  #repeat(interval: number, work: () => Promise<void>): void {
    const timer = setTimeout(async () => {
      const started = performance.now();
      await work().catch(() => {});
      if (this.#closed) return;
      this.#timers.splice(this.#timers.indexOf(timer), 1);
      // Looking at a folder of thousands of runs must not be all that is done.
      this.#repeat(Math.max(interval, 5 * (performance.now() - started)), work);
    }, interval);
    timer.unref();
    this.#timers.push(timer);
  }
}

const LOOKED_AT = [
  'config.json',
  'summary.json',
  'lock.json',
  'metrics.jsonl',
  'episodes.jsonl',
  'completions.jsonl',
  'replays',
  'media',
];

/** Changes whenever a file of the run does. */
async function signatureOf(path: string): Promise<string> {
  const stats = await Promise.all(LOOKED_AT.map((name) => lstat(join(path, name)).catch(() => null)));
  return stats.map((file) => (file === null ? '-' : `${file.size}:${file.mtimeMs}`)).join(' ');
}
