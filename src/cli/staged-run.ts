// A run of several stages, each of which is a run itself, in a folder of its own. One that was interrupted goes on: stages that are
// finished are not repeated, and the one under way goes on from its last checkpoint.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type CausalLM, fromPretrained, savePretrained, type Tokenizer } from '../lm/index.ts';
import { SeedSequence } from '../random/index.ts';
import { defaultRunDirectory, RunDirectory } from '../tracking/index.ts';
import { fillDirectory, tidyFolder } from '../trainer/atomic-directory.ts';
import { isRun } from '../trainer/resume.ts';
import { ourCommand } from './our-command.ts';
import { writeRecipe } from './resume.ts';

/** What a recipe of several stages says, once its seed is known. */
interface SeededRecipe {
  readonly kind: string;
  readonly seed: number;
}

/** Where a stage's trainer writes, and the run that it goes on with. */
export interface StagePlace {
  readonly runDirectory: string;
  readonly resume: string | undefined;
}

/** The directory of such a run. */
export class StagedRun {
  readonly directory: RunDirectory;

  /** @param resumes whether to go on with the run that is at `path`, in place of beginning one */
  constructor(recipe: SeededRecipe, path: string | undefined, resumes: boolean) {
    const { kind, seed } = recipe;
    this.directory = new RunDirectory(path ?? defaultRunDirectory(kind, seed), { continues: resumes });
    if (resumes) for (const folder of [this.path, this.file('models')]) tidyFolder(folder);
    else this.directory.writeConfig({ kind, seed, recipe });
    // With the seed in it, this recipe is the run.
    writeRecipe(this.path, recipe);
  }

  get path(): string {
    return this.directory.path;
  }

  file(name: string): string {
    return join(this.path, name);
  }

  /** Where a stage is that is not finished. One of which nothing was saved begins again. */
  place(stage: string): StagePlace {
    const runDirectory = this.file(stage);
    return { runDirectory, resume: isRun(runDirectory) ? runDirectory : undefined };
  }

  /** The model that a finished stage has left in `folder`; undefined if there is none yet. */
  async model(folder: string): Promise<CausalLM | undefined> {
    return existsSync(this.file(folder)) ? fromPretrained(this.file(folder)) : undefined;
  }

  /** Leaves a stage's model in `folder`, as a whole or not at all: that it is there says that the stage is finished. */
  async saveModel(folder: string, model: CausalLM, tokenizer: Tokenizer): Promise<void> {
    await fillDirectory(this.file(folder), (temporary) => savePretrained(model, temporary, { tokenizer }));
  }

  /** The command that goes on with it. */
  get goOn(): string {
    return `${ourCommand()} train --resume ${this.path}`;
  }
}

/** A seed for each use, by name. */
export function seedsFor<Use extends string>(seed: number, uses: readonly Use[]): Readonly<Record<Use, number>> {
  const state = new SeedSequence(seed).generateState(uses.length);
  return Object.fromEntries(uses.map((use, i) => [use, state[i]!])) as Record<Use, number>;
}
