// `--resume`: a run that goes on. Of a run, its latest good checkpoint is taken, and it goes on where it is; a checkpoint that is named
// begins another run, for there may be later ones in its own.

import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { latestCheckpoint } from '../trainer/index.ts';
import { isCheckpoint } from '../trainer/latest-checkpoint.ts';
import { CliError } from './cli-error.ts';
import { ourCommand } from './our-command.ts';

/** What `--resume` names. */
export interface Resumed {
  /** The run's directory, which has its recipe. */
  readonly run: string;
  /** The checkpoint, if that was named. */
  readonly checkpoint: string | undefined;
}

/** The recipe of a run, with its seed in it. */
export function recipeOfRun(run: string): string {
  return join(run, 'recipe.yaml');
}

/** @throws CliError if `path` is neither a run nor a checkpoint of one */
export function resumed(path: string): Resumed {
  if (!existsSync(path)) throw new CliError(`--resume ${path}: there is no such folder`);
  if (existsSync(recipeOfRun(path))) return { run: path, checkpoint: undefined };
  if (isCheckpoint(path)) {
    for (let folder = dirname(resolve(path)); dirname(folder) !== folder; folder = dirname(folder)) {
      if (existsSync(recipeOfRun(folder))) return { run: folder, checkpoint: path };
    }
  }
  throw new CliError(
    `--resume ${path}: it is neither the directory of a run, which has a recipe.yaml, nor a checkpoint in one`,
  );
}

/** Where a trainer goes on, and in which run; undefined for a new one. */
export function goingOn(
  path: string,
  warn: (message: string) => void,
): { readonly checkpoint: string; readonly runDirectory: string | undefined } {
  if (isCheckpoint(path) || !existsSync(recipeOfRun(path))) return { checkpoint: path, runDirectory: undefined };
  const checkpoint = latestCheckpoint(path, { warn });
  if (checkpoint !== undefined) return { checkpoint, runDirectory: path };
  throw new CliError(
    `${path} has no checkpoint yet to go on from. Begin anew: ${ourCommand()} train ${recipeOfRun(path)}`,
  );
}
