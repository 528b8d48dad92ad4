// How much memory a run can have.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import os from 'node:os';

/** Free memory, in bytes: the system's, or of a container whose limit is lower. Files that are only cached count as free. */
export function availableMemory(): number {
  const free = process.platform === 'darwin' ? freeOnMac() : os.freemem();
  const limit = process.constrainedMemory();
  if (!(limit > 0 && limit < os.totalmem())) return free;
  return Math.min(free, process.availableMemory() + cachedFiles());
}

/** Of this container; 0 where nobody says. */
function cachedFiles(): number {
  try {
    const stat = readFileSync('/sys/fs/cgroup/memory.stat', 'utf8');
    return Number(/^inactive_file (\d+)$/m.exec(stat)?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** Node.js counts pages there that nobody has ever used, which are few: what others have left counts too. */
function freeOnMac(): number {
  try {
    return freeByVmStat(execFileSync('/usr/bin/vm_stat', { encoding: 'utf8', stdio: 'pipe' })) ?? os.freemem();
  } catch {
    return os.freemem();
  }
}

/** What `vm_stat` says is free, speculative or inactive, in bytes, as psutil counts it; undefined if it says something else. */
export function freeByVmStat(text: string): number | undefined {
  const pageSize = Number(/page size of (\d+) bytes/.exec(text)?.[1]);
  const pages = ['free', 'speculative', 'inactive'].map((kind) =>
    Number(new RegExp(String.raw`^Pages ${kind}:\s+(\d+)\.$`, 'm').exec(text)?.[1]),
  );
  const bytes = pageSize * pages.reduce((sum, count) => sum + count, 0);
  return Number.isFinite(bytes) ? bytes : undefined;
}
