// What is printed of a run of kind `rlhf`, and what a program reads of it.

import { join } from 'node:path';
import { descriptiveness } from '../env/text/index.ts';
import type { CausalLM } from '../lm/index.ts';
import type { RewardResult, TrainProgress } from '../trainer/index.ts';
import { clock, duration, grouped, percent } from './format.ts';
import { ourCommand } from './our-command.ts';
import type { Labels, WrittenText } from './rlhf-labels.ts';
import type { Measured } from './rlhf-measure.ts';
import type { RlhfRecipe } from './rlhf-schema.ts';
import { table } from './table.ts';

/** A model, or a way to choose among a model's texts, and what its texts came to. */
export interface Contestant extends Measured {
  readonly name: string;
}

/** What an update's texts came to, on average. */
export interface UpdatePoint {
  /** The divergence of a text, in nats, and its weight. */
  readonly kl: number;
  readonly klCoef: number;
  /** What the reward model said. */
  readonly reward: number;
  /** What the rule says, which nobody learns from. */
  readonly rule: number;
}

/** What a run came to. */
export interface RlhfResult {
  readonly seed: number;
  readonly seconds: number;
  readonly runDirectory: string;
  readonly labels: number;
  /** How many of them call another text best than the rule does. */
  readonly slips: number;
  /** The share of labels kept back that the reward model gives the highest score to; null if none were. */
  readonly heldOutAccuracy: number | null;
  readonly klTarget: number | null;
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
    contestants: contestants.map(({ texts: _texts, ...numbers }) => numbers),
    checkpoint: join(result.runDirectory, 'models/ppo'),
    points,
  };
}

export function introduction({ seed }: RlhfRecipe, model: CausalLM, sentences: number): string {
  const parameters = model.parameters().reduce((sum, { size }) => sum + size, 0);
  return (
    `A new ${model.config.modelType} model of ${grouped(parameters)} parameters, seed ${seed}, and ${grouped(sentences)} sentences of a small world.\n` +
    'The rule: a point for each different adjective or adverb, 0.5 for saying where, 0.25 for saying when, -1 for each repeated.'
  );
}

export function labelsText({ rows, slips }: Labels, first: readonly WrittenText[], path: string): string {
  const shown = first.map(
    ({ text }, i) => `   ${rows[0]!.best === i ? '*' : ' '} ${figure(descriptiveness(text))}  ${text}`,
  );
  return `${shown.join('\n')}\n   ${grouped(rows.length)} such labels, ${grouped(slips)} of them wrong on purpose: ${path}`;
}

export function rewardText({ bestEvaluation }: RewardResult, { candidates = 4 }: RlhfRecipe['preferences']): string {
  if (bestEvaluation === null) return '   No labels were kept back to test it on.';
  const { accuracy, loss } = bestEvaluation;
  return `   On labels kept back: right in ${percent(accuracy!)} (chance is ${percent(1 / candidates)}), loss ${loss.toFixed(3)}.`;
}

export function rlProgressText(progress: TrainProgress, { kl, reward, rule }: UpdatePoint): string {
  const left = progress.fraction > 0 ? (progress.seconds * (1 - progress.fraction)) / progress.fraction : 0;
  const parts = [
    `update ${progress.updates}`,
    `reward ${figure(reward)}`,
    `rule ${figure(rule)}`,
    `divergence ${figure(kl)}`,
    `${grouped(progress.stepsPerSecond)} tokens/s`,
    `${clock(left)} left`,
  ];
  return parts.join('  ');
}

export function rlText(points: readonly UpdatePoint[], target: number | null): string {
  const aim = target === null ? '' : ` (the target is ${figure(target)})`;
  const { klCoef } = points.at(-1)!;
  return (
    `   ${grouped(points.length)} updates. Divergence over the last ${Math.min(LATEST, points.length)}: ` +
    `${figure(settled(points))} nats a text${aim}, at a weight of ${klCoef.toFixed(3)}.`
  );
}

/** The models beside each other. */
export function comparison({ contestants }: RlhfResult): string {
  const heading = ['', 'rule', 'deviation', 'reward model', 'divergence', 'sentences'];
  const rows = contestants.map(({ name, rule, ruleDeviation, reward, kl, sentences }) => [
    name,
    figure(rule),
    figure(ruleDeviation),
    figure(reward),
    name.startsWith('best') ? `<= ${figure(kl)}` : figure(kl),
    percent(sentences),
  ]);
  const { name } = contestants.at(-1)!;
  return `${table(heading, rows, heading.slice(1))}\nBy ${name}, the rule's score rose by ${figure(gain(contestants))} standard deviations.`;
}

/** What the fine-tuned model wrote, and what reinforcement learning made of it. */
export function samplesText(contestants: readonly Contestant[], count: number): string {
  const [before, after] = [contestants[0]!, contestants.at(-1)!];
  const lines = before.texts
    .slice(0, count)
    .map(
      (text, i) =>
        `   before ${figure(descriptiveness(text))}  ${text}\n   after  ${figure(descriptiveness(after.texts[i]!))}  ${after.texts[i]}`,
    );
  return count === 0 ? '' : `\n${lines.join('\n\n')}`;
}

export function whereAndNext({ runDirectory, seconds }: RlhfResult): string {
  const folder = join(runDirectory, 'models');
  return [
    `\nIn ${duration(seconds)}, all of it. Run directory: ${runDirectory}`,
    `Models:          ${folder}: sft, reward, ppo, dpo`,
    `The curve:       ${join(runDirectory, 'curve.svg')}`,
    `Let it write:    ${ourCommand()} generate ${join(folder, 'ppo')} --prompt 'Our'`,
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
  return (after.rule - before.rule) / before.ruleDeviation;
}

function figure(value: number): string {
  return value.toFixed(2);
}
