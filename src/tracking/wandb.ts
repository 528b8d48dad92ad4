// Weights & Biases: a run as its client keeps it offline, which `wandb sync` uploads. Fields as in wandb/proto/wandb_internal.proto.

import { spawn } from 'node:child_process';
import { createHash, randomInt } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, hostname, release, totalmem } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { groupedMetrics } from './metric-names.ts';
import { WandbLogFile, wandbRecords } from './record-file.ts';
import type { CompletionRow, EpisodeRow, MetricsRow } from './rows.ts';
import { timeOf, type TrackedRun, type Tracker } from './tracker.ts';
import { artifactFile, type Table, TableArtifact, tableFile } from './wandb-table.ts';
import { encoded, type Fields, fieldsOf } from './wire.ts';

export interface WandbOptions {
  /** Default: the environment's WANDB_PROJECT, or gymformer. */
  readonly project?: string | undefined;
  /** The user or team. Default: the environment's WANDB_ENTITY, or whose key it is that syncs. */
  readonly entity?: string | undefined;
  /** Default: the run's name. */
  readonly runName?: string | undefined;
  readonly group?: string | undefined;
  readonly tags?: readonly string[] | undefined;
  /** Whether to call the command `wandb sync` in the end, which must be there. Default: the environment's WANDB_MODE, or offline. */
  readonly mode?: 'offline' | 'online' | undefined;
  /** Where `wandb/offline-run-...` goes. Default: the run's directory. */
  readonly directory?: string | undefined;
  /** Texts of an update in its table at most; 0 for none. Default 16. */
  readonly completions?: number | undefined;
}

type Item = readonly [name: string, value: unknown];
type Items = readonly Item[];

/** The version of W&B's client whose format this is. */
const FORMAT_OF = '0.31.0';
const SYNC_SECONDS = 300;

/**
 * Writes W&B's offline run: configuration, history (metrics, episodes, tables of texts, histograms, pictures), summary. A run that goes on
 * goes on in its log, which is cut off where the run was saved, so that it is one run, with each step once.
 */
export class WandbTracker implements Tracker {
  readonly name = 'W&B';
  readonly finishSeconds: number;
  /** The folder that `wandb sync` takes; null before the run begins. */
  folder: string | null = null;
  readonly #options: WandbOptions;
  #id = '';
  readonly #mode: 'offline' | 'online';
  #log: WandbLogFile | null = null;
  #run: TrackedRun | null = null;
  #records = 0;
  #seconds = 0;
  /** What is to stand in the next row of history besides its own: W&B's steps only rise, and a row is written once. */
  #waiting: Item[] = [];
  /** Of the rows of history so far. */
  #lastStep = -1;
  /** The row of history that more may come to. */
  #row: { readonly step: number; readonly time: number; readonly items: Items } | null = null;

  constructor(options: WandbOptions = {}) {
    this.#options = options;
    this.#mode = options.mode ?? (process.env['WANDB_MODE'] === 'online' ? 'online' : 'offline');
    this.finishSeconds = this.#mode === 'online' ? SYNC_SECONDS + 10 : 10;
  }

  start(run: TrackedRun): void {
    const directory = this.#options.directory ?? run.directory;
    if (directory === null) throw new Error('a run without a directory needs the option directory');
    this.#run = run;
    const earlier = run.resumesAfter == null ? null : earlierLog(join(directory, 'wandb'), run.resumesAfter);
    if (earlier !== null) {
      this.#id = earlier.id;
      this.folder = earlier.folder;
      this.#records = earlier.records;
      this.#log = new WandbLogFile(earlier.path, earlier.length);
      // It may go on with other limits.
      this.#write(5, updates(Object.entries(run.config), 1));
      this.#log.flush();
      // What `wandb sync` leaves behind, so that it takes the folder again.
      rmSync(`${earlier.path}.synced`, { force: true });
      return;
    }
    this.#id = Array.from({ length: 8 }, () => randomInt(36).toString(36)).join('');
    this.folder = join(directory, 'wandb', `offline-run-${stamp(run.startedAt)}-${this.#id}`);
    mkdirSync(join(this.folder, 'files'), { recursive: true });
    this.#log = new WandbLogFile(join(this.folder, `run-${this.#id}.wandb`));
    this.#write(21, (header) => header.message(1, (version) => version.string(1, FORMAT_OF).string(2, '0.70.0')));
    this.#write(17, this.#runRecord(run));
    this.#write(26, environment(run));
    this.#log.flush();
  }

  log(row: MetricsRow, step: number): void {
    const items = [...this.#waiting, ...groupedMetrics(row)];
    this.#waiting = [];
    this.#history(items, row, step);
    // Nothing comes to an update's row any more.
    this.#writeRow();
    this.#write(3, updates(items, 1));
    this.#log!.flush();
  }

  episode(row: EpisodeRow, step: number): void {
    const items = [
      ['episodes/return', row.return],
      ['episodes/length', row.length],
    ] as const;
    this.#history(items, row as unknown as MetricsRow, step);
  }

  completions(rows: readonly CompletionRow[], step: number): void {
    const chosen = rows.slice(0, this.#options.completions ?? 16);
    if (chosen.length === 0) return;
    const columns = COLUMNS.filter((name) => chosen.some((row) => row[name] !== undefined));
    const data = chosen.map((row) => columns.map((name) => row[name] ?? null));
    const table = { columns, data };
    const file = this.#media('table', `completions_${step}`, 'table.json', tableFile(table));
    const shown = { ncols: columns.length, nrows: data.length, log_mode: 'IMMUTABLE', ...this.#artifact(table, step) };
    this.#waiting.push(['completions', { _type: 'table-file', ...file, ...shown }]);
  }

  histogram(name: string, values: readonly number[]): void {
    this.#waiting.push([name, histogramOf(values)]);
  }

  image(name: string, png: Uint8Array, step: number): void {
    const { width, height } = sizeOf(png);
    const file = this.#media('images', `${name}_${step}`, 'png', png);
    this.#waiting.push([name, { _type: 'image-file', ...file, format: 'png', width, height }]);
  }

  async finish(summary: TrackedRun['config'] | null): Promise<void> {
    if (this.#log === null) return;
    // What came after the last update, such as pictures, has a row of its own: steps only rise.
    const step = this.#row?.step ?? this.#lastStep + 1;
    if (this.#waiting.length > 0 && step > 0) this.#history(this.#waiting, { seconds: this.#seconds }, step);
    this.#writeRow();
    const ended = Object.entries(summary ?? {});
    const runtime = Math.round(this.#seconds);
    this.#write(3, updates([...this.#waiting, ...ended, ['_wandb', { runtime }], ['_runtime', runtime]], 1));
    const failed = ['failed', 'diverged'].includes(String(summary?.['stoppedBy']));
    this.#write(18, (exit) => exit.int(1, failed ? 1 : 0).int(2, runtime));
    this.#log.close();
    this.#log = null;
    if (this.#mode === 'online') await this.#sync();
  }

  /** What uploads the run; null where there is none, or it was uploaded in online mode. */
  get syncCommand(): string | null {
    return this.folder === null || this.#mode === 'online' ? null : `wandb sync ${this.folder}`;
  }

  /** @throws Error that says how to sync later */
  async #sync(): Promise<void> {
    const folder = resolve(this.folder!);
    const later = `sync it with: wandb sync ${this.folder}`;
    // Not the option timeout: its timer would keep this process alive where the command cannot be started.
    const signal = AbortSignal.timeout(1000 * SYNC_SECONDS);
    const child = spawn('wandb', ['sync', folder], { stdio: ['ignore', 'pipe', 'pipe'], signal });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (bytes: Buffer) => {
        said = `${said}${bytes.toString()}`.slice(-500);
      });
    }
    const code = await new Promise<number | null>((settle, fail) => {
      child.once('error', (error: NodeJS.ErrnoException) => {
        const known: Readonly<Record<string, string>> = {
          ENOENT: 'there is no command wandb (pip install wandb)',
          ABORT_ERR: `wandb sync did not end within ${SYNC_SECONDS} s`,
        };
        const why = known[error.code ?? ''] ?? error.message;
        fail(new Error(`${why}; ${later}`));
      });
      child.once('close', settle);
    });
    if (code !== 0) throw new Error(`wandb sync ended with ${code}: ${said.trim()}; ${later}`);
  }

  #runRecord({ name, config, startedAt }: TrackedRun): Fields {
    const { runName = name, group, tags = [] } = this.#options;
    const { id, project, entity } = this.#place;
    const configuration = updates([['_wandb', {}], ...Object.entries(config)], 1);
    return (record) => {
      record
        .string(1, id)
        .string(2, entity)
        .string(3, project)
        .message(4, configuration)
        .string(6, group ?? process.env['WANDB_RUN_GROUP'])
        .string(8, runName);
      for (const tag of tags) record.string(10, tag);
      record.string(13, hostname()).message(17, timestamp(startedAt));
    };
  }

  /** Where on W&B the run goes. */
  get #place(): { readonly id: string; readonly project: string; readonly entity: string | undefined } {
    const { project = process.env['WANDB_PROJECT'] ?? 'gymformer', entity = process.env['WANDB_ENTITY'] } =
      this.#options;
    return { id: this.#id, project, entity };
  }

  /** A step of history is one record: an episode may end with the very step that an update's row stands at. */
  #history(items: Items, row: MetricsRow, step: number): void {
    const time = timeOf(this.#run!, row).getTime() / 1000;
    if (this.#row?.step !== step) this.#writeRow();
    this.#row = { step, time, items: [...(this.#row?.items ?? []), ...items] };
  }

  #writeRow(): void {
    if (this.#row === null) return;
    const { step, time, items } = this.#row;
    this.#row = null;
    this.#lastStep = step;
    this.#seconds = time - this.#run!.startedAt.getTime() / 1000;
    const more: Items = [
      ['_timestamp', time],
      ['_runtime', this.#seconds],
      ['_step', step],
    ];
    const row = updates([...items, ...more], 1);
    this.#write(2, (history) => {
      row(history);
      history.message(2, (at) => at.int(1, step));
    });
  }

  /** Puts a file where W&B has such files, and tells what history says of it. */
  #media(kind: string, name: string, ending: string, bytes: Uint8Array) {
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const path = `media/${kind}/${name}_${sha256.slice(0, 20)}.${ending}`;
    const file = join(this.folder!, 'files', path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, bytes);
    this.#write(6, (files) => files.message(1, (item) => item.string(1, path)));
    return { path, sha256, size: bytes.length };
  }

  /** Puts a table of texts where its artifact is uploaded from, and tells what history says of it. */
  #artifact(table: Table, step: number): TableArtifact['places'] {
    const artifact = new TableArtifact('completions');
    const bytes = artifactFile(table);
    const file = resolve(this.folder!, 'artifacts', `completions_${step}.table.json`);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, bytes);
    this.#write(8, artifact.record(this.#place, 'completions', bytes, file));
    return artifact.places;
  }

  #write(field: number, what: Fields): void {
    this.#log!.append(encoded((record) => record.int(1, ++this.#records).message(field, what)));
  }
}

const COLUMNS = [
  'update',
  'episode',
  'prompt',
  'completion',
  'return',
  'score',
  'rawReward',
  'kl',
  'correct',
  'answer',
  'tokens',
  'finishReason',
] as const;

/** The log of the same run by an earlier process, up to where it goes on: before the first row of a later step, and before its end. */
function earlierLog(directory: string, resumesAfter: number) {
  const names = existsSync(directory) ? readdirSync(directory) : [];
  const folders = names.filter((name) => /^offline-run-\d{8}_\d{6}-\w+$/.test(name)).sort();
  for (const name of folders.reverse()) {
    const folder = join(directory, name);
    const id = name.split('-').at(-1)!;
    const path = join(folder, `run-${id}.wandb`);
    if (!existsSync(path)) continue;
    let [length, records, read] = [0, 0, 0];
    for (const { record, end } of wandbRecords(path)) {
      read++;
      const [kind, step] = kindAndStep(record);
      if (kind === EXIT || (kind === HISTORY && step > resumesAfter)) break;
      // Files and artifacts belong to the row that follows them.
      if (kind === FILES || kind === ARTIFACT) continue;
      length = end;
      records = read;
    }
    if (records >= OPENING) return { folder, id, path, length, records };
  }
  return null;
}

/** Header, run and environment. */
const OPENING = 3;

const [HISTORY, FILES, ARTIFACT, EXIT] = [2, 6, 8, 18];

/** What a record is, by its field; and the step of one that is a row of history. */
function kindAndStep(record: Uint8Array): readonly [kind: number, step: number] {
  const [kind, value] = fieldsOf(record).find(([field]) => field !== 1) ?? [0, 0];
  if (kind !== HISTORY || typeof value === 'number') return [kind, 0];
  const at = fieldsOf(value).find(([field]) => field === 2)?.[1] ?? 0;
  const step = typeof at === 'number' ? 0 : (fieldsOf(at).find(([field]) => field === 1)?.[1] ?? 0);
  return [kind, typeof step === 'number' ? step : 0];
}

/** Items of history, summary and configuration are of one form: a key and a value as JSON. */
function updates(items: Items, field: number): Fields {
  return (message) => {
    for (const [name, value] of items) {
      if (value === undefined) continue;
      message.message(field, (item) => item.string(1, name).string(16, JSON.stringify(value)));
    }
  };
}

function environment({ startedAt }: TrackedRun): Fields {
  return (message) =>
    message
      .string(1, `${process.platform}-${release()}-${process.arch}`)
      .message(3, timestamp(startedAt))
      .string(11, process.cwd())
      .string(12, hostname())
      .string(14, process.execPath)
      .int(16, availableParallelism())
      .message(21, (memory) => memory.int(1, totalmem()));
}

function timestamp(date: Date): Fields {
  const milliseconds = date.getTime();
  return (message) => message.int(1, milliseconds / 1000).int(2, (milliseconds % 1000) * 1e6);
}

/** `20260101_120000`, in local time. */
function stamp(date: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}${two(date.getMonth() + 1)}${two(date.getDate())}`;
  return `${day}_${two(date.getHours())}${two(date.getMinutes())}${two(date.getSeconds())}`;
}

/** Counts in 32 buckets of equal width, as NumPy's histogram. */
function histogramOf(values: readonly number[]): object {
  const finite = values.filter(Number.isFinite);
  const [low, high] = [Math.min(...finite), Math.max(...finite)];
  const [from, width] = high > low ? [low, (high - low) / 32] : [low - 0.5, 1 / 32];
  const counts = Array.from({ length: 32 }, () => 0);
  for (const value of finite) counts[Math.min(31, Math.floor((value - from) / width))]!++;
  return { _type: 'histogram', values: counts, bins: Array.from({ length: 33 }, (_, i) => from + i * width) };
}

function sizeOf(png: Uint8Array): { width: number; height: number } {
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  return { width: view.getUint32(16), height: view.getUint32(20) };
}
