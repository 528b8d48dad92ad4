// Directories that are either there as a whole or not there at all, whenever the machine stops.

import { closeSync, existsSync, fsyncSync, openSync, readdirSync, renameSync, rmSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { crc32 } from 'node:zlib';
import { makeDirectory } from '../tracking/make-directory.ts';
import { hasProcess, processStart } from '../tracking/process-start.ts';

/** A directory's files by name. */
export type DirectoryFiles = ReadonlyMap<string, Uint8Array | string>;

/**
 * Writes a directory of files at `path`: first beside it as `path.tmp-<process>`, flushed to the disk, then renamed. A directory
 * that was there before is replaced, and is still there if anything fails.
 */
export function writeDirectory(path: string, files: DirectoryFiles): void {
  const temporary = beginDirectory(path);
  try {
    for (const [name, content] of files) writeFlushed(join(temporary, name), content);
    putInPlace(temporary, path);
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    throw error;
  }
}

/** As {@link writeDirectory}, of files that `fill` writes into the directory that it is given. */
export async function fillDirectory(path: string, fill: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = beginDirectory(path);
  try {
    await fill(temporary);
    for (const entry of readdirSync(temporary, { recursive: true, withFileTypes: true })) {
      const written = join(entry.parentPath, entry.name);
      if (entry.isDirectory()) flushDirectory(written);
      else flushFile(written);
    }
    putInPlace(temporary, path);
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    throw error;
  }
}

/** An empty directory beside `path`. */
function beginDirectory(path: string): string {
  const temporary = besideAs('tmp', path);
  rmSync(temporary, { recursive: true, force: true });
  makeDirectory(temporary);
  return temporary;
}

/** Gives a complete directory its name. */
function putInPlace(temporary: string, path: string): void {
  const previous = besideAs('old', path);
  flushDirectory(temporary);
  const replaced = moveAway(path, previous);
  try {
    renameSync(temporary, path);
  } catch (error) {
    if (replaced) renameSync(previous, path);
    throw error;
  }
  flushDirectory(dirname(path));
  rmSync(previous, { recursive: true, force: true });
}

/** Removes a directory: it is there as a whole, or its name is free. */
export function removeDirectory(path: string): void {
  const temporary = besideAs('tmp', path);
  rmSync(temporary, { recursive: true, force: true });
  if (!existsSync(path)) return;
  renameSync(path, temporary);
  rmSync(temporary, { recursive: true, force: true });
}

/**
 * What is left of writing `path` when the machine stopped between two renames: the complete previous directory. Undefined
 * if there is none.
 */
export function leftBehind(path: string): string | undefined {
  try {
    const name = readdirSync(dirname(path)).find((entry) => {
      const remains = remainsIn(entry);
      return remains?.isComplete && remains.of === basename(path);
    });
    return name === undefined ? undefined : join(dirname(path), name);
  } catch {
    return undefined;
  }
}

/** What a directory beside another is, by its name. */
export interface Remains {
  /** The name of the other. */
  readonly of: string;
  /** Whether it is the previous one, moved out of the way, rather than a new one that is being written. */
  readonly isComplete: boolean;
  /** The process whose directory it is. */
  readonly pid: number;
  /** What tells it from another process that gets its id later; undefined where that is not known, as on Windows. */
  readonly mark: string | undefined;
}

/** Undefined for the name of a directory that stands for itself. */
export function remainsIn(name: string): Remains | undefined {
  const match = /^(.+)\.(tmp|old)-(\d+)(?:-([0-9a-f]{8}))?$/.exec(name);
  return match === null
    ? undefined
    : { of: match[1]!, isComplete: match[2] === 'old', pid: Number(match[3]), mark: match[4] };
}

/** Where this process has a directory beside another, until one of the two is complete. */
function besideAs(kind: 'tmp' | 'old', path: string): string {
  own ??= ['', process.pid, markOf(process.pid) ?? []].flat().join('-');
  return `${path}.${kind}${own}`;
}
let own: string | undefined;

function markOf(pid: number): string | undefined {
  const start = processStart(pid);
  return start === null ? undefined : crc32(start).toString(16).padStart(8, '0');
}

/** Whether the process is at work whose directory it is. */
function isAlive({ pid, mark }: Remains): boolean {
  return hasProcess(pid) && (mark === undefined || (markOf(pid) ?? mark) === mark);
}

/** Removes what processes that are dead left in a folder; a complete directory gets its name back if that is free. */
export function tidyFolder(folder: string): void {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) {
    const remains = remainsIn(name);
    if (remains === undefined || isAlive(remains)) continue;
    const path = join(folder, name);
    const place = join(folder, remains.of);
    if (remains.isComplete && !existsSync(place)) renameSync(path, place);
    else rmSync(path, { recursive: true, force: true });
  }
}

/** Where a complete directory is after {@link tidyFolder}. */
export function nameAfterTidying(path: string): string {
  return join(dirname(path), remainsIn(basename(path))?.of ?? basename(path));
}

/** Writes a file and waits until it is on the disk. */
function writeFlushed(path: string, content: Uint8Array | string): void {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  const file = openSync(path, 'w');
  try {
    let written = 0;
    while (written < bytes.length) written += writeSync(file, bytes, written);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Waits until a file that somebody else wrote is on the disk. */
function flushFile(path: string): void {
  const file = openSync(path, 'r+');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Directory entries are flushed on their own. Windows can do neither that nor needs it. */
function flushDirectory(path: string): void {
  if (process.platform === 'win32') return;
  const directory = openSync(path, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

/** A full directory cannot be renamed over, so the old one steps aside first. Returns whether there was one. */
function moveAway(path: string, to: string): boolean {
  rmSync(to, { recursive: true, force: true });
  try {
    renameSync(path, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
