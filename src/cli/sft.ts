// `gymformer sft`: from a model and examples to a fine-tuned model, with what happens on the screen.

import { writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { stringify } from 'yaml';
import { applyLora, mergeLora, savePretrained } from '../lm/index.ts';
import { SeedSequence } from '../random/index.ts';
import { defaultRunDirectory, type ExampleProgress, type SftResult, trainSft } from '../trainer/index.ts';
import { EXIT_INTERRUPTED } from './cli-error.ts';
import { clock, duration, grouped, percent } from './format.ts';
import { loadLanguageModel } from './generate-text.ts';
import { Interrupt } from './interrupt.ts';
import { ourCommand } from './our-command.ts';
import { parseOverrides } from './overrides.ts';
import { LiveLine } from './progress-line.ts';
import { readRecipeOf, recipeOf } from './recipe.ts';
import { type SftRecipe, sftRecipeSchema } from './sft-schema.ts';

/** Flags of `gymformer sft`. */
export interface SftFlags {
  /** Print nothing but errors. */
  readonly quiet?: boolean | undefined;
  /** Print the result as JSON, and nothing else. */
  readonly json?: boolean | undefined;
}

/** Fine-tunes, and returns the exit code. */
export async function sft(target: string, words: readonly string[], flags: SftFlags): Promise<number> {
  const overrides = parseOverrides(words);
  const recipe = ['.yaml', '.yml'].includes(extname(target).toLowerCase())
    ? readRecipeOf(sftRecipeSchema, target, overrides)
    : recipeOf(sftRecipeSchema, { kind: 'sft', model: target }, overrides);
  const silent = flags.quiet === true || flags.json === true;
  const say = (text: string): void => {
    if (!silent) console.log(text);
  };
  const { kind: _kind, model: name, lora, ...options } = recipe;
  const language = await loadLanguageModel(name);
  const { model, tokenizer } = language;
  // A run that goes on keeps its seed.
  const seed = recipe.seed ?? (recipe.resume === undefined ? new SeedSequence().generateState(1)[0]! : undefined);
  const runDirectory = recipe.runDirectory ?? defaultRunDirectory(`sft-${model.config.modelType}`, seed ?? 0);
  if (lora !== undefined) applyLora(model, lora, { seed: seed ?? 0 });

  const line = new LiveLine(process.stderr);
  const interrupt = new Interrupt(() => {
    line.clear();
    if (!silent) console.error('Stopping after this step. Ctrl-C again stops at once, without saving.');
  });
  say(`Fine-tuning ${name} on ${recipe.dataset}${seed === undefined ? '' : `, seed ${seed}`}.`);
  let result: SftResult;
  let modelFolder: string;
  try {
    result = await trainSft({
      ...options,
      model,
      tokenizer,
      seed,
      runDirectory,
      signal: interrupt.signal,
      notes: { recipe },
      warn: (message) => (silent ? undefined : console.error(`warning: ${message}`)),
      callbacks: {
        onStep: (progress) => (silent ? undefined : line.update(progress.seconds, () => sftProgressText(progress))),
      },
    });
    writeRecipe(runDirectory, recipe, result);
    modelFolder = lora === undefined ? result.modelFolder : await saveMerged();
  } finally {
    line.clear();
    interrupt.release();
  }
  const interrupted = result.stoppedBy === 'signal';
  say(summary(result));
  say(whereAndNext(result, modelFolder, join(runDirectory, 'recipe.yaml')));
  if (flags.json) console.log(JSON.stringify(resultJson(result, modelFolder)));
  return interrupted ? EXIT_INTERRUPTED : 0;

  async function saveMerged(): Promise<string> {
    mergeLora(model);
    const folder = join(runDirectory, 'model');
    await savePretrained(model, folder, { tokenizer });
    return folder;
  }
}

/** With the seed in it, this recipe is the run. */
function writeRecipe(
  directory: string,
  { runDirectory: _directory, ...repeatable }: SftRecipe,
  result: SftResult,
): void {
  writeFileSync(join(directory, 'recipe.yaml'), stringify({ ...repeatable, seed: result.seed }));
}

/** A step of fine-tuning as a line of progress. @param accuracy the share of right answers, if somebody looked */
export function sftProgressText(progress: ExampleProgress, accuracy: number | null = null): string {
  const { steps, totalSteps, epochs, loss, evalLoss, tokensPerSecond, seconds } = progress;
  const parts = [`${grouped(steps)}/${grouped(totalSteps)} steps`, `epoch ${epochs.toFixed(2)}`];
  if (loss !== null) parts.push(`loss ${loss.toFixed(4)}`);
  if (evalLoss !== null) parts.push(`evaluated ${evalLoss.toFixed(4)}`);
  if (accuracy !== null) parts.push(`right ${percent(accuracy)}`);
  parts.push(`${grouped(tokensPerSecond)} tokens/s`, `${clock((seconds * (totalSteps - steps)) / steps)} left`);
  return parts.join('  ');
}

function summary({ steps, tokens, seconds, trainLoss, evalLoss, stoppedBy }: SftResult): string {
  const end = stoppedBy === 'signal' ? ': interrupted' : '';
  const losses = [`Loss ${trainLoss[0]!.toFixed(4)} at first, ${trainLoss.at(-1)!.toFixed(4)} in the last step`];
  if (evalLoss !== null) losses.push(`${evalLoss.toFixed(4)} on the rows kept to evaluate on`);
  return `Trained for ${grouped(steps)} steps on ${grouped(tokens)} tokens in ${duration(seconds)}${end}.\n${losses.join('; ')}.`;
}

function whereAndNext({ runDirectory, modelFolder: checkpoint, stoppedBy }: SftResult, model: string, recipe: string) {
  const next = [
    ...(stoppedBy === 'signal' ? [`Go on with it:      ${ourCommand()} sft ${recipe} --resume ${checkpoint}`] : []),
    `Let it write:       ${ourCommand()} generate ${model} --prompt '...'`,
  ];
  return `\nRun directory: ${runDirectory}\nModel:         ${model}\n\n${next.join('\n')}`;
}

function resultJson(result: SftResult, modelFolder: string): object {
  const {
    stoppedBy,
    steps,
    tokens,
    seconds,
    seed,
    trainLoss,
    evalLoss,
    runDirectory,
    modelFolder: checkpoint,
  } = result;
  return {
    stoppedBy,
    steps,
    tokens,
    seconds,
    seed,
    loss: trainLoss.at(-1) ?? null,
    evalLoss,
    runDirectory,
    checkpoint,
    modelFolder,
  };
}
