// The rows that a run has written itself, for its result. What others have written is read by read-rows.ts, which trusts nothing.

import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { RunRows } from './rows.ts';

const CHUNK = 2 ** 20;

/** The rows of a file up to a byte; what is not finite is null in them. @throws Error if the file is gone */
export function* rowsOf<Name extends keyof RunRows>(
  directory: string,
  name: Name,
  end: number,
): Generator<RunRows[Name]> {
  for (const line of linesOf(join(directory, `${name}.jsonl`), end)) {
    const row = parsed(line);
    if (row !== undefined) yield row as RunRows[Name];
  }
}

function* linesOf(path: string, end: number): Generator<string> {
  if (end === 0) return;
  const file = openRows(path);
  try {
    const chunk = Buffer.allocUnsafe(CHUNK);
    let line: Buffer[] = [];
    for (let position = 0; position < end; ) {
      const bytes = readSync(file, chunk, 0, Math.min(CHUNK, end - position), position);
      if (bytes === 0) return;
      position += bytes;
      let start = 0;
      for (let at = chunk.indexOf(10); at >= 0 && at < bytes; at = chunk.indexOf(10, start)) {
        line.push(chunk.subarray(start, at));
        yield Buffer.concat(line).toString('utf8');
        line = [];
        start = at + 1;
      }
      // A copy: the chunk is filled again.
      if (start < bytes) line.push(Buffer.from(chunk.subarray(start, bytes)));
    }
  } finally {
    closeSync(file);
  }
}

function openRows(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (error) {
    throw new Error(`the rows of this run were in ${path}, which cannot be read: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** Undefined for a line that was torn when an earlier process was killed. */
function parsed(line: string): object | undefined {
  try {
    return JSON.parse(line) as object;
  } catch {
    return undefined;
  }
}
