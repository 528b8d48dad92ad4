// Whether a reward model's preferences are as sure as they say: what it gave a probability of 70 % should be preferred in 70 of 100.

import { readFile } from 'node:fs/promises';
import { COLORS, compact, type Figure } from './figure.ts';

/** Texts that were compared: their rewards, and which of them people found best. */
export interface Judged {
  readonly rewards: readonly number[];
  readonly best: number;
}

/** Predictions of like probabilities. */
export interface CalibrationBin {
  /** How many texts. */
  readonly count: number;
  /** The mean of their predicted probabilities. */
  readonly predicted: number;
  /** The share of them that was found best. */
  readonly observed: number;
  /** Wilson's 95 % interval of that share. */
  readonly low: number;
  readonly high: number;
}

export interface Calibration {
  /** Without empty bins. */
  readonly bins: readonly CalibrationBin[];
  /** Mean of |observed - predicted| over texts, by bins. Guo et al. 2017, "On Calibration of Modern Neural Networks", equation 3. */
  readonly expectedError: number;
  readonly comparisons: number;
}

/**
 * How probabilities and frequencies agree. The probability of a text is the softmax of its comparison's rewards, which is what the loss
 * of reward models is made of; of pairs that is Bradley and Terry's `sigmoid(difference)`.
 *
 * @param bins equally wide ones, from 0 to 1
 */
export function calibration(judged: readonly Judged[], bins = 10): Calibration {
  const sums = Array.from({ length: bins }, () => ({ count: 0, predicted: 0, best: 0 }));
  for (const { rewards, best } of judged) {
    for (const [i, probability] of softmax(rewards).entries()) {
      const bin = sums[Math.min(bins - 1, Math.floor(probability * bins))]!;
      bin.count++;
      bin.predicted += probability;
      if (i === best) bin.best++;
    }
  }
  const filled = sums
    .filter(({ count }) => count > 0)
    .map(({ count, predicted, best }) => ({
      count,
      predicted: predicted / count,
      observed: best / count,
      ...wilson(best, count),
    }));
  const texts = filled.reduce((sum, { count }) => sum + count, 0);
  const off = filled.reduce((sum, { count, predicted, observed }) => sum + count * Math.abs(observed - predicted), 0);
  return { bins: filled, expectedError: texts === 0 ? 0 : off / texts, comparisons: judged.length };
}

/** A picture of it, for one or several reward models; null if there is nothing to see. */
export function calibrationFigure(
  title: string,
  models: readonly { readonly label: string; readonly judged: readonly Judged[] }[],
): Figure | null {
  const all = models
    .map(({ label, judged }, i) => ({ label, color: COLORS[i % COLORS.length]!, ...calibration(judged) }))
    .filter(({ comparisons }) => comparisons > 0);
  if (all.length === 0) return null;
  const [only] = all.length === 1 ? all : [];
  const error = (model: Calibration): string => `expected calibration error ${model.expectedError.toFixed(3)}`;
  return {
    title,
    subtitle:
      only === undefined
        ? 'bars are 95 % intervals, larger dots more texts'
        : `${compact(only.comparisons)} held-out comparisons, ${error(only)}; bars: 95 % intervals`,
    legend: [
      { label: 'perfect', color: '#5f5f5f', dash: '4 4' },
      ...(only === undefined ? all : []).map((model) => ({
        label: `${model.label}, ${error(model)}`,
        color: model.color,
        symbol: 'dot' as const,
      })),
    ],
    x: { label: 'predicted probability of being found best', domain: [0, 1] },
    y: { label: 'share that was found best', domain: [0, 1] },
    marks: (plot) => [
      plot.line(
        [
          [0, 0],
          [1, 1],
        ],
        { stroke: '#5f5f5f', strokeDasharray: '4 4' },
      ),
      ...all.flatMap(({ bins, color }) => {
        const most = Math.max(...bins.map(({ count }) => count));
        const sized = bins.map((bin) => ({ ...bin, radius: 3 + 5 * Math.sqrt(bin.count / most) }));
        return [
          plot.ruleX(sized, { x: 'predicted', y1: 'low', y2: 'high', stroke: color, strokeWidth: 1.5 }),
          plot.line(sized, { x: 'predicted', y: 'observed', stroke: color, strokeOpacity: 0.5 }),
          // Radii are pixels, not a scale's values.
          plot.dot(sized, {
            x: 'predicted',
            y: 'observed',
            r: { value: (bin: { radius: number }) => bin.radius, scale: null },
            fill: color,
            stroke: '#ffffff',
          }),
        ];
      }),
    ],
  };
}

/** What trainReward has written of the held-out comparisons; nothing if it wrote nothing that can be read. */
export async function readJudged(file: string): Promise<readonly Judged[]> {
  const text = await readFile(file, 'utf8').catch(() => '');
  try {
    const { comparisons } = JSON.parse(text) as { readonly comparisons?: unknown };
    return Array.isArray(comparisons) ? comparisons.filter(isJudged) : [];
  } catch {
    return [];
  }
}

function isJudged(value: unknown): value is Judged {
  const { rewards, best } = (value ?? {}) as Partial<Judged>;
  return Array.isArray(rewards) && rewards.every(Number.isFinite) && Number.isSafeInteger(best) && best! in rewards;
}

function softmax(rewards: readonly number[]): number[] {
  const largest = Math.max(...rewards);
  const powers = rewards.map((reward) => Math.exp(reward - largest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

/** Wilson 1927's score interval for `hits` of `count`. */
function wilson(hits: number, count: number): { readonly low: number; readonly high: number } {
  const z = 1.959963984540054;
  const share = hits / count;
  const scale = 1 + z ** 2 / count;
  const center = (share + z ** 2 / (2 * count)) / scale;
  const half = (z / scale) * Math.sqrt((share * (1 - share)) / count + z ** 2 / (4 * count ** 2));
  return { low: Math.max(0, center - half), high: Math.min(1, center + half) };
}
