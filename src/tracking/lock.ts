// Which process writes a run: lock.json, which is there as long as it does.

import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';

/** The process that writes a run. */
export interface RunLock {
  readonly pid: number;
  readonly host: string;
  /** ISO 8601. */
  readonly startedAt: string;
}

const FILE = 'lock.json';

/** Locks that this process holds. One that names this process but is not among them is of an earlier one with the same id. */
const held = new Set<string>();

/**
 * Takes the lock of a run. One that a dead process left behind is replaced.
 *
 * @throws Error if a process that is alive holds it
 */
export function takeLock(directory: string): void {
  const path = join(directory, FILE);
  const lock: RunLock = { pid: process.pid, host: hostname(), startedAt: new Date().toISOString() };
  const write = (): void => writeFileSync(path, `${JSON.stringify(lock)}\n`, { flag: 'wx' });
  try {
    write();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    checkLock(directory);
    rmSync(path, { force: true });
    // Of two processes that come this way at once, the second finds the first's lock here.
    write();
  }
  held.add(path);
}

/** @throws Error if a process that is alive holds the lock of a run */
export function checkLock(directory: string): void {
  const found = readLock(directory);
  if (found === null || !isAlive(found, directory)) return;
  const where = found.host === hostname() ? '' : ` on ${found.host}`;
  throw new Error(
    `process ${found.pid}${where} is writing ${directory} since ${found.startedAt}: wait for it, choose another runDirectory, or, ` +
      `if that process is gone, remove ${join(directory, FILE)}`,
  );
}

/** Gives the lock back. */
export function releaseLock(directory: string): void {
  const path = join(directory, FILE);
  if (held.delete(path)) rmSync(path, { force: true });
}

/** The lock of a run; null if there is none, or one that says nothing. */
export function readLock(directory: string): RunLock | null {
  try {
    const { pid, host, startedAt } = JSON.parse(readFileSync(join(directory, FILE), 'utf8')) as Partial<RunLock>;
    if (!Number.isInteger(pid) || pid! < 1 || typeof host !== 'string' || typeof startedAt !== 'string') return null;
    return { pid: pid!, host, startedAt };
  } catch {
    return null;
  }
}

/** Whether the process that took a lock still runs. Of another machine's processes nothing is known: they count as alive. */
export function isAlive({ pid, host }: RunLock, directory: string): boolean {
  if (host !== hostname()) return true;
  if (pid === process.pid) return held.has(join(directory, FILE));
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It is there, but another user's.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
