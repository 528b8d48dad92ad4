// The small runs that resume.test.ts breaks off too, as a program that begins quickly: bundled once.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { bundle, bundleOf } from './bundle.ts';

export { NAMES } from '../../test/trainer/resumable-runs.ts';

/** A run in a process of its own. */
export interface TinyRun {
  readonly child: ChildProcess;
  /** When it has ended: how, and what it said of errors. */
  readonly ended: Promise<Ended>;
}

/** How a process ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly errors: string;
}

/** Bundles the program. To be called before {@link begin}. */
export async function prepare(): Promise<void> {
  await bundle({
    run: join(import.meta.dirname, 'tiny-run.ts'),
    faults: join(import.meta.dirname, 'faults.ts'),
  });
}

/** The command that makes a run, or goes on with it. */
export function commandOf(name: string, run: string): readonly [string, ...string[]] {
  return [process.execPath, '--import', bundleOf('faults'), '--import', bundleOf('run'), '--eval', '0', name, run];
}

/** Makes a run, or goes on with it, on one thread. */
export function begin(name: string, run: string, env: Readonly<Record<string, string>> = {}): TinyRun {
  return started(commandOf(name, run), env);
}

/** Starts a program. */
export function started(
  [program, ...args]: readonly [string, ...string[]],
  env: Readonly<Record<string, string>>,
): TinyRun {
  const child = spawn(program, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, GYMFORMER_THREADS: '1', ...env },
  });
  let errors = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const ended = once(child, 'close').then(() => ({ code: child.exitCode, signal: child.signalCode, errors }));
  return { child, ended };
}

/** Waits until something holds, or the process has ended. */
export async function until(child: ChildProcess, holds: () => boolean): Promise<void> {
  while (child.exitCode === null && child.signalCode === null && !holds()) await pause(1);
}

/** Waits until a run has written so many rows of metrics. */
export async function untilRow(child: ChildProcess, run: string, row: number): Promise<void> {
  const metrics = join(run, 'metrics.jsonl');
  await until(child, () => existsSync(metrics) && readFileSync(metrics, 'utf8').split('\n').length > row);
}
