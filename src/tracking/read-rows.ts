// Reading files that grow line by line while they grow, from where the last reading ended. Nothing in a file is trusted: a line that is
// torn, foreign or huge costs that line alone.

import { type FileHandle, lstat, open } from 'node:fs/promises';

/** A line of a file of rows; what its fields hold is for the reader to check. */
export type Row = Readonly<Record<string, unknown>>;

export interface ReadRowsOptions {
  /** The byte to begin at: 0, or `next` of an earlier reading. Default 0. */
  readonly from?: number | undefined;
  /** Bytes to read at most, so that a reading has an end; read on from `next`. Default 64 MiB. */
  readonly maxBytes?: number | undefined;
  /** Longer lines are skipped and counted. Default 16 MiB. */
  readonly maxLineBytes?: number | undefined;
}

/** What a reading found. */
export interface ReadRows {
  readonly rows: readonly Row[];
  /** Where to read on: behind the last line that was complete. */
  readonly next: number;
  /** Lines that hold no JSON object, or are too long. */
  readonly skipped: number;
  /** Whether all complete lines were read; false if `maxBytes` ended the reading. */
  readonly complete: boolean;
  /** Whether the file is shorter than `from`, because somebody wrote it anew: it was read from the beginning. */
  readonly restarted: boolean;
  /** Why there is nothing; null if nothing was wrong. A file that is not there yet is nothing wrong. */
  readonly problem: string | null;
}

const MIB = 2 ** 20;
const CHUNK = MIB;

/**
 * The rows of a file, each a line of JSON. Numbers that JSON does not know (NaN, Infinity), which Python writes, are read as null. A last
 * line without an end is left for the next reading. Never throws; links are not followed.
 */
export async function readRows(file: string, options: ReadRowsOptions = {}): Promise<ReadRows> {
  const { from = 0, maxBytes = 64 * MIB, maxLineBytes = 16 * MIB } = options;
  const nothing = { rows: [], next: from, skipped: 0, complete: true, restarted: false };
  let handle: FileHandle | undefined;
  try {
    const { size, isFile, isLink } = await kindOf(file);
    if (!isFile) return { ...nothing, problem: isLink ? 'a link, which is not followed' : 'not a file' };
    handle = await open(file);
    const restarted = size < from;
    const lines = new LineReader(restarted ? 0 : from, maxLineBytes);
    const complete = await lines.read(handle, maxBytes);
    const { rows, next, skipped } = lines;
    return { rows, next, skipped, complete, restarted, problem: null };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return { ...nothing, next: 0, restarted: from > 0, problem: null };
    return { ...nothing, problem: message };
  } finally {
    await handle?.close();
  }
}

async function kindOf(file: string): Promise<{ size: number; isFile: boolean; isLink: boolean }> {
  // A link is not followed, and a pipe not opened: that would wait for somebody to write.
  const stats = await lstat(file);
  return { size: stats.size, isFile: stats.isFile(), isLink: stats.isSymbolicLink() };
}

/** Cuts what is read into lines. */
class LineReader {
  readonly rows: Row[] = [];
  next: number;
  skipped = 0;
  readonly #maxLineBytes: number;
  /** The beginning of a line whose end was not read yet. */
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  /** Whether the line under way is too long: its bytes are dropped as they come. */
  #dropping = false;

  constructor(from: number, maxLineBytes: number) {
    this.next = from;
    this.#maxLineBytes = maxLineBytes;
  }

  /** @returns whether the end of the file was reached */
  async read(handle: FileHandle, maxBytes: number): Promise<boolean> {
    let position = this.next;
    const end = position + maxBytes;
    while (position < end) {
      const chunk = Buffer.allocUnsafe(Math.min(CHUNK, end - position));
      const { bytesRead } = await handle.read(chunk, 0, chunk.length, position);
      if (bytesRead === 0) return true;
      this.#take(chunk.subarray(0, bytesRead), position);
      position += bytesRead;
    }
    // A line that is longer than a whole reading must not be read again and again.
    if (this.next < position && this.#pendingBytes >= maxBytes) this.#drop(position);
    return false;
  }

  #take(chunk: Buffer, position: number): void {
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      this.#line(chunk.subarray(start, end));
      start = end + 1;
      this.next = position + start;
    }
    const rest = chunk.subarray(start);
    if (this.#dropping) this.next = position + chunk.length;
    else if (this.#pendingBytes + rest.length > this.#maxLineBytes) this.#drop(position + chunk.length);
    else if (rest.length > 0) {
      this.#pending.push(rest);
      this.#pendingBytes += rest.length;
    }
  }

  #drop(position: number): void {
    this.#dropping = true;
    this.#pending = [];
    this.#pendingBytes = 0;
    this.skipped++;
    this.next = position;
  }

  #line(end: Buffer): void {
    const bytes = this.#pending.length === 0 ? end : Buffer.concat([...this.#pending, end]);
    this.#pending = [];
    this.#pendingBytes = 0;
    if (this.#dropping) {
      this.#dropping = false;
      return;
    }
    const text = bytes.length > this.#maxLineBytes ? null : bytes.toString('utf8').trim();
    if (text === '') return;
    const row = text === null ? null : parseRow(text);
    if (row === null) this.skipped++;
    else this.rows.push(row);
  }
}

/** Strings, which stay as they are, and numbers that JSON does not know. */
const FOREIGN_NUMBERS = /"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b/g;

/** The object that a line holds; null if it holds none. */
function parseRow(text: string): Row | null {
  const value =
    parsed(text) ?? parsed(text.replace(FOREIGN_NUMBERS, (found) => (found.startsWith('"') ? found : 'null')));
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Row) : null;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}
