// What the list says of a run, from its small files and the ends of its large ones.

import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { type FoundRun, readRun, type RunRecord } from '../tracking/index.ts';
import type { RunSummary } from './api.ts';
import { filesIn } from './run-files.ts';

type Json = Readonly<Record<string, unknown>>;

/** What does not make a run another experiment. */
const INCIDENTAL = new Set(['seed', 'runDirectory', 'savePath', 'createdAt', 'resume']);

/** Numbers that say how well a run does, the best first. */
const TELLING = [
  'episodicReturn',
  'rlhfReward',
  'meanReturn',
  'runningReward',
  'accuracy',
  'evalAccuracy',
  'evalLoss',
  'loss',
];

/** Reads what the list says of a run. Never throws. */
export async function summarise({ id, path }: FoundRun): Promise<RunSummary> {
  const record = await readRun(path);
  const [metrics, replays, media] = await Promise.all([
    lastRow(join(path, 'metrics.jsonl')),
    filesIn(path, 'replays'),
    filesIn(path, 'media'),
  ]);
  const { config, summary, rowFiles } = record;
  return {
    id,
    name: record.name,
    status: record.status,
    createdAt: record.createdAt,
    subject: subjectOf(config),
    algorithm: textAt(config, 'algorithm', 'name') ?? textAt(config, 'kind') ?? (config?.['ppoConfig'] ? 'ppo' : null),
    seed: numberAt(config, 'seed'),
    group: groupOf(id, config),
    progress: progressOf(record, metrics),
    latest: latestOf(metrics) ?? latestOf(summary),
    seconds: numberAt(metrics, 'seconds') ?? numberAt(summary, 'seconds'),
    bytes: { metrics: rowFiles.metrics ?? 0, episodes: rowFiles.episodes ?? 0, completions: rowFiles.completions ?? 0 },
    replays: replays.length,
    media: media.length,
    problems: record.problems,
  };
}

function subjectOf(config: Json | null): string | null {
  return (
    textAt(config, 'env', 'name') ??
    textAt(config, 'env') ??
    textAt(config, 'recipe', 'env') ??
    textAt(config, 'recipe', 'dataset', 'generator') ??
    textAt(config, 'dataset')
  );
}

/** Where a run is, and its configuration without what is incidental, as one short text. */
function groupOf(id: string, config: Json | null): string {
  if (config === null) return id;
  const place = id.includes('/') ? id.slice(id.indexOf('/')) : '';
  const hash = createHash('sha1').update(place);
  hash.update(JSON.stringify(config, (key, value: unknown) => (INCIDENTAL.has(key) ? undefined : value)));
  return hash.digest('hex').slice(0, 12);
}

function progressOf({ config, summary, status }: RunRecord, row: Json | null): number | null {
  if (status === 'finished' && summary !== null) return 1;
  const at = (limit: string, ...counters: string[]): number | null => {
    const most = numberAt(config, limit);
    const counter = counters.map((name) => numberAt(row, name)).find((value) => value !== null) ?? null;
    return most === null || most <= 0 || counter === null ? null : Math.min(1, counter / most);
  };
  return at('totalSteps', 'globalStep', 'step') ?? at('maxEpisodes', 'episodes') ?? at('maxSteps', 'step');
}

function latestOf(row: Json | null): RunSummary['latest'] {
  for (const name of TELLING) {
    const value = numberAt(row, name);
    if (value !== null) return { name, value };
  }
  return null;
}

function valueAt(json: Json | null, ...path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (at, key) => (typeof at === 'object' && at !== null ? Reflect.get(at, key) : undefined),
    json,
  );
}

function numberAt(json: Json | null, ...path: readonly string[]): number | null {
  const value = valueAt(json, ...path);
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

function textAt(json: Json | null, ...path: readonly string[]): string | null {
  const value = valueAt(json, ...path);
  return typeof value === 'string' && value !== '' ? value.slice(0, 200) : null;
}

/** A row of numbers is shorter. */
const TAIL_BYTES = 2 ** 16;

/** The last whole row of a file; null if there is none. */
async function lastRow(file: string): Promise<Json | null> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(file);
    const { size } = await handle.stat();
    const tail = Buffer.alloc(Math.min(size, TAIL_BYTES));
    await handle.read(tail, 0, tail.length, size - tail.length);
    // What follows the last line's end is torn, or nothing.
    for (const line of tail.toString('utf8').split('\n').slice(0, -1).reverse()) {
      try {
        const row = JSON.parse(line) as unknown;
        if (typeof row === 'object' && row !== null) return row as Json;
      } catch {
        // A broken line; the one before it will do.
      }
    }
    return null;
  } catch {
    return null;
  } finally {
    await handle?.close();
  }
}
