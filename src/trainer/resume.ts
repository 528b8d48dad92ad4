// Where a run goes on: from a checkpoint, in a run of its own, or in the run that it was saved by.

import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { checkLock } from '../tracking/lock.ts';
import { isCheckpoint, latestCheckpoint, savePathOf } from './latest-checkpoint.ts';

/** What a run is told that may go on. */
export interface ResumeOptions {
  readonly resume?: string | undefined;
  readonly runDirectory?: string | null | undefined;
  readonly warn?: ((message: string) => void) | undefined;
}

/** Where a run goes on. */
export interface Resumed {
  /** Undefined for a run that begins, or begins again because it was killed before it had saved anything. */
  readonly checkpoint: string | undefined;
  /** As the option; the run's own if it goes on there. */
  readonly runDirectory: string | null | undefined;
  /** Whether the run's own directory grows on. */
  readonly continues: boolean;
  /** Of the run that goes on; undefined if it is not known. */
  readonly seed: number | undefined;
}

/**
 * What `resume` names: a checkpoint, or a run, of which the latest good checkpoint is taken. A run goes on in its own directory; so does a
 * checkpoint if `runDirectory` is that of its run, and it is the latest there.
 *
 * @throws CheckpointError if there is nothing to go on from; Error if another process is writing the run
 */
export function resumed({ resume, runDirectory, warn }: ResumeOptions): Resumed {
  if (resume === undefined) return { checkpoint: undefined, runDirectory, continues: false, seed: undefined };
  if (isCheckpoint(resume) || !isRun(resume)) {
    const continues = typeof runDirectory === 'string' && isLatest(resume, runDirectory, warn);
    if (continues) checkLock(runDirectory!);
    return { checkpoint: resume, runDirectory, continues, seed: seedIn(join(resume, 'training.json')) };
  }
  const continues = runDirectory === undefined || (runDirectory !== null && same(runDirectory, resume));
  if (continues) checkLock(resume);
  const checkpoint = latestCheckpoint(resume, { warn });
  const seed = seedIn(checkpoint === undefined ? join(resume, 'config.json') : join(checkpoint, 'training.json'));
  return { checkpoint, runDirectory: continues ? resume : runDirectory, continues, seed };
}

/** Unlike a model's folder, which has a config.json too, a run's says what it ran on; one that was killed at once may have a lock alone. */
export function isRun(path: string): boolean {
  if (existsSync(join(path, 'lock.json'))) return true;
  try {
    const { versions } = JSON.parse(readFileSync(join(path, 'config.json'), 'utf8')) as { versions?: unknown };
    return typeof versions === 'object';
  } catch {
    return false;
  }
}

function isLatest(checkpoint: string, runDirectory: string, warn: ResumeOptions['warn']): boolean {
  if (!existsSync(checkpoint) || !existsSync(join(runDirectory, 'config.json'))) return false;
  if (!same(dirname(checkpoint), savePathOf(runDirectory))) return false;
  const latest = latestCheckpoint(runDirectory, { warn });
  return latest !== undefined && same(latest, checkpoint);
}

function same(a: string, b: string): boolean {
  return existsSync(a) && existsSync(b) && realpathSync(a) === realpathSync(b);
}

function seedIn(file: string): number | undefined {
  try {
    const { seed } = JSON.parse(readFileSync(file, 'utf8')) as { seed?: unknown };
    return typeof seed === 'number' ? seed : undefined;
  } catch {
    // What is wrong with it is said when it is read.
    return undefined;
  }
}
