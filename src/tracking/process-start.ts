// When a process began: what tells it from a later one, to which the system gave the same id.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/**
 * A text that is the same as long as the process runs, and another for any other process with that id. Null if there is no such process,
 * or the system does not tell (Windows).
 */
export function processStart(pid: number): string | null {
  try {
    if (process.platform === 'linux') return onLinux(pid);
    if (process.platform === 'win32') return null;
    const env = { ...process.env, LC_ALL: 'C' };
    return (
      execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8', stdio: 'pipe', env }).trim() || null
    );
  } catch {
    return null;
  }
}

/** Whether there is a process with this id, of any user. */
export function hasProcess(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it is there, but another user's.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Field 22 of /proc/<pid>/stat, in clock ticks since the machine began, and which beginning that was. See proc(5). */
function onLinux(pid: number): string {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // The second field is the program's name in parentheses, which may hold any characters.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  return `${boot} ${fields[19]}`;
}
