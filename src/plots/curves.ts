// Numbers behind learning curves: smoothing, and what several seeds have in common.

/** Points of a run, `xs` ascending, all finite. */
export interface Curve {
  readonly xs: readonly number[];
  readonly ys: readonly number[];
}

/** What the band around a mean shows: one standard deviation of the seeds, the standard error of their mean, or lowest to highest. */
export type BandKind = 'std' | 'stderr' | 'range';

/** Several curves at one x. */
export interface BandPoint {
  readonly x: number;
  readonly mean: number;
  readonly low: number;
  readonly high: number;
  /** How many curves reach here. */
  readonly count: number;
}

/**
 * An exponential moving average, as TensorBoard smooths: `s = weight s + (1 - weight) y`, divided by `1 - weight^n` so that it does not
 * begin at 0.
 *
 * @param weight from 0 (nothing) to below 1
 */
export function smooth({ xs, ys }: Curve, weight: number): Curve {
  if (weight === 0) return { xs, ys };
  let sum = 0;
  let rest = 1;
  const smoothed = ys.map((y) => {
    sum = weight * sum + (1 - weight) * y;
    rest *= weight;
    return sum / (1 - rest);
  });
  return { xs, ys: smoothed };
}

/** At most `count` points, each the mean of its share of them. */
export function thin({ xs, ys }: Curve, count: number): Curve {
  if (xs.length <= count) return { xs, ys };
  const bounds = Array.from({ length: count + 1 }, (_, i) => Math.round((i * xs.length) / count));
  const means = (values: readonly number[]): number[] =>
    bounds.slice(1).map((end, i) => mean(values.slice(bounds[i]!, end)));
  return { xs: means(xs), ys: means(ys) };
}

/**
 * Mean and band of curves, on `points` even places, between which each is a straight line. Curves seldom end at the same x: the mean is
 * of those that reach there, and ends where fewer than half do.
 */
export function band(curves: readonly Curve[], kind: BandKind, points = 240): BandPoint[] {
  const there = curves.filter(({ xs }) => xs.length > 0);
  if (there.length === 0) return [];
  if (there.length === 1) {
    const { xs, ys } = thin(there[0]!, points);
    return xs.map((x, i) => ({ x, mean: ys[i]!, low: ys[i]!, high: ys[i]!, count: 1 }));
  }
  const needed = Math.ceil(there.length / 2);
  const begin = there.map(({ xs }) => xs[0]!).sort((a, b) => a - b)[needed - 1]!;
  const end = there.map(({ xs }) => xs.at(-1)!).sort((a, b) => b - a)[needed - 1]!;
  const steps = end > begin ? points - 1 : 0;
  return Array.from({ length: steps + 1 }, (_, i) => {
    const x = steps === 0 ? begin : begin + (i / steps) * (end - begin);
    const values = there.map((curve) => at(curve, x)).filter((value) => value !== undefined);
    return { x, ...spread(values, kind), count: values.length };
  }).filter(({ count }) => count >= needed);
}

/** A curve's value at `x`, on the straight line between its neighbours; undefined where it is not. */
function at({ xs, ys }: Curve, x: number): number | undefined {
  if (x < xs[0]! || x > xs.at(-1)!) return undefined;
  let [low, high] = [0, xs.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (xs[middle]! <= x) low = middle;
    else high = middle;
  }
  if (xs[high]! === xs[low]!) return ys[high]!;
  const share = (x - xs[low]!) / (xs[high]! - xs[low]!);
  return ys[low]! + share * (ys[high]! - ys[low]!);
}

function spread(values: readonly number[], kind: BandKind): Pick<BandPoint, 'mean' | 'low' | 'high'> {
  const center = mean(values);
  if (kind === 'range') return { mean: center, low: Math.min(...values), high: Math.max(...values) };
  const squares = values.reduce((sum, value) => sum + (value - center) ** 2, 0);
  const deviation = values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : 0;
  const half = kind === 'std' ? deviation : deviation / Math.sqrt(values.length);
  return { mean: center, low: center - half, high: center + half };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
