// What the parts found, each in a file of its own: runs/reliability/<part>.json.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { join } from 'node:path';

/** Where results, and what is made on the way to them, go. */
export const FOLDER = join(import.meta.dirname, '../../runs/reliability');

/** What a part found, where and when. */
export interface Result<T> {
  /** The day, as YYYY-MM-DD. */
  readonly date: string;
  readonly machine: string;
  /** That it took. */
  readonly minutes: number;
  readonly found: T;
}

/** Keeps what a part found. */
export function keep<T>(part: string, found: T, seconds: number): void {
  const date = new Date().toISOString().slice(0, 10);
  const result: Result<T> = { date, machine: machine(), minutes: seconds / 60, found };
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(join(FOLDER, `${part}.json`), `${JSON.stringify(result, null, 2)}\n`);
}

/** What a part found last; null if it has not run. */
export function kept<T>(part: string): Result<T> | null {
  try {
    return JSON.parse(readFileSync(join(FOLDER, `${part}.json`), 'utf8')) as Result<T>;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return null;
  }
}

function machine(): string {
  const model = cpus()[0]?.model.trim() ?? 'unknown processor';
  const memory = Math.round(totalmem() / 2 ** 30);
  return `${availableParallelism()} × ${model}, ${memory} GB, ${process.platform}, Node.js ${process.versions.node}`;
}
