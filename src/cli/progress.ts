// What trainers tell of where they stand, as lines of progress show it, and as programs read it.

import type { ExampleProgress, TrainProgress } from '../trainer/index.ts';
import { counted, figure, grouped, percent } from './format.ts';
import type { Progress } from './progress-line.ts';

/** An agent's run. @param entropy of its policy, in nats: how undecided it still is */
export function agentProgress(
  progress: TrainProgress,
  total: { readonly unit: 'steps' | 'episodes'; readonly count: number },
  entropy?: number,
): Progress {
  const { meanReturn, meanLength, stepsPerSecond } = progress;
  return {
    ...common(progress),
    done: `${grouped(progress[total.unit])}/${counted(total.count, total.unit.slice(0, -1))}`,
    rate: { count: stepsPerSecond, unit: 'steps' },
    numbers: [
      ...number('return', meanReturn, figure),
      ...number('length', meanLength, figure),
      ...number('entropy', entropy, figure),
    ],
    trend: meanReturn,
    facts: { ...progress, entropy },
  };
}

/** A run in which a language model writes. @param numbers the first is drawn */
export function textProgress(
  progress: TrainProgress,
  numbers: readonly (readonly [name: string, value: number | null | undefined, show: (value: number) => string])[],
): Progress {
  const { episodes, fraction, stepsPerSecond } = progress;
  return {
    ...common(progress),
    done: `${counted(episodes, 'text')} (${percent(fraction)})`,
    rate: { count: stepsPerSecond, unit: 'tokens' },
    numbers: numbers.flatMap(([name, value, show]) => number(name, value, show)),
    trend: numbers[0]?.[1] ?? null,
    facts: { ...progress, ...Object.fromEntries(numbers) },
  };
}

/** A run on a dataset. @param accuracy the share of right answers, if somebody looked */
export function exampleProgress(progress: ExampleProgress, accuracy: number | null = null): Progress {
  const { steps, totalSteps, loss, evalLoss, tokens, tokensPerSecond, seconds } = progress;
  const fourDigits = (value: number): string => value.toFixed(4);
  return {
    done: `${grouped(steps)}/${counted(totalSteps, 'step')}`,
    seconds,
    // By the rate of this run, for steps may be those of an earlier one too.
    left: tokensPerSecond > 0 ? ((totalSteps - steps) * tokens) / steps / tokensPerSecond : null,
    rate: { count: tokensPerSecond, unit: 'tokens' },
    numbers: [
      ...number('loss', loss, fourDigits),
      ...number('evaluated', evalLoss, fourDigits),
      ...number('right', accuracy, percent),
    ],
    trend: loss,
    facts: { ...progress, ...(accuracy === null ? {} : { accuracy }) },
  };
}

/** Work that is counted. */
export function countedProgress(done: number, total: number, unit: string, seconds: number): Progress {
  return {
    done: `${grouped(done)}/${grouped(total)} ${unit}`,
    seconds,
    left: done === 0 ? null : (seconds * (total - done)) / done,
    rate: { count: done / seconds, unit },
    numbers: [],
    trend: null,
    facts: { done, total, unit, seconds },
  };
}

function common({ fraction, steps, seconds, stepsPerSecond }: TrainProgress): Pick<Progress, 'seconds' | 'left'> {
  // By the rate of this run, for steps may be those of an earlier one too.
  const left = fraction > 0 && stepsPerSecond > 0 ? (steps * (1 - fraction)) / fraction / stepsPerSecond : null;
  return { seconds, left };
}

function number(
  name: string,
  value: number | null | undefined,
  show: (value: number) => string,
): (readonly [string, string])[] {
  return value === null || value === undefined ? [] : [[name, show(value)]];
}
