// `gymformer evaluate` on a language model: how many held-out problems of its recipe it answers rightly.

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { LMActorNetwork, TokenPolicy } from '../rl/index.ts';
import { type EvaluatedText, evaluateText } from '../trainer/index.ts';
import { CliError, EXIT_INTERRUPTED } from './cli-error.ts';
import { counted, figure, percent } from './format.ts';
import { countedProgress } from './progress.ts';
import { loadLanguageModel } from './generate-text.ts';
import { envFor, heldOutProblems, problemsFile, problemsOf } from './reasoning-setup.ts';
import { reasoningRecipeSchema } from './reasoning-schema.ts';
import { kindOfRecipe, readRecipeOf } from './recipe.ts';
import { Screen } from './screen.ts';

/** What to do. */
export interface EvaluateModelOptions {
  /** Says which problems are asked, and how. Default: that of the run which the model is in. */
  readonly recipe: string | undefined;
  /** Default: as the recipe says. */
  readonly problems: number | undefined;
  readonly seed: number | undefined;
  readonly deterministic: boolean;
  /** Whether to print every answer. */
  readonly show: boolean;
  readonly json: boolean;
}

/** Whether `path` is a language model: its folder, or the directory of a run that trained one. */
export function isLanguageModel(path: string): boolean {
  if (isReasoning(join(path, 'recipe.yaml'))) return true;
  const file = join(path, 'config.json');
  if (!existsSync(file)) return false;
  const config = JSON.parse(readFileSync(file, 'utf8')) as { readonly model_type?: unknown; readonly model?: unknown };
  // A run with a language model writes the model's config down.
  return config.model_type !== undefined || typeof config.model === 'object';
}

/** Answers held-out problems and prints what came of it. */
export async function evaluateModel(path: string, options: EvaluateModelOptions): Promise<void> {
  const { file, runDirectory } = recipeOf(path, options.recipe);
  const recipe = readRecipeOf(reasoningRecipeSchema, file);
  const language = await loadLanguageModel(path);
  const { tokenizer } = language;
  const made = runDirectory === undefined ? undefined : problemsFile(runDirectory);
  const dataset = made !== undefined && existsSync(made) ? made : problemsOf(recipe, recipe.seed ?? 0);
  const envOptions = { ...recipe.envOptions, tokenizer, dataset };
  const asked = { ...recipe.evaluation, ...(options.problems === undefined ? {} : { problems: options.problems }) };
  const episodes = heldOutProblems({ ...recipe, evaluation: asked }, envOptions);
  const policy = new TokenPolicy({ actor: new LMActorNetwork(language.model, { padTokenId: tokenizer.padTokenId }) });

  const screen = new Screen({ json: options.json });
  screen.begin('text');
  screen.tell('start', { kind: recipe.kind, model: path, problems: episodes });
  const started = performance.now();
  let done = 0;
  try {
    const { accuracy, meanReturn, meanLength, texts } = await evaluateText(
      policy,
      () => envFor({ ...envOptions, split: 'test' }, language),
      {
        episodes,
        inOrder: true,
        deterministic: options.deterministic,
        seed: options.seed,
        signal: screen.signal,
        onText: () =>
          screen.progress(countedProgress(++done, episodes, 'problems', (performance.now() - started) / 1000)),
      },
    );
    if (options.show) for (const text of texts) screen.say(shown(text));
    const count = counted(texts.length, 'held-out problem');
    screen.say(
      `${path}: ${percent(accuracy ?? 0)} of ${count} answered rightly; mean return ${figure(meanReturn)}, ${figure(meanLength)} tokens each`,
    );
    const stoppedBy = screen.signal.aborted ? 'signal' : 'end';
    screen.result({ stoppedBy, model: path, problems: texts.length, accuracy, meanReturn, meanLength });
    if (screen.signal.aborted) process.exitCode = EXIT_INTERRUPTED;
  } finally {
    screen.release();
  }
}

function shown({ prompt, completion, correct, info }: EvaluatedText): string {
  const verdict = correct === true ? 'right' : `wrong, it is ${String(info['correctAnswer'])}`;
  return `${prompt}${completion}\n(${verdict})\n`;
}

/** The recipe, and the run that it was of: the given one, or that of the nearest folder above. */
function recipeOf(path: string, given: string | undefined): { file: string; runDirectory?: string } {
  if (given !== undefined) return { file: given };
  for (let folder = resolve(path); ; folder = dirname(folder)) {
    const file = join(folder, 'recipe.yaml');
    if (isReasoning(file)) return { file, runDirectory: folder };
    if (dirname(folder) === folder) break;
  }
  throw new CliError(
    `${path} is a language model, but in no run of kind reasoning: say by --recipe <file> which problems to ask, and how`,
  );
}

function isReasoning(file: string): boolean {
  return existsSync(file) && kindOfRecipe(file) === 'reasoning';
}
