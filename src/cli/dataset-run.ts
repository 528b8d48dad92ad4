// What the commands that learn from a dataset share: sft, reward, dpo. The recipe, the screen, and where to find what.

import { existsSync, writeFileSync } from 'node:fs';
import { dirname, extname } from 'node:path';
import { stringify } from 'yaml';
import type { ZodType } from 'zod';
import { defaultRunDirectory, type Tracker } from '../tracking/index.ts';
import type { ExampleCallbacks, ExampleResult } from '../trainer/index.ts';
import { seedOf } from '../trainer/example-settings.ts';
import { isCheckpoint } from '../trainer/latest-checkpoint.ts';
import { EXIT_INTERRUPTED } from './cli-error.ts';
import { duration, grouped } from './format.ts';
import { ourCommand } from './our-command.ts';
import { parseOverrides } from './overrides.ts';
import { exampleProgress } from './progress.ts';
import { readRecipeOf, recipeOf } from './recipe.ts';
import { goingOn, recipeOfRun } from './resume.ts';
import { Screen, type ScreenFlags } from './screen.ts';
import { trackersFor, type Tracking } from './tracking-schema.ts';

/** What all recipes for datasets say. */
interface DatasetRecipe {
  readonly kind: string;
  readonly model: string;
  readonly dataset: string;
  readonly seed?: number | undefined;
  readonly runDirectory?: string | undefined;
  readonly resume?: string | undefined;
  readonly tracking?: Tracking | undefined;
}

/** What a trainer is given by the command. */
interface RunHooks {
  readonly seed: number;
  readonly runDirectory: string;
  readonly signal: AbortSignal;
  readonly notes: Readonly<Record<string, unknown>>;
  readonly trackers: readonly Tracker[];
  readonly warn: (message: string) => void;
  readonly callbacks: ExampleCallbacks;
}

/** What a command trained, and what it tells of it. */
interface Trained {
  readonly result: ExampleResult;
  /** The finished model; null if nothing was saved. */
  readonly model: string | null;
  /** More of the summary than how long it took. */
  readonly found: string;
  /** For programs, besides what all commands tell. */
  readonly more?: object;
}

/** A command of this kind. */
export interface DatasetCommand<Recipe extends DatasetRecipe> {
  readonly schema: ZodType<Recipe>;
  readonly kind: Recipe['kind'];
  /** Such as `Fine-tuning`. */
  readonly doing: string;
  train(recipe: Recipe, hooks: RunHooks): Promise<Trained>;
  /** What to do with the model: what it does, and the command. */
  next(model: string): readonly (readonly [what: string, command: string])[];
}

/** Trains by a recipe, or with a model and a dataset from the command line, and returns the exit code. */
export async function runOnDataset<Recipe extends DatasetRecipe>(
  command: DatasetCommand<Recipe>,
  target: string,
  words: readonly string[],
  flags: ScreenFlags,
): Promise<number> {
  const { schema, kind, doing } = command;
  const overrides = parseOverrides(words);
  const given = ['.yaml', '.yml'].includes(extname(target).toLowerCase())
    ? readRecipeOf(schema, target, overrides)
    : recipeOf(schema, { kind, model: target }, overrides);
  const screen = new Screen(flags);
  try {
    const from = given.resume === undefined ? undefined : goingOn(given.resume, (message) => screen.warn(message));
    const recipe = { ...given, resume: from?.checkpoint };
    // A run that goes on keeps its seed.
    const seed = recipe.seed ?? seedOf(undefined, from?.checkpoint);
    const runDirectory = recipe.runDirectory ?? from?.runDirectory ?? defaultRunDirectory(kind, seed);
    const ran = recipeOfRun(runDirectory);
    screen.begin('step');
    screen.say(`${doing} ${recipe.model} on ${recipe.dataset}, seed ${seed}.`);
    screen.tell('start', { kind, model: recipe.model, dataset: recipe.dataset, seed, runDirectory });
    let accuracy: number | null = null;
    let written = false;
    const trained = await command.train(recipe, {
      seed,
      runDirectory,
      signal: screen.signal,
      notes: { recipe },
      trackers: trackersFor(recipe.tracking),
      warn: (message) => screen.warn(message),
      callbacks: {
        ...screen.callbacks,
        onStep: (progress, row) => {
          // From the first step on, so that a run that is killed can go on.
          written ||= writeRecipe(ran, given, seed);
          accuracy = row['evalAccuracy'] ?? row['evalRewards/accuracies'] ?? accuracy;
          screen.progress(exampleProgress(progress, accuracy));
        },
      },
    });
    const { result, model, found, more } = trained;
    screen.say(`${summary(result)}\n${found}`);
    screen.say(model === null ? '\nA dry run: nothing was written.' : whereAndNext(command, result, model));
    screen.result({ ...resultJson(result), modelFolder: model, ...more });
    return result.stoppedBy === 'signal' ? EXIT_INTERRUPTED : 0;
  } finally {
    screen.release();
  }
}

/** With the seed in it, a recipe is the run. Nothing is written in a dry run, which has no directory. */
function writeRecipe(path: string, { runDirectory: _directory, ...repeatable }: DatasetRecipe, seed: number): true {
  if (!existsSync(dirname(path))) return true;
  const { resume, ...recipe } = repeatable;
  // A run that goes on where it is is the same run; one from a checkpoint of another begins with that.
  const begun = resume !== undefined && isCheckpoint(resume) ? { resume } : {};
  writeFileSync(path, stringify({ ...recipe, ...begun, seed }));
  return true;
}

const ENDINGS: Readonly<Partial<Record<ExampleResult['stoppedBy'], string>>> = {
  signal: ': interrupted',
  patience: ': it became no better',
};

function summary({ steps, tokens, seconds, stoppedBy }: ExampleResult): string {
  const end = ENDINGS[stoppedBy] ?? '';
  return `Trained for ${grouped(steps)} steps on ${grouped(tokens)} tokens in ${duration(seconds)}${end}.`;
}

function whereAndNext<Recipe extends DatasetRecipe>(
  { next }: DatasetCommand<Recipe>,
  { runDirectory, stoppedBy }: ExampleResult,
  model: string,
): string {
  const goOn = ['Go on with it', `train --resume ${runDirectory}`] as const;
  const lines = [...(stoppedBy === 'signal' ? [goOn] : []), ...next(model)];
  const commands = lines.map(([what, words]) => `${`${what}:`.padEnd(20)}${ourCommand()} ${words}`);
  return `\nRun directory: ${runDirectory}\nModel:         ${model}\n\n${commands.join('\n')}`;
}

function resultJson(result: ExampleResult): object {
  const { stoppedBy, steps, tokens, seconds, seed, trainLoss, evalLoss, runDirectory, modelFolder } = result;
  const loss = trainLoss.at(-1) ?? null;
  return { stoppedBy, steps, tokens, seconds, seed, loss, evalLoss, runDirectory, checkpoint: modelFolder };
}

/** How the loss went, for summaries. */
export function lossText({ trainLoss, evalLoss }: ExampleResult): string {
  if (trainLoss.length === 0) return 'No step was taken.';
  const losses = [`Loss ${trainLoss[0]!.toFixed(4)} at first, ${trainLoss.at(-1)!.toFixed(4)} in the last step`];
  if (evalLoss !== null) losses.push(`${evalLoss.toFixed(4)} on the rows kept to evaluate on`);
  return `${losses.join('; ')}.`;
}
