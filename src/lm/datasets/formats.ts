// Rows of one file, as they come. Each format is one function.

import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { parse } from 'csv-parse';
import { DatasetError } from './dataset-error.ts';
import { elementLines, lineAt } from './json-lines.ts';
import { parquetRows } from './parquet.ts';
import type { DataRecord } from './record.ts';

/** The formats of files. */
export type DatasetFormat = 'json' | 'jsonl' | 'csv' | 'tsv' | 'parquet';

type Rows = AsyncGenerator<DataRecord>;

/** Is told of a row that cannot be read, which is then left out; or throws, which ends the reading. */
export type OnBadRow = (error: DatasetError) => void;

/** Reads a file's rows, by format. A file that is broken as a whole is an error in any case. */
export const readers: Readonly<Record<DatasetFormat, (file: string, onBadRow: OnBadRow) => Rows>> = {
  json: readJson,
  jsonl: readJsonLines,
  csv: (file, onBadRow) => readSeparated(file, ',', onBadRow),
  tsv: (file, onBadRow) => readSeparated(file, '\t', onBadRow),
  parquet: readParquet,
};

/** A list of objects, an object with such a list under `data`, or, as some sets have it, one object a line. */
async function* readJson(file: string, onBadRow: OnBadRow): Rows {
  const text = decodeUtf8(await readFile(file), file);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (isObject(parsed(text.trimStart().split('\n', 1)[0] ?? ''))) return yield* readJsonLines(file, onBadRow);
    throw new DatasetError(`${file}, line ${lineOfError(error, text)}: is no JSON: ${(error as Error).message}`, {
      cause: error,
    });
  }
  const list = Array.isArray(value) ? value : isObject(value) ? value['data'] : undefined;
  if (!Array.isArray(list)) {
    throw new DatasetError(`${file}: should hold a list of objects, or an object with such a list under 'data'`);
  }
  const lines = elementLines(text, Array.isArray(value) ? undefined : 'data');
  for (const [i, element] of list.entries()) yield* rowOf(element, file, `line ${lines[i]}`, onBadRow);
}

/** One object a line. Blank lines count, and hold nothing. */
async function* readJsonLines(file: string, onBadRow: OnBadRow): Rows {
  let line = 0;
  for await (const text of linesOf(file)) {
    line++;
    if (text.trim() === '') continue;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (error) {
      const problem = `is no JSON: ${(error as Error).message}`;
      onBadRow(new DatasetError(`${file}, line ${line}: ${problem}`, { cause: error }));
      continue;
    }
    yield* rowOf(value, file, `line ${line}`, onBadRow);
  }
}

/** The first line has the names of the columns. */
async function* readSeparated(file: string, delimiter: string, onBadRow: OnBadRow): Rows {
  const parser = createReadStream(file).pipe(
    parse({
      delimiter,
      bom: true,
      info: true,
      skip_empty_lines: true,
      // Rows with too few or too many values come with what is wrong with them.
      relax_column_count: true,
      columns: (names: string[]) => columnsOf(names, file),
    }),
  );
  let before = 1;
  try {
    for await (const { record, info } of parser as AsyncIterable<{
      readonly record: Record<string, string>;
      readonly info: { readonly lines: number; readonly error?: Error };
    }>) {
      // The parser tells where a row ends; a row may span lines.
      const position = `line ${before + 1}`;
      before = info.lines;
      const { error } = info;
      if (error === undefined) yield { fields: record, file, position };
      else onBadRow(new DatasetError(`${file}, ${position}: ${error.message}`, { cause: error }));
    }
  } catch (error) {
    if (error instanceof DatasetError) throw error;
    throw new DatasetError(`${file}, line ${before + 1}: ${(error as Error).message}`, { cause: error });
  }
}

/** Row group after row group. Whole numbers come as numbers if they are exact as such, else as bigint. */
async function* readParquet(file: string): Rows {
  let row = 0;
  try {
    for await (const rows of parquetRows(file)) {
      for (const fields of rows)
        yield { fields: plainNumbers(fields) as Record<string, unknown>, file, position: `row ${++row}` };
    }
  } catch (error) {
    if (error instanceof DatasetError) throw error;
    throw new DatasetError(`${file}: is no Parquet file that can be read: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** Lines end with a line feed, before which a carriage return is dropped; other separators are text. */
async function* linesOf(file: string): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let rest = '';
  const decode = (bytes?: Uint8Array): string => {
    try {
      return decoder.decode(bytes, { stream: bytes !== undefined });
    } catch (error) {
      throw new DatasetError(`${file}: is no UTF-8 text`, { cause: error });
    }
  };
  for await (const chunk of createReadStream(file)) {
    const lines = (rest + decode(chunk as Buffer)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) yield line.endsWith('\r') ? line.slice(0, -1) : line;
  }
  rest += decode();
  if (rest !== '') yield rest;
}

/** The row that a value is, or none. */
function* rowOf(value: unknown, file: string, position: string, onBadRow: OnBadRow): Generator<DataRecord> {
  if (isObject(value)) yield { fields: value, file, position };
  else {
    const found = JSON.stringify(value)?.slice(0, 60);
    onBadRow(new DatasetError(`${file}, ${position}: should be an object with named fields, but is ${found}`));
  }
}

function columnsOf(names: string[], file: string): string[] {
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new DatasetError(`${file}, line 1: has two columns named '${twice}'`);
  return names;
}

function plainNumbers(value: unknown): unknown {
  if (typeof value === 'bigint')
    return BigInt(Number(value)) === value && Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (Array.isArray(value)) return value.map(plainNumbers);
  if (!isObject(value) || value instanceof Date || ArrayBuffer.isView(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, plainNumbers(field)]));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function decodeUtf8(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new DatasetError(`${file}: is no UTF-8 text`, { cause: error });
  }
}

/** V8 names a position, or that the text ended too early. */
function lineOfError(error: unknown, text: string): number {
  const position = /position (\d+)/.exec((error as Error).message)?.[1];
  return lineAt(text.trimEnd(), position === undefined ? text.length : Number(position));
}
