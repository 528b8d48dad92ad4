// Finding runs and reading how they were set up and how they ended. Broken runs are runs too: what can be read is, and the rest is said.

import { lstat, open, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isAlive, readLock, type RunLock } from './lock.ts';
import type { RunRows } from './rows.ts';

/**
 * `running` while a process writes it, `finished` or `failed` as its summary says, `interrupted` if somebody stopped it or it was killed.
 */
export type RunStatus = 'running' | 'finished' | 'failed' | 'interrupted';

/** What is known of a run. */
export interface RunRecord {
  readonly path: string;
  /** The last part of its path. */
  readonly name: string;
  readonly status: RunStatus;
  /** Null if there is none, or none that can be read. */
  readonly config: Readonly<Record<string, unknown>> | null;
  /** Null while it runs, if it was killed, or if it cannot be read. */
  readonly summary: Readonly<Record<string, unknown>> | null;
  /** Who writes it, or was writing it when it was killed. */
  readonly lock: RunLock | null;
  /** When it began, ISO 8601; null if its configuration does not say. */
  readonly createdAt: string | null;
  /** The bytes of its files of rows, of those that there are. */
  readonly rowFiles: Readonly<Partial<Record<keyof RunRows, number>>>;
  /** What could not be read, and why. */
  readonly problems: readonly string[];
}

/** A run that was found. */
export interface FoundRun {
  /** Where it is in the folder, with `/` between: `cartpole-1/rl`; '' for the folder itself. */
  readonly id: string;
  readonly path: string;
}

const MAX_DEPTH = 8;
const MAX_JSON_BYTES = 64 * 2 ** 20;
const ROW_FILES = ['metrics', 'episodes', 'completions'] as const;
/** Folders that hold no runs, but may hold much else. */
const NO_RUNS = new Set(['checkpoints', 'models', 'media', 'replays', 'node_modules', 'wandb', 'tensorboard']);

/**
 * The runs in a folder, at any depth, nested ones after those that they belong to. Links are not followed, folders that cannot be read are
 * left out. Never throws.
 */
export async function listRuns(folder: string): Promise<readonly FoundRun[]> {
  const found: FoundRun[] = [];
  const visit = async (path: string, id: string, depth: number): Promise<void> => {
    const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
    if (entries.some((entry) => entry.name === 'config.json' && entry.isFile()) && (await isRun(path, entries))) {
      found.push({ id, path });
    }
    if (depth === MAX_DEPTH) return;
    const names = entries.filter((entry) => entry.isDirectory() && isPlace(entry.name)).map(({ name }) => name);
    for (const name of names.sort()) await visit(join(path, name), id === '' ? name : `${id}/${name}`, depth + 1);
  };
  await visit(folder, '', 0);
  return found;
}

function isPlace(name: string): boolean {
  return !name.startsWith('.') && !NO_RUNS.has(name);
}

/** Model folders have a config.json too, which is of a model. */
async function isRun(path: string, entries: readonly { readonly name: string }[]): Promise<boolean> {
  if (entries.some(({ name }) => /^(?:lock|summary)\.json$|^(?:metrics|episodes|completions)\.jsonl$/.test(name))) {
    return true;
  }
  if (entries.some(({ name }) => /\.safetensors$|^tokenizer\.json$/.test(name))) return false;
  const { value } = await readJson(join(path, 'config.json'));
  return value === null || 'versions' in value;
}

/** What is known of the run in a directory. Never throws. */
export async function readRun(path: string): Promise<RunRecord> {
  const [config, summary, sizes] = await Promise.all([
    readJson(join(path, 'config.json')),
    readJson(join(path, 'summary.json')),
    Promise.all(ROW_FILES.map((name) => sizeOf(join(path, `${name}.jsonl`)))),
  ]);
  const lock = readLock(path);
  const createdAt = config.value?.['createdAt'];
  const problems = [
    ...(config.problem === null ? [] : [`config.json: ${config.problem}`]),
    ...(summary.problem === null || summary.problem === MISSING ? [] : [`summary.json: ${summary.problem}`]),
  ];
  return {
    path,
    name: basename(path),
    status: statusOf(path, lock, summary.value),
    config: config.value,
    summary: summary.value,
    lock,
    createdAt: typeof createdAt === 'string' ? createdAt : null,
    rowFiles: Object.fromEntries(ROW_FILES.flatMap((name, i) => (sizes[i] === null ? [] : [[name, sizes[i]]]))),
    problems,
  };
}

function statusOf(path: string, lock: RunLock | null, summary: RunRecord['summary']): RunStatus {
  if (lock !== null && isAlive(lock, path)) return 'running';
  if (summary === null) return 'interrupted';
  const { stoppedBy } = summary;
  if (stoppedBy === 'failed' || stoppedBy === 'diverged') return 'failed';
  return stoppedBy === 'signal' ? 'interrupted' : 'finished';
}

const MISSING = 'there is none';

async function readJson(
  file: string,
): Promise<{ readonly value: Readonly<Record<string, unknown>> | null; readonly problem: string | null }> {
  try {
    const stats = await lstat(file);
    if (!stats.isFile()) return { value: null, problem: 'not a file (links are not followed)' };
    if (stats.size > MAX_JSON_BYTES) return { value: null, problem: `too large (${stats.size} bytes)` };
    const handle = await open(file);
    try {
      const value = JSON.parse(await handle.readFile('utf8')) as unknown;
      if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
        return { value: value as Readonly<Record<string, unknown>>, problem: null };
      }
      return { value: null, problem: 'not a JSON object' };
    } finally {
      await handle.close();
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return { value: null, problem: code === 'ENOENT' ? MISSING : message };
  }
}

async function sizeOf(file: string): Promise<number | null> {
  const stats = await lstat(file).catch(() => null);
  return stats?.isFile() === true ? stats.size : null;
}
