// `--resume`: a run that goes on. Of a run, its latest good checkpoint is taken, and it goes on where it is; a checkpoint that is named
// begins another run, for there may be later ones in its own.

import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { isMap, parseDocument, stringify } from 'yaml';
import { isCheckpoint } from '../trainer/latest-checkpoint.ts';
import { CliError } from './cli-error.ts';

/** What `--resume` names. */
export interface Resumed {
  /** The run's directory, which has its recipe. */
  readonly run: string;
  /** The checkpoint, if that was named. */
  readonly checkpoint: string | undefined;
  /** The run's own, as its recipe says. */
  readonly seed: number | undefined;
}

/** The recipe of a run, with its seed in it. */
export function recipeOfRun(run: string): string {
  return join(run, 'recipe.yaml');
}

/** Writes the recipe of a run. */
export function writeRecipe(run: string, recipe: object): void {
  const path = recipeOfRun(run);
  // Beside it first: whenever the machine stops, the file is whole.
  writeFileSync(`${path}.tmp`, stringify(recipe));
  renameSync(`${path}.tmp`, path);
}

/** @throws CliError if `path` is neither a run nor a checkpoint of one */
export function resumed(path: string): Resumed {
  if (!existsSync(path)) throw new CliError(`--resume ${path}: there is no such folder`);
  if (hasRecipe(path)) return { run: path, checkpoint: undefined, seed: seedOf(path) };
  if (isCheckpoint(path)) {
    for (let folder = dirname(resolve(path)); dirname(folder) !== folder; folder = dirname(folder)) {
      if (hasRecipe(folder)) return { run: folder, checkpoint: path, seed: seedOf(folder) };
    }
  }
  throw new CliError(
    `--resume ${path}: it is neither the directory of a run, which has a recipe.yaml, nor a checkpoint in one`,
  );
}

function seedOf(run: string): number | undefined {
  const recipe = parseDocument(readFileSync(recipeOfRun(run), 'utf8'), { logLevel: 'error' });
  const seed: unknown = isMap(recipe.contents) ? recipe.get('seed') : undefined;
  // What is wrong with the recipe is said when it is read.
  return typeof seed === 'number' ? seed : undefined;
}

/** Whether a run has its recipe. One that was killed before that was written gets it from its config.json, which comes first. */
function hasRecipe(run: string): boolean {
  if (existsSync(recipeOfRun(run))) return true;
  try {
    const { recipe, seed } = JSON.parse(readFileSync(join(run, 'config.json'), 'utf8')) as Record<string, unknown>;
    if (typeof recipe !== 'object' || recipe === null || typeof seed !== 'number') return false;
    const { runDirectory: _directory, ...repeatable } = recipe as Record<string, unknown>;
    writeRecipe(run, { ...repeatable, seed });
    return true;
  } catch {
    return false;
  }
}
