// Folders with runs for the tests of the dashboard.

import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), 'gymformer-dashboard-'));
}

/** Writes the files of a run: texts as they are, lists as rows, anything else as JSON. Returns its directory. */
export function writeRun(folder: string, name: string, files: Readonly<Record<string, unknown>>): string {
  for (const [file, content] of Object.entries(files)) {
    const path = join(folder, name, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, textOf(content));
  }
  return join(folder, name);
}

function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (Array.isArray(content)) return content.map((row) => `${JSON.stringify(row)}\n`).join('');
  return JSON.stringify(content);
}

/** What `gymformer train CartPole-v1` writes down first, as far as the list of runs shows it. */
export const config = {
  env: { name: 'CartPole-v1' },
  algorithm: { name: 'ppo' },
  seed: 1,
  totalSteps: 100,
  versions: { gymformer: '0.1.0' },
  createdAt: '2026-01-02T03:04:05.000Z',
};

/** Rows of metrics.jsonl whose returns are given. */
export function metrics(returns: readonly number[]): readonly object[] {
  return returns.map((episodicReturn, i) => ({ update: i + 1, globalStep: 10 * (i + 1), episodicReturn, seconds: i }));
}
