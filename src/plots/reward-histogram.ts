// Returns at the beginning of a run beside those at its end.

import { COLORS, compact, type Figure } from './figure.ts';

export interface RewardHistogramOptions {
  readonly title: string;
  /** What a return is of: episodes, texts. */
  readonly of: string;
  /** The share of the run that is its first part, and its last. Default 0.2. */
  readonly share?: number | undefined;
}

/** A bar. */
interface Bar {
  readonly from: number;
  readonly to: number;
  /** Of all in its part of the run, in percent. */
  readonly percent: number;
  readonly color: string;
}

/** Up to here, each value has a bar of its own. */
const FEW_VALUES = 12;
const BINS = 30;

/** A picture of the returns of runs, each in the order in which they came; null if no run has two. */
export function rewardHistogram(runs: readonly (readonly number[])[], options: RewardHistogramOptions): Figure | null {
  const { title, of, share = 0.2 } = options;
  const long = runs.filter((returns) => returns.length > 1);
  if (long.length === 0) return null;
  const sizeOf = (returns: readonly number[]): number => Math.max(1, Math.floor(Math.min(0.5, share) * returns.length));
  const parts = [
    { name: 'first', values: long.flatMap((returns) => returns.slice(0, sizeOf(returns))), color: COLORS[1] },
    { name: 'last', values: long.flatMap((returns) => returns.slice(-sizeOf(returns))), color: COLORS[0] },
  ];
  const size = parts[0]!.values.length;
  const total = long.reduce((sum, returns) => sum + returns.length, 0);
  const values = [...new Set(parts.flatMap((part) => part.values))].sort((a, b) => a - b);
  const few = values.length <= FEW_VALUES;
  const bars = few ? barsOfValues(values, parts) : barsOfBins(values[0]!, values.at(-1)!, parts);
  const means = parts.map((part) => ({ ...part, mean: mean(part.values) }));
  return {
    title,
    subtitle: `${compact(size)} ${of} each, of ${compact(total)}${long.length > 1 ? ` in ${long.length} runs` : ''}; dashed: their means`,
    legend: means.map(({ name, mean: center, color }) => ({
      label: `${name} ${Math.round((100 * size) / total)} %, mean ${compact(Number(center.toPrecision(3)))}`,
      color,
      symbol: 'square' as const,
    })),
    x: { label: `return of ${of === 'texts' ? 'a text' : 'an episode'}`, ...(few ? { ticks: values } : {}) },
    y: { label: `share of ${of}, %` },
    marks: (plot) => [
      plot.rectY(bars, { x1: 'from', x2: 'to', y1: 0, y2: 'percent', fill: 'color', fillOpacity: few ? 0.75 : 0.5 }),
      plot.ruleX(means, { x: 'mean', stroke: 'color', strokeWidth: 2, strokeDasharray: '5 3' }),
      plot.ruleY([0], { stroke: '#222222' }),
    ],
  };
}

interface Part {
  readonly values: readonly number[];
  readonly color: string;
}

/** A pair of bars around each value, a third as wide as the narrowest gap each. */
function barsOfValues(values: readonly number[], parts: readonly Part[]): Bar[] {
  const gaps = values.slice(1).map((value, i) => value - values[i]!);
  const width = (gaps.length === 0 ? 1 : Math.min(...gaps)) / 3;
  return parts.flatMap(({ values: own, color }, part) =>
    values.map((value) => ({
      from: value + (part - 1) * width,
      to: value + part * width,
      percent: (100 * own.filter((other) => other === value).length) / own.length,
      color,
    })),
  );
}

function barsOfBins(low: number, high: number, parts: readonly Part[]): Bar[] {
  const width = (high - low) / BINS;
  return parts.flatMap(({ values: own, color }) => {
    const counts = Array.from({ length: BINS }, () => 0);
    for (const value of own) counts[Math.min(BINS - 1, Math.floor((value - low) / width))]!++;
    return counts.flatMap((count, bin) =>
      count === 0
        ? []
        : [{ from: low + bin * width, to: low + (bin + 1) * width, percent: (100 * count) / own.length, color }],
    );
  });
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
