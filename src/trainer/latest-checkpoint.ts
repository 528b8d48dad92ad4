// The checkpoint that a run goes on from.

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { remainsIn } from './atomic-directory.ts';
import { checkFiles, checksumsSchema } from './checksums.ts';
import { CheckpointError } from './errors.ts';

/** Options of {@link latestCheckpoint}. */
export interface LatestCheckpointOptions {
  /** Told of each checkpoint that is damaged and passed over. Default `console.warn`. */
  readonly warn?: ((message: string) => void) | undefined;
}

/** What all checkpoints have, in trainer.json (of classic agents) or training.json. */
const standing = z.object({
  files: checksumsSchema,
  counters: z.object({ updates: z.int().min(0) }).nullish(),
  updates: z.int().min(0).optional(),
  step: z.int().min(0).optional(),
});

const STATES = ['trainer.json', 'training.json'];

/**
 * The latest checkpoint of a run that is complete and undamaged: all its files are read, and compared with the lengths and checksums that
 * were written with them. Damaged ones are passed over.
 *
 * @returns undefined if the run has not written any yet
 * @throws CheckpointError if there is no such run, or all of its checkpoints are damaged
 */
export function latestCheckpoint(
  runDirectory: string,
  { warn = console.warn }: LatestCheckpointOptions = {},
): string | undefined {
  if (!existsSync(runDirectory)) throw new CheckpointError(runDirectory, 'there is no run here');
  const problems: string[] = [];
  const found = checkpointsIn(runDirectory).flatMap((path) => {
    try {
      return [{ path, ...standingOf(path) }];
    } catch (error) {
      problems.push((error as Error).message);
      return [];
    }
  });
  // The best of a run has the weights of one that may lie there too, and of which more is known.
  const isBest = (path: string): number => (path.endsWith('_best') ? 1 : 0);
  found.sort((a, b) => b.updates - a.updates || isBest(a.path) - isBest(b.path));
  for (const { path, files } of found) {
    try {
      checkFiles(path, files);
      for (const problem of problems) warn(`${problem}. Going on from ${path}`);
      return path;
    } catch (error) {
      problems.push((error as Error).message);
    }
  }
  if (problems.length === 0) return undefined;
  throw new CheckpointError(runDirectory, `all of its checkpoints are damaged: ${problems.join('; ')}`);
}

/** Whether `path` is a checkpoint, or would be one if it were not damaged, rather than a run's directory. */
export function isCheckpoint(path: string): boolean {
  return STATES.some((name) => existsSync(join(path, name)));
}

/** The folders in which a run saves its agents, but for those that another process is writing. */
function checkpointsIn(runDirectory: string): string[] {
  const folder = savePathOf(runDirectory);
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).filter((name) => statSync(join(folder, name)).isDirectory());
  const complete = names.filter((name) => {
    const remains = remainsIn(name);
    return remains === undefined || (remains.isComplete && !names.includes(remains.of));
  });
  return complete.map((name) => join(folder, name)).filter(isCheckpoint);
}

/** Where a run's checkpoints go: as its config.json says, if it does. */
export function savePathOf(runDirectory: string): string {
  const own = join(runDirectory, 'checkpoints');
  try {
    const { savePath } = JSON.parse(readFileSync(join(runDirectory, 'config.json'), 'utf8')) as { savePath?: unknown };
    return typeof savePath === 'string' ? savePath : own;
  } catch {
    return own;
  }
}

function standingOf(path: string): { readonly updates: number; readonly files: z.infer<typeof checksumsSchema> } {
  const name = STATES.find((state) => existsSync(join(path, state)))!;
  const file = join(path, name);
  let data: unknown;
  try {
    data = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new CheckpointError(file, 'not complete JSON: the checkpoint is damaged', { cause: error });
  }
  const parsed = standing.safeParse(data);
  if (!parsed.success) throw new CheckpointError(file, 'not what a checkpoint holds', { cause: parsed.error });
  const { files, counters, updates, step } = parsed.data;
  return { files, updates: updates ?? step ?? counters?.updates ?? 0 };
}
