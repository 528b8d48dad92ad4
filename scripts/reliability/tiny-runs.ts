// The small runs that resume.test.ts breaks off too, as programs that begin quickly: bundled once; and small recipes of several stages, which
// the command trains and goes on with.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { NAMES } from '../../test/trainer/resumable-runs.ts';
import { bundle, bundleOf } from './bundle.ts';

/** The trainers. */
export const TRAINERS: readonly string[] = NAMES;

/** The command `gymformer`. */
export const MAIN = join(import.meta.dirname, '../../src/cli/main.ts');

/** Recipes of several stages, by the names of their runs. */
const RECIPES: Readonly<Record<string, string>> = {
  'recipe of kind reasoning': join(import.meta.dirname, 'tiny-reasoning.yaml'),
  'recipe of kind rlhf': join(import.meta.dirname, 'tiny-rlhf.yaml'),
};

/** All small runs. */
export const RUNS: readonly string[] = [...NAMES, ...Object.keys(RECIPES)];

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

/** Bundles the programs. To be called before {@link begin}. */
export async function prepare(): Promise<void> {
  await bundle({
    run: join(import.meta.dirname, 'tiny-run.ts'),
    faults: join(import.meta.dirname, 'faults.ts'),
    command: MAIN,
  });
}

/** The command that makes a run, or goes on with it. */
export function commandOf(name: string, run: string): readonly [string, ...string[]] {
  const hook = [process.execPath, '--import', bundleOf('faults')] as const;
  const recipe = RECIPES[name];
  if (recipe === undefined) return [...hook, '--import', bundleOf('run'), '--eval', '0', name, run];
  const train = [...hook, bundleOf('command'), 'train'] as const;
  if (existsSync(join(run, 'config.json'))) return [...train, '--resume', run];
  return [...train, recipe, '--runDirectory', run];
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

/** Waits until a run has written so many rows of metrics, in all of its stages. */
export async function untilRow(child: ChildProcess, run: string, row: number): Promise<void> {
  await until(child, () => metricsRows(run) >= row);
}

/** The rows of metrics that a run has written, in all of its stages. */
export function metricsRows(run: string): number {
  const files = stagesOf(run).map((stage) => join(stage, 'metrics.jsonl'));
  const lines = files.map((file) => (existsSync(file) ? readFileSync(file, 'utf8').split('\n').length - 1 : 0));
  return lines.reduce((sum, count) => sum + count, 0);
}

/** The directories in which trainers write: a run's own, and those of its stages. */
export function stagesOf(run: string): readonly string[] {
  if (!existsSync(run)) return [];
  const folders = readdirSync(run, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const below = folders.map(({ name }) => join(run, name));
  return [run, ...below].filter((folder) => existsSync(join(folder, 'config.json')));
}
