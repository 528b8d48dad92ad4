// TensorBoard: event files, which `tensorboard --logdir runs` shows. Fields as in tensorboard/compat/proto.

import { mkdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { groupedMetrics } from './metric-names.ts';
import { TFRecordFile } from './record-file.ts';
import type { CompletionRow, EpisodeRow, MetricsRow } from './rows.ts';
import { timeOf, type TrackedRun, type Tracker } from './tracker.ts';
import { encoded, type Fields } from './wire.ts';

export interface TensorBoardOptions {
  /** Where the event file goes. Default: the run's directory, so that the run has its name in TensorBoard. */
  readonly directory?: string | undefined;
  /** Texts of an update to show at most; 0 for none. Default 8. */
  readonly completions?: number | undefined;
}

/** SessionLog.SessionStatus. */
const START = 1;
/** Buckets of a histogram. */
const BUCKETS = 30;
/** Event files of one process, which may begin within one second. */
let files = 0;

/**
 * Writes an event file: metrics in their groups, `episodes/return` and `episodes/length` for each episode, histograms of an update's returns
 * and lengths, its first texts as a table under `completions`, the configuration under `hyperparameters`, pictures. A run that goes on has
 * a file more, which tells TensorBoard from which step on the earlier ones do not count.
 */
export class TensorBoardTracker implements Tracker {
  readonly name = 'TensorBoard';
  readonly #options: TensorBoardOptions;
  #file: TFRecordFile | null = null;
  #run: TrackedRun | null = null;
  #now = 0;

  constructor(options: TensorBoardOptions = {}) {
    this.#options = options;
  }

  start(run: TrackedRun): void {
    const directory = this.#options.directory ?? run.directory;
    if (directory === null) throw new Error('a run without a directory needs the option directory');
    mkdirSync(directory, { recursive: true });
    const resumesAfter = run.resumesAfter ?? null;
    // Readers go through files in the order of their names.
    const seconds = Math.floor((resumesAfter === null ? run.startedAt.getTime() : Date.now()) / 1000);
    this.#file = new TFRecordFile(
      join(directory, `events.out.tfevents.${seconds}.${hostname()}.${process.pid}.${Date.now() % 1e6}${files++}`),
    );
    this.#run = run;
    this.#now = run.startedAt.getTime() / 1000;
    const first = resumesAfter ? resumesAfter + 1 : 0;
    this.#write(first, (event) => event.string(3, 'brain.Event:2'));
    // As SummaryWriter's purge_step: from this step on, what is in earlier files does not count.
    if (resumesAfter !== null) this.#write(first, (event) => event.message(7, (session) => session.int(1, START)));
    if (first === 0) this.#values(0, [textValue('hyperparameters', settingsTable(run.config))]);
    this.#file.flush();
  }

  log(row: MetricsRow, step: number): void {
    this.#at(row);
    this.#values(
      step,
      groupedMetrics(row).map(([tag, value]) => scalar(tag, value)),
    );
    this.#file!.flush();
  }

  episode(row: EpisodeRow, step: number): void {
    this.#at(row);
    this.#values(step, [scalar('episodes/return', row.return), scalar('episodes/length', row.length)]);
  }

  completions(rows: readonly CompletionRow[], step: number): void {
    const shown = rows.slice(0, this.#options.completions ?? 8);
    if (shown.length > 0) this.#values(step, [textValue('completions', completionsTable(shown))]);
  }

  image(name: string, png: Uint8Array, step: number): void {
    const header = Buffer.from(png.buffer, png.byteOffset, png.byteLength);
    if (png.length < 24 || header.toString('latin1', 1, 4) !== 'PNG') throw new TypeError(`${name} is no PNG`);
    const image: Fields = (message) =>
      message.int(1, header.readUInt32BE(20)).int(2, header.readUInt32BE(16)).int(3, 4).bytes(4, png);
    this.#values(step, [(value) => value.string(1, name).message(4, image)]);
  }

  histogram(name: string, values: readonly number[], step: number): void {
    this.#values(step, [(value) => value.string(1, name).message(5, histogramOf(values))]);
  }

  finish(): void {
    this.#file?.close();
    this.#file = null;
  }

  #at(row: MetricsRow | EpisodeRow): void {
    this.#now = timeOf(this.#run!, row as MetricsRow).getTime() / 1000;
  }

  /** An event with a summary. */
  #values(step: number, values: readonly Fields[]): void {
    this.#write(step, (event) =>
      event.message(5, (summary) => {
        for (const value of values) summary.message(1, value);
      }),
    );
  }

  #write(step: number, what: Fields): void {
    this.#file!.append(encoded((event) => what(event.double(1, this.#now).int(2, step))));
  }
}

function scalar(tag: string, value: number): Fields {
  return (message) => message.string(1, tag).float(2, value);
}

/** A text, shown as Markdown: a tensor of one string for the plugin `text`. */
function textValue(tag: string, markdown: string): Fields {
  const [string, tensorData] = [7, 2];
  const metadata: Fields = (message) => message.message(1, (plugin) => plugin.string(1, 'text')).int(4, tensorData);
  const shape: Fields = (message) => message.message(2, (dimension) => dimension.int(1, 1));
  const tensor: Fields = (message) => message.int(1, string).message(2, shape).string(8, markdown);
  return (message) => message.string(1, tag).message(9, metadata).message(8, tensor);
}

function histogramOf(values: readonly number[]): Fields {
  const finite = values.filter(Number.isFinite);
  const [low, high] = [Math.min(...finite), Math.max(...finite)];
  const width = (high - low || 1) / BUCKETS;
  const counts = Array.from({ length: BUCKETS }, () => 0);
  for (const value of finite) counts[Math.min(BUCKETS - 1, Math.floor((value - low) / width))]!++;
  return (message) =>
    message
      .double(1, low)
      .double(2, high)
      .double(3, finite.length)
      .double(
        4,
        finite.reduce((sum, value) => sum + value, 0),
      )
      .double(
        5,
        finite.reduce((sum, value) => sum + value * value, 0),
      )
      .doubles(
        6,
        counts.map((_, i) => low + (i + 1) * width),
      )
      .doubles(7, counts);
}

const COLUMNS = ['prompt', 'completion', 'return', 'score', 'kl', 'correct', 'tokens', 'finishReason'] as const;

function completionsTable(rows: readonly CompletionRow[]): string {
  const columns = COLUMNS.filter((name) => rows.some((row) => row[name] !== undefined));
  return markdownTable(
    columns,
    rows.map((row) => columns.map((name) => shown(row[name]))),
  );
}

/** The settings, those within others by their path: `ppoConfig.gamma`. */
function settingsTable(config: Readonly<Record<string, unknown>>): string {
  const rows: string[][] = [];
  const visit = (value: unknown, path: string): void => {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      for (const [name, inner] of Object.entries(value)) visit(inner, path === '' ? name : `${path}.${name}`);
    } else rows.push([path, typeof value === 'string' ? value : JSON.stringify(value)]);
  };
  visit(config, '');
  return markdownTable(['setting', 'value'], rows);
}

function shown(value: string | number | boolean | undefined): string {
  if (value === undefined) return '';
  return typeof value === 'number' && !Number.isInteger(value) ? value.toFixed(4) : String(value);
}

function markdownTable(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(escaped).join(' | ')} |`;
  return [line(columns), `|${columns.map(() => '---|').join('')}`, ...rows.map(line)].join('\n');
}

/** Text as it is, whatever Markdown or HTML would make of it. */
function escaped(text: string): string {
  return text
    .replace(/[\\`*_{}[\]()#+.!|~-]/g, String.raw`\$&`)
    .replace(/[&<>]/g, (sign) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[sign]!)
    .replace(/\r?\n|\r/g, '<br>');
}
