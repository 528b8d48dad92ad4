// What the commands that learn from a dataset share: sft, reward, dpo. The recipe, the screen, and where to find what.

import { existsSync } from 'node:fs';
import { extname } from 'node:path';
import type { ZodType } from 'zod';
import { defaultRunDirectory, type Tracker } from '../tracking/index.ts';
import type { ExampleCallbacks, ExampleResult } from '../trainer/index.ts';
import { seedOf } from '../trainer/example-settings.ts';
import { resumed } from '../trainer/resume.ts';
import { EXIT_INTERRUPTED } from './cli-error.ts';
import { counted, duration } from './format.ts';
import { ourCommand } from './our-command.ts';
import { parseOverrides } from './overrides.ts';
import { exampleProgress } from './progress.ts';
import { readRecipeOf, recipeOf } from './recipe.ts';
import { writeRecipe } from './resume.ts';
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
  /** The model; null in a dry run, and if a run was interrupted before there was one. */
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
    const { resume, runDirectory: chosen, ...rest } = given;
    // The trainer warns of what is wrong with it.
    const from = resumed({ resume, runDirectory: chosen, warn: () => undefined });
    // A run that goes on keeps its seed.
    const seed = given.seed ?? seedOf(undefined, from);
    const runDirectory = from.runDirectory ?? defaultRunDirectory(kind, seed);
    const recipe = { ...given, resume: from.continues ? runDirectory : resume };
    // With the seed in it, this recipe is the run. One that goes on where it is is the same run.
    const repeatable = { ...rest, ...(from.continues ? {} : { resume: from.checkpoint }), seed };
    screen.begin('step');
    const introduction = `${doing} ${recipe.model} on ${recipe.dataset}, seed ${seed}.`;
    const goingOn = from.continues ? `Going on with ${runDirectory}.\n` : '';
    screen.tell('start', { kind, model: recipe.model, dataset: recipe.dataset, seed, runDirectory });
    let accuracy: number | null = null;
    let written = false;
    let stepped = false;
    const trained = await command.train(recipe, {
      seed,
      runDirectory,
      signal: screen.signal,
      notes: { recipe: repeatable },
      trackers: trackersFor(recipe.tracking),
      warn: (message) => screen.warn(message),
      callbacks: {
        ...screen.callbacks,
        onStart: (start) => {
          // Once all files are read.
          screen.say(goingOn + introduction);
          screen.callbacks.onStart(start);
        },
        onStep: (progress, row) => {
          stepped = true;
          written ||= writeRecipeOf(runDirectory, repeatable);
          accuracy = row['evalAccuracy'] ?? row['evalRewards/accuracies'] ?? accuracy;
          screen.progress(exampleProgress(progress, accuracy));
        },
      },
    });
    const { result, model, found, more } = trained;
    const finishedBefore = from.continues && !stepped && result.stoppedBy !== 'signal';
    screen.say(finishedBefore ? finished(result) : `${summary(result)}\n${found}`);
    screen.say(whereAndNext(command, result, model));
    screen.result({ ...resultJson(result), modelFolder: model, ...more });
    return result.stoppedBy === 'signal' ? EXIT_INTERRUPTED : 0;
  } catch (error) {
    if (!screen.isInterrupt(error)) throw error;
    screen.say(`Interrupted while ${given.dataset} was read: nothing was written.`);
    screen.result({ stoppedBy: 'signal', runDirectory: null });
    return EXIT_INTERRUPTED;
  } finally {
    screen.release();
  }
}

/** Nothing is written in a dry run, which has no directory. */
function writeRecipeOf(run: string, recipe: object): true {
  if (existsSync(run)) writeRecipe(run, recipe);
  return true;
}

const ENDINGS: Readonly<Partial<Record<ExampleResult['stoppedBy'], string>>> = {
  signal: ': interrupted',
  patience: ': it became no better',
};

/** Of a run that had come to its end before. */
function finished({ steps, tokens, stoppedBy, runDirectory }: ExampleResult): string {
  const isLimit = stoppedBy === 'epochs' || stoppedBy === 'maxSteps';
  const more = `${ourCommand()} train --resume ${runDirectory} --${stoppedBy} <more>`;
  const counts = `${counted(steps, 'step')} on ${counted(tokens, 'token')}`;
  return `This run is finished: ${counts}; nothing to do.${isLimit ? `\nTrain it longer: ${more}` : ''}`;
}

function summary({ steps, tokens, seconds, stoppedBy }: ExampleResult): string {
  const end = ENDINGS[stoppedBy] ?? '';
  return `Trained for ${counted(steps, 'step')} on ${counted(tokens, 'token')} in ${duration(seconds)}${end}.`;
}

function whereAndNext<Recipe extends DatasetRecipe>(
  { next }: DatasetCommand<Recipe>,
  { runDirectory, stoppedBy }: ExampleResult,
  model: string | null,
): string {
  const interrupted = stoppedBy === 'signal';
  if (model === null && !interrupted) return '\nA dry run: nothing was written.';
  const goOn = ['Go on with it', `train --resume ${runDirectory}`] as const;
  const lines = [...(interrupted ? [goOn] : []), ...(model === null ? [] : next(model))];
  const commands = lines.map(([what, words]) => `${`${what}:`.padEnd(20)}${ourCommand()} ${words}`);
  const where = model === null ? '' : `\nModel:         ${model}`;
  return `\nRun directory: ${runDirectory}${where}\n\n${commands.join('\n')}`;
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
