// Datasets: a file, or a folder of files, as records.

import { readdir, stat } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { DatasetError } from './dataset-error.ts';
import { type DatasetFormat, type OnBadRow, readers } from './formats.ts';
import { type DataRecord, recordError } from './record.ts';

/** What to read, and how. */
export interface ReadOptions {
  /** Default: by each file's ending. */
  readonly format?: DatasetFormat;
  /**
   * Of a folder that holds several splits, which one: files named after it, such as `train.jsonl` or
   * `data/train-00000-of-00002.parquet`. Needed if there are several.
   */
  readonly split?: string;
  /** Names for fields: `{ prompt: 'question' }` calls `question` `prompt`. Others keep their names. */
  readonly fields?: Readonly<Record<string, string>>;
  /**
   * Is told of each row that cannot be read, with file and line, such as a line that is no JSON; the row is left out. Default: it ends
   * the reading.
   */
  readonly onBadRow?: OnBadRow | undefined;
  /** Ends the reading: its reason is thrown. */
  readonly signal?: AbortSignal | undefined;
}

const FORMATS: Readonly<Record<string, DatasetFormat>> = {
  '.json': 'json',
  '.jsonl': 'jsonl',
  '.ndjson': 'jsonl',
  '.csv': 'csv',
  '.tsv': 'tsv',
  '.parquet': 'parquet',
};
const KNOWN = Object.keys(FORMATS).join(', ');
/** Files that describe a dataset and hold none of it. */
const ABOUT = new Set(['dataset_info.json', 'dataset_infos.json', 'dataset_dict.json', 'state.json']);
const SPLIT = /^(train|test|validation|valid|val|dev|eval)(?=[-_.]|$)/;

/**
 * All records of a file or folder: JSON (a list, or an object with one under `data`), JSON lines, CSV, TSV or Parquet.
 *
 * @throws DatasetError if something is missing, empty, broken or of an unknown format, with the file and, where it has them,
 * the line.
 */
export async function readRecords(path: string, options: ReadOptions = {}): Promise<DataRecord[]> {
  const records: DataRecord[] = [];
  for await (const record of streamRecords(path, options)) records.push(record);
  return records;
}

/** The records of a file or folder, or rows in memory, which messages call `name`. */
export async function recordsOf(
  source: string | readonly object[],
  name: string,
  options: ReadOptions = {},
): Promise<DataRecord[]> {
  if (typeof source === 'string') return readRecords(source, options);
  if (source.length === 0) throw new DatasetError(`${name} has no rows`);
  return source.map((row, i) => renamed({ fields: { ...row }, file: name, position: `row ${i + 1}` }, options.fields));
}

/** As {@link readRecords}, but one by one: JSON lines, CSV and Parquet are never in memory as a whole. */
export async function* streamRecords(path: string, options: ReadOptions = {}): AsyncGenerator<DataRecord> {
  const files = await filesOf(path, options);
  for (const { file, format } of files) {
    let empty = true;
    const onBadRow = (error: DatasetError): void => {
      empty = false;
      if (options.onBadRow === undefined) throw error;
      options.onBadRow(error);
    };
    for await (const record of readers[format](file, onBadRow)) {
      options.signal?.throwIfAborted();
      empty = false;
      yield renamed(record, options.fields);
    }
    if (empty) throw new DatasetError(`${file}: has no records`);
  }
}

interface DatasetFile {
  readonly file: string;
  readonly format: DatasetFormat;
}

async function filesOf(path: string, { format, split }: ReadOptions): Promise<DatasetFile[]> {
  const entry = await stat(path).catch(() => undefined);
  if (entry === undefined) throw new DatasetError(`${path}: there is no such file or folder`);
  if (entry.isFile()) {
    const known = format ?? FORMATS[extname(path).toLowerCase()];
    if (known === undefined) {
      throw new DatasetError(
        `${path}: the format of '${basename(path)}' is unknown; name one as format, or use ${KNOWN}`,
      );
    }
    return [{ file: path, format: known }];
  }
  const names = (await readdir(path, { recursive: true })).filter((name) => isData(name)).sort();
  const files = names.flatMap((name) => {
    const known = FORMATS[extname(name).toLowerCase()];
    if (known === undefined || (format !== undefined && known !== format)) return [];
    return [{ file: join(path, name), format: known, split: splitOf(name) }];
  });
  if (files.length === 0) {
    const arrow = names.some((name) => name.endsWith('.arrow'));
    const advice = arrow
      ? " It was made by save_to_disk: in Python, save it with dataset.to_parquet('data.parquet')"
      : '';
    throw new DatasetError(`${path}: holds no ${format ?? 'dataset'} file (${KNOWN}).${advice}`);
  }
  const splits = [...new Set(files.map((file) => file.split))].filter((name) => name !== undefined);
  if (split === undefined && splits.length > 1) {
    throw new DatasetError(`${path}: holds the splits ${splits.join(', ')}: say which, as split`);
  }
  const chosen = files.filter((file) => split === undefined || file.split === split || isNamed(file.file, split));
  if (chosen.length === 0) {
    throw new DatasetError(`${path}: holds no split '${split}'; it has ${splits.join(', ') || 'none'}`);
  }
  return chosen;
}

function isData(name: string): boolean {
  return !ABOUT.has(basename(name)) && !name.split(/[\\/]/).some((part) => part.startsWith('.'));
}

/** The split that a file's or its folder's name begins with. */
function splitOf(name: string): string | undefined {
  const parts = name.toLowerCase().split(/[\\/]/).reverse();
  return parts.map((part) => SPLIT.exec(part)?.[1]).find((found) => found !== undefined);
}

function isNamed(file: string, split: string): boolean {
  return basename(file, extname(file)) === split;
}

function renamed(record: DataRecord, names: Readonly<Record<string, string>> | undefined): DataRecord {
  if (names === undefined) return record;
  const fields: Record<string, unknown> = { ...record.fields };
  for (const source of Object.values(names)) delete fields[source];
  for (const [name, source] of Object.entries(names)) {
    if (!Object.hasOwn(record.fields, source)) {
      const found = Object.keys(record.fields).join(', ') || 'none';
      throw recordError(record, `has no field '${source}' to be called '${name}'; its fields are: ${found}`);
    }
    fields[name] = record.fields[source];
  }
  return { ...record, fields };
}
