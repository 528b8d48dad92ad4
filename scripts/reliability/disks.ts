// A disk that fills up, and one that turns read-only, under runs of every kind: small file systems in memory, which `unshare` of Linux gives
// to anybody in a namespace of their own.

import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { defaultRng } from '../../src/random/index.ts';
import { latestCheckpoint } from '../../src/trainer/index.ts';
import { difference, leftovers, wrongRows } from './compare.ts';
import { FOLDER } from './results.ts';
import { begin, commandOf, type Ended, prepare, started, TRAINERS } from './tiny-runs.ts';

const MOUNT = 'mount -t tmpfs -o "size=$SIZE" none "$RUN"; if [ -d "$BEFORE" ]; then cp -a "$BEFORE/." "$RUN"; fi';
const LEAVE = 'cp -a "$RUN/." "$AFTER"; exit $CODE';

/** What happens around a run, as a shell script in a namespace of its own; "$@" is the run. */
const CASES = {
  /** There is room for a part of it. */
  full: `${MOUNT}; CODE=0; "$@" || CODE=$?; ${LEAVE}`,
  /** Nothing can be written from the start. */
  'read-only': `${MOUNT}; mount -o remount,ro "$RUN"; CODE=0; "$@" || CODE=$?; ${LEAVE}`,
  /** Nothing can be saved once there is a checkpoint. */
  'turns read-only': `${MOUNT}; C="$RUN/checkpoints"; "$@" & CHILD=$!
    until ls "$C" 2>/dev/null | grep -qv tmp || ! kill -0 $CHILD 2>/dev/null; do sleep 0.01; done
    mount --bind "$C" "$C"; mount -o remount,ro,bind "$C"; CODE=0; wait $CHILD || CODE=$?; umount "$C"; ${LEAVE}`,
} as const;
type Case = keyof typeof CASES;

/** What an error of the system says in each case. */
const REASON: Readonly<Record<Case, RegExp>> = {
  full: /ENOSPC|no space left/i,
  'read-only': /EROFS|read-only/i,
  'turns read-only': /EROFS|read-only/i,
};

/** What came of one case. */
export interface Disk {
  readonly what: Case;
  readonly tried: number;
  readonly survived: number;
  readonly failures: readonly string[];
}

/** Tries each case `times` times with each kind of run; null where there are no such namespaces. */
export async function disks(times: number, seed: number): Promise<readonly Disk[] | null> {
  const { status } = spawnSync('unshare', ['--map-root-user', '--mount', 'mount', '-t', 'tmpfs', 'none', '/mnt']);
  if (status !== 0) return null;
  await prepare();
  const folder = join(FOLDER, 'disks');
  rmSync(folder, { recursive: true, force: true });
  const found = new Map<Case, string[]>();
  const tried = new Map<Case, number>();
  const generator = defaultRng([seed, TRAINERS.length]);
  for (const name of TRAINERS) {
    const whole = join(folder, `${name}-whole`);
    const straight = await begin(name, whole).ended;
    if (straight.code !== 0) throw new Error(`${name} fails on a good disk: ${straight.errors}`);
    const bytes = sizeOf(whole);
    for (const what of Object.keys(CASES) as Case[]) {
      for (let time = 0; time < times; time++) {
        const size = what === 'full' ? Math.floor(bytes * generator.uniform(0.02, 0.98)) : 2 ** 28;
        const problem = await attempt(name, what, size, { folder, whole });
        if (problem === undefined) continue;
        tried.set(what, (tried.get(what) ?? 0) + 1);
        if (problem !== null) found.set(what, [...(found.get(what) ?? []), `${name} (${size} bytes): ${problem}`]);
      }
    }
  }
  return (Object.keys(CASES) as Case[]).map((what) => {
    const failures = found.get(what) ?? [];
    const count = tried.get(what) ?? 0;
    return { what, tried: count, survived: count - failures.length, failures };
  });
}

/** What went wrong, null for nothing; undefined if the run came to its end before anything happened. */
async function attempt(
  name: string,
  what: Case,
  size: number,
  { folder, whole }: { readonly folder: string; readonly whole: string },
): Promise<string | null | undefined> {
  const [run, after, before] = ['run', 'after', 'before'].map((part) => join(folder, part)) as [string, string, string];
  for (const path of [run, after, before]) rmSync(path, { recursive: true, force: true });
  for (const path of [run, after]) mkdirSync(path, { recursive: true });
  // A run to go on with, of which little is left.
  if (what === 'read-only') {
    await begin(name, before, { RELIABILITY_KILL_AT: '150' }).ended;
  }
  const script = [
    'unshare',
    '--map-root-user',
    '--mount',
    'sh',
    '-ec',
    CASES[what],
    'sh',
    ...commandOf(name, run),
  ] as const;
  const env = { SIZE: String(size), RUN: run, BEFORE: before, AFTER: after };
  const ended = await started(script, env).ended;
  if (ended.code === 0) return difference(whole, after) === null ? undefined : 'it ended as if nothing had happened';
  return saidWhy(ended, REASON[what]) ?? kept(whole, after) ?? (await goesOn(name, whole, after));
}

function saidWhy({ code, signal, errors }: Ended, reason: RegExp): string | null {
  if (code !== 1) return `it ended with ${code ?? signal}: ${errors}`;
  return reason.test(errors) ? null : `it does not say why: ${errors}`;
}

function kept(whole: string, run: string): string | null {
  const damaged: string[] = [];
  try {
    latestCheckpoint(run, { warn: (message) => damaged.push(message) });
  } catch (error) {
    return (error as Error).message;
  }
  return damaged[0] ?? wrongRows(whole, run);
}

/** Where there is room, it comes to the end of a run that was never broken off. */
async function goesOn(name: string, whole: string, run: string): Promise<string | null> {
  const { code, errors } = await begin(name, run).ended;
  return code === 0 ? (difference(whole, run) ?? leftovers(run)) : `the next start ended with ${code}: ${errors}`;
}

function sizeOf(folder: string): number {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).reduce(
    (sum, name) => sum + 4096 * Math.ceil(statSync(join(folder, name)).size / 4096),
    0,
  );
}
