// What is printed of a run of kind `reasoning`, and what a program reads of it.

import { join } from 'node:path';
import type { CausalLM } from '../lm/index.ts';
import type { SftResult, TextEvaluation, TrainTextResult } from '../trainer/index.ts';
import { chart } from './chart.ts';
import { counted, duration, grouped, percent } from './format.ts';
import { ourCommand } from './our-command.ts';
import type { ReasoningRecipe } from './reasoning-schema.ts';
import { table } from './table.ts';

/** Answers to the held-out problems: the likeliest, and drawn ones. */
export interface Answers {
  readonly greedy: TextEvaluation;
  readonly sampled: TextEvaluation | null;
}

/** What a run came to. */
export interface ReasoningResult {
  readonly stoppedBy: 'end' | 'signal';
  readonly seed: number;
  readonly seconds: number;
  /** Held-out problems that were answered. */
  readonly problems: number;
  readonly runDirectory: string;
  /** The trained model's folder. */
  readonly model: string;
  /** The command that goes on with it, if it was interrupted. */
  readonly goOn: string;
  readonly sft: SftNumbers | null;
  readonly before: Answers | null;
  readonly rl: TrainTextResult | null;
  readonly after: Answers | null;
}

/** What learning by example came to. */
interface SftNumbers {
  readonly steps: number | null;
  readonly tokens: number | null;
  readonly seconds: number | null;
  readonly loss: number | null;
}

/** The numbers of a result or of a summary that tell of learning by example. */
export function sftNumbers(summary: Readonly<Record<string, unknown>>): SftNumbers {
  const numberOf = (value: unknown): number | null => (typeof value === 'number' ? value : null);
  const { steps, tokens, seconds, loss } = summary;
  return { steps: numberOf(steps), tokens: numberOf(tokens), seconds: numberOf(seconds), loss: numberOf(loss) };
}

/** As it stands in summary.json. */
export function resultJson(result: ReasoningResult): object {
  const { rl, before, after, model, goOn: _goOn, ...rest } = result;
  const shares = (answers: Answers | null) =>
    answers && {
      accuracy: answers.greedy.accuracy,
      sampledAccuracy: answers.sampled?.accuracy ?? null,
      meanReturn: answers.greedy.meanReturn,
      meanLength: answers.greedy.meanLength,
    };
  return {
    ...rest,
    model,
    checkpoint: model,
    before: shares(before),
    after: shares(after),
    rl: rl && { updates: rl.updates, episodes: rl.episodes, tokens: rl.steps, seconds: rl.seconds },
  };
}

export function introduction(recipe: ReasoningRecipe, model: CausalLM, problems: number, heldOut: number): string {
  const name = typeof recipe.model === 'string' ? recipe.model : `A new ${model.config.modelType} model`;
  const parameters = model.parameters().reduce((sum, { size }) => sum + size, 0);
  return (
    `${name} of ${grouped(parameters)} parameters, seed ${recipe.seed}.\n` +
    `${counted(problems, 'problem')} to learn from; ${counted(heldOut, 'other')}, never learned from, to be measured by.`
  );
}

export function sftSummary(
  {
    steps,
    tokens,
    seconds,
    trainLoss,
    stoppedBy,
  }: Pick<SftResult, 'steps' | 'tokens' | 'seconds' | 'trainLoss' | 'stoppedBy'>,
  accuracy: number | null,
): string {
  const end = stoppedBy === 'signal' ? ': interrupted' : '';
  const right = accuracy === null ? '' : `, ${percent(accuracy)} of answers right`;
  // Ctrl-C may come before the end of the first step.
  const loss = trainLoss.length === 0 ? '' : `: loss ${trainLoss.at(-1)!.toFixed(4)}`;
  return `   ${counted(steps, 'step')} on ${counted(tokens, 'token')} in ${duration(seconds)}${loss}${right}${end}.`;
}

/** The held-out answers between the stages. */
export function measured({ greedy, sampled }: Answers): string {
  const drawn = sampled === null ? '' : ` (${percent(sampled.accuracy ?? 0)} when tokens are drawn)`;
  return `   Held-out problems answered rightly: ${percent(greedy.accuracy ?? 0)}${drawn}.`;
}

export function rlSummary({ steps, updates, episodes, seconds, stoppedBy }: TrainTextResult): string {
  const counts = `${counted(episodes, 'text')} of ${counted(steps, 'token')}, ${counted(updates, 'update')}`;
  return `   ${counts} in ${duration(seconds)}${stoppedBy === 'signal' ? ': interrupted' : ''}.`;
}

/** The first held-out problems as they were answered before and after, and how many were answered rightly. */
export function beforeAndAfter(before: Answers, after: Answers, samples: number): string {
  const { texts } = before.greedy;
  const shown = texts.slice(0, samples).map((text, i) => sideBySide(text, after.greedy.texts[i]!));
  const row = (name: string, a: TextEvaluation, b: TextEvaluation): string[] => {
    const gain = ((b.accuracy ?? 0) - (a.accuracy ?? 0)) * 100;
    return [
      name,
      percent(a.accuracy ?? 0),
      percent(b.accuracy ?? 0),
      `${gain >= 0 ? '+' : ''}${gain.toFixed(1)} points`,
    ];
  };
  const rows = [row('the likeliest tokens', before.greedy, after.greedy)];
  if (before.sampled !== null && after.sampled !== null) rows.push(row('drawn tokens', before.sampled, after.sampled));
  const shares = table(['answers right, by', 'before', 'after', 'gain'], rows, ['before', 'after', 'gain']);
  const heading = `\n3. Before and after, on ${counted(texts.length, 'problem')} never learned from`;
  return [heading, ...shown, `\n${indented(shares)}`].join('\n');
}

type Written = TextEvaluation['texts'][number];

/** Two answers to one problem, line beside line. */
function sideBySide(left: Written, right: Written): string {
  const question = String(left.info['question'] ?? left.prompt);
  const lines = ({ completion, correct }: Written): string[] => [
    correct ? 'right:' : 'wrong:',
    ...completion.split('\n'),
  ];
  const [a, b] = [lines(left), lines(right)];
  const width = Math.max(24, ...a.map((line) => line.length)) + 2;
  const both = Array.from({ length: Math.max(a.length, b.length) }, (_, i) =>
    `${(a[i] ?? '').padEnd(width)}${b[i] ?? ''}`.trimEnd(),
  );
  return `\n${indented([question, ...both].join('\n'))}`;
}

function indented(text: string): string {
  return text.replace(/^(?=.)/gm, '   ');
}

/** How the share of right answers rose in training. */
export function curveText(accuracies: readonly number[]): string {
  if (accuracies.length < 2) return '';
  return `\n   Right answers in training, ${accuracies.length} updates from left to right:\n${indented(chart(accuracies))}`;
}

/** Where things are, and what to do with them. */
export function whereAndNext(result: ReasoningResult, recipe: ReasoningRecipe, question: string): string {
  const { runDirectory, model, rl, stoppedBy } = result;
  const ran = join(runDirectory, 'recipe.yaml');
  const files = [
    `Run directory: ${runDirectory}`,
    `Model:         ${model}`,
    ...(rl === null ? [] : [`Completions:   ${join(runDirectory, 'rl', 'completions.jsonl')}`]),
  ];
  const prompt = `'${question.replaceAll("'", String.raw`'\''`)}'`;
  const next =
    stoppedBy === 'signal'
      ? [`Go on with it:    ${result.goOn}`]
      : [
          ...(recipe.envOptions?.template === '{question}'
            ? [`Ask it:           ${ourCommand()} generate ${model} --prompt ${prompt} --temperature 0`]
            : []),
          `Measure it again: ${ourCommand()} evaluate ${model}`,
          ...(rl === null ? [] : [`What it wrote:    ${ourCommand()} completions ${runDirectory}`]),
          `The same again:   ${ourCommand()} train ${ran}`,
        ];
  return `\n${files.join('\n')}\n\n${next.join('\n')}`;
}
