// Which process writes a run: lock.json, which is there as long as it does.

import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { hasProcess, processStart } from './process-start.ts';

/** The process that writes a run. */
export interface RunLock {
  readonly pid: number;
  readonly host: string;
  /** When it took the lock, in ISO 8601. */
  readonly startedAt: string;
  /** What tells it from another process that gets its id later; null where that is not known, as on Windows. */
  readonly processStart: string | null;
}

/** Locks that this process holds. One that names this process but is not among them is of an earlier one with the same id. */
const held = new Set<string>();

/**
 * Takes the lock of a run. One that a dead process left behind is replaced.
 *
 * @throws Error if a process that is alive holds it
 */
export function takeLock(directory: string): void {
  const path = lockOf(directory);
  const { pid } = process;
  const lock: RunLock = {
    pid,
    host: hostname(),
    startedAt: new Date().toISOString(),
    processStart: processStart(pid),
  };
  if (!create(path, lock)) {
    replaceStale(directory, path);
    // Of two processes that come this way at once, the second finds the first's lock here.
    if (!create(path, lock)) throw refusal(readLock(directory), directory);
  }
  held.add(path);
}

/** @throws Error if a process that is alive holds the lock of a run */
export function checkLock(directory: string): void {
  const found = readLock(directory);
  if (found !== null && isAlive(found, directory)) throw refusal(found, directory);
}

/** Gives the lock back. */
export function releaseLock(directory: string): void {
  const path = lockOf(directory);
  if (held.delete(path)) rmSync(path, { force: true });
}

/** The lock of a run; null if there is none, or one that says nothing. */
export function readLock(directory: string): RunLock | null {
  return parsed(contentOf(lockOf(directory)));
}

/**
 * Whether the process that took a lock still runs. Where nothing tells it from another process that has its id by now, that counts as it.
 * Of another machine's processes nothing is known: they count as alive.
 */
export function isAlive({ pid, host, processStart: started }: RunLock, directory: string): boolean {
  if (host !== hostname()) return true;
  if (pid === process.pid) return held.has(lockOf(directory));
  if (!hasProcess(pid)) return false;
  if (started === null) return true;
  const now = processStart(pid);
  return now === null || now === started;
}

/** Absolute, for a directory has several names. */
function lockOf(directory: string): string {
  return resolve(directory, 'lock.json');
}

/** Whether there was none. Readers find the lock whole, or none at all. */
function create(path: string, lock: RunLock): boolean {
  const content = `${JSON.stringify(lock)}\n`;
  const temporary = `${path}.${lock.pid}.tmp`;
  try {
    writeFileSync(temporary, content);
    linkSync(temporary, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    return createDirectly(path, content, error);
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** For file systems that know no links. */
function createDirectly(path: string, content: string, reason: unknown): boolean {
  if (
    !['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(String((reason as NodeJS.ErrnoException).code))
  ) {
    throw reason;
  }
  try {
    writeFileSync(path, content, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Removes the lock of a dead process. @throws Error if it is another's */
function replaceStale(directory: string, path: string): void {
  const before = contentOf(path);
  checkLock(directory);
  const moved = `${path}.${process.pid}.old`;
  try {
    renameSync(path, moved);
  } catch (error) {
    // Somebody else was faster: the next attempt tells.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const after = contentOf(moved);
  if (before !== after) {
    // It was taken meanwhile: back with it.
    renameSync(moved, path);
    throw refusal(parsed(after), directory);
  }
  rmSync(moved, { force: true });
}

function refusal(lock: RunLock | null, directory: string): Error {
  const { pid, host, startedAt } = lock ?? { pid: '?', host: hostname(), startedAt: 'just now' };
  const where = host === hostname() ? '' : ` on ${host}`;
  return new Error(
    `process ${pid}${where} is writing ${directory} since ${startedAt}: wait for it, choose another runDirectory, or, ` +
      `if that process is gone, remove ${lockOf(directory)}`,
  );
}

function contentOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

function parsed(content: string | null): RunLock | null {
  try {
    const { pid, host, startedAt, processStart: started = null } = JSON.parse(content ?? '') as Partial<RunLock>;
    if (!Number.isInteger(pid) || pid! < 1 || typeof host !== 'string' || typeof startedAt !== 'string') return null;
    return { pid: pid!, host, startedAt, processStart: typeof started === 'string' ? started : null };
  } catch {
    return null;
  }
}
