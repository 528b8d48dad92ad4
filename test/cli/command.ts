// The command itself, as a process of its own.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { builtCommand } from '../built-command.ts';

const project = fileURLToPath(new URL('../..', import.meta.url));

export interface Finished {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number | null;
}

/** Starts it, or another program of TypeScript; `output` grows as it writes. */
export function start(words: readonly string[], program?: string, env: NodeJS.ProcessEnv = {}) {
  const called = program === undefined ? [builtCommand()] : ['--import', 'tsx', program];
  const child: ChildProcess = spawn(process.execPath, [...called, ...words], {
    cwd: project,
    env: { ...process.env, DEBUG: '', HF_HUB_OFFLINE: '1', ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  child.stdout!.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  const finished = once(child, 'close').then(([code]): Finished => ({ ...output, code: code as number | null }));
  return { child, output, finished };
}

/** Runs it to its end, with `input` typed into it. */
export function gymformer(words: readonly string[], input = ''): Promise<Finished> {
  const { child, finished } = start(words);
  child.stdin!.end(input);
  return finished;
}

/** What a command that trains said with --json. */
export function eventsOf(stdout: string): Readonly<Record<string, unknown>>[] {
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
}

/** The last of it: the result. */
export function resultOf(stdout: string): Readonly<Record<string, unknown>> {
  const { event, ...result } = eventsOf(stdout).at(-1)!;
  if (event !== 'end') throw new Error(`the last event is ${String(event)}`);
  return result;
}
