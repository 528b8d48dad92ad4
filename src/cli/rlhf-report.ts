// What is printed of a run of kind `rlhf`, and what a program reads of it.

import { join } from 'node:path';
import { counted, duration, grouped, percent } from './format.ts';
import { ourCommand } from './our-command.ts';
import type { Labels } from './rlhf-labels.ts';
import type { Measured, Spread } from './rlhf-measure.ts';
import type { UpdatePoint } from './rlhf-points.ts';
import type { RlhfSetup } from './rlhf-setup.ts';
import { table } from './table.ts';

/** A model, or a way to choose among a model's texts, and what its texts came to. */
export interface Contestant extends Measured {
  readonly name: string;
}

/** What a run came to. */
export interface RlhfResult {
  readonly seed: number;
  readonly seconds: number;
  readonly runDirectory: string;
  /** Those that the rule has made; null if they were there. */
  readonly labels: number | null;
  /** How many of them call another text best than the rule does. */
  readonly slips: number | null;
  /** The share of labels kept back that the reward model gives the highest score to; null if none were. */
  readonly heldOutAccuracy: number | null;
  readonly klTarget: number | null;
  /** Of all texts of the run. */
  readonly temperature: number;
  readonly points: readonly UpdatePoint[];
  /** The fine-tuned model first, and last what reinforcement learning made of it. */
  readonly contestants: readonly Contestant[];
}

/** Updates over which the divergence at the end is averaged. */
const LATEST = 10;

/** As it stands in summary.json. */
export function resultJson(result: RlhfResult): object {
  const { points, contestants, ...rest } = result;
  return {
    ...rest,
    stoppedBy: 'end',
    klAtEnd: settled(points),
    gain: gain(contestants),
    contestants: contestants.map(({ texts: _texts, scores: _scores, ...numbers }) => numbers),
    checkpoint: join(result.runDirectory, 'models/ppo'),
    points,
  };
}

const RULE =
  'The rule: a point for each different adjective or adverb, 0.5 for saying where, 0.25 for saying when, -1 for each repeated.';

export function introduction({ recipe, model, examples, queries, rule }: RlhfSetup): string {
  const { seed, dataset = {} } = recipe;
  const parameters = model.parameters().reduce((sum, { size }) => sum + size, 0);
  const name = typeof recipe.model === 'string' ? recipe.model : `A new ${model.config.modelType} model`;
  const learned =
    typeof examples === 'string'
      ? `, and ${examples} to learn from`
      : `, and ${counted(examples?.length ?? 0, 'sentence')} of a small world`;
  const asked = `${counted(queries.train.length, 'query', 'queries')}; ${counted(queries.heldOut.length, 'other')}, never trained with, to measure by.`;
  return [
    `${name} of ${grouped(parameters)} parameters, seed ${seed}${examples === null ? '' : learned}.`,
    ...(dataset.generator === undefined ? [asked] : []),
    ...(rule === null ? [] : [RULE]),
  ].join('\n');
}

/** The first labels, so that one sees what they are. */
export function labelsText({ rows, slips }: Labels, first: readonly string[], { rule, run }: RlhfSetup): string {
  const shown = first.map((text, i) => `   ${rows[0]!.best === i ? '*' : ' '} ${figure(rule!.score(text))}  ${text}`);
  return `${shown.join('\n')}\n   ${grouped(rows.length)} such labels, ${grouped(slips)} of them wrong on purpose: ${run.file('labels.json')}`;
}

export function rewardText(
  best: { readonly accuracy: number; readonly loss: number } | null,
  candidates: number | undefined,
): string {
  if (best === null) return '   No labels were kept back to test it on.';
  const { accuracy, loss } = best;
  const chance = candidates === undefined ? '' : ` (chance is ${percent(1 / candidates)})`;
  return `   On labels kept back: right in ${percent(accuracy)}${chance}, loss ${loss.toFixed(3)}.`;
}

export function rlText(points: readonly UpdatePoint[], target: number | null): string {
  const aim = target === null ? '' : ` (the target is ${figure(target)})`;
  const { klCoef } = points.at(-1)!;
  return (
    `   ${counted(points.length, 'update')}. Divergence over the last ${Math.min(LATEST, points.length)}: ` +
    `${figure(settled(points))} nats a text${aim}, at a weight of ${klCoef.toFixed(3)}.`
  );
}

/** The models beside each other. */
export function comparison({ contestants }: RlhfResult): string {
  const [{ rule, sentences }] = contestants as readonly [Contestant];
  const columns: readonly (readonly [string, (contestant: Contestant) => string] | false)[] = [
    ['', ({ name }) => name],
    rule !== null && ['rule', (each) => figure(each.rule!.mean)],
    rule !== null && ['deviation', (each) => figure(each.rule!.deviation)],
    ['reward model', ({ reward }) => figure(reward.mean)],
    rule === null && ['deviation', ({ reward }) => figure(reward.deviation)],
    ['divergence', ({ name, kl }) => (name.startsWith('best') ? `<= ${figure(kl)}` : figure(kl))],
    sentences !== null && ['sentences', (each) => percent(each.sentences!)],
  ];
  const shown = columns.filter((column) => column !== false);
  const heading = shown.map(([name]) => name);
  const rows = contestants.map((contestant) => shown.map(([, cell]) => cell(contestant)));
  const whose = rule === null ? "the reward model's" : "the rule's";
  const gained = gain(contestants);
  return (
    `${table(heading, rows, heading.slice(1))}\n` +
    `By ${contestants.at(-1)!.name}, ${whose} score ${gained < 0 ? 'fell' : 'rose'} by ${figure(Math.abs(gained))} standard deviations.`
  );
}

/** What a contestant's texts are worth: to the rule, or where there is none to the reward model. */
export function scoreOf({ rule, reward }: Pick<Contestant, 'rule' | 'reward'>): Spread {
  return rule ?? reward;
}

/** What the model wrote at first, and what reinforcement learning made of it. */
export function samplesText(contestants: readonly Contestant[], count: number): string {
  const [before, after] = [contestants[0]!, contestants.at(-1)!];
  const line = (name: string, { texts, scores }: Contestant, i: number): string =>
    `   ${name} ${figure(scores[i]!)}  ${texts[i]}`;
  const lines = before.texts.slice(0, count).map((_, i) => `${line('before', before, i)}\n${line('after ', after, i)}`);
  return count === 0 ? '' : `\n${lines.join('\n\n')}`;
}

export function whereAndNext({ runDirectory, seconds, contestants, temperature }: RlhfResult, prompt: string): string {
  const folder = join(runDirectory, 'models');
  const names = ['sft', 'reward', 'ppo', ...(contestants.some(({ name }) => name === 'DPO') ? ['dpo'] : [])];
  const tempered = temperature === 1 ? '' : ` --temperature ${temperature}`;
  return [
    `\nIn ${duration(seconds)}, all of it. Run directory: ${runDirectory}`,
    `Models:          ${folder}: ${names.join(', ')}`,
    `The curve:       ${join(runDirectory, 'media', 'curve.svg')}`,
    `Let it write:    ${ourCommand()} generate ${join(folder, 'ppo')} --prompt '${prompt.replaceAll("'", String.raw`'\''`)}'${tempered}`,
  ].join('\n');
}

/** The divergence that training settled at. */
function settled(points: readonly UpdatePoint[]): number {
  const latest = points.slice(-LATEST);
  return latest.reduce((sum, { kl }) => sum + kl, 0) / latest.length;
}

/** From the first to the last, in standard deviations of the first. */
function gain(contestants: readonly Contestant[]): number {
  const [before, after] = [contestants[0]!, contestants.at(-1)!];
  return (scoreOf(after).mean - scoreOf(before).mean) / scoreOf(before).deviation;
}

function figure(value: number): string {
  return value.toFixed(2);
}
