// What is done to curves before they are drawn.

import type { Series } from './ask.ts';

/** A curve as it is drawn: a line, and a band around it. */
export interface Curve {
  readonly x: ArrayLike<number>;
  readonly line: ArrayLike<number>;
  readonly low: ArrayLike<number>;
  readonly high: ArrayLike<number>;
}

/** How many steps of smoothing the width of a chart has: what a factor does is the same however many points there are. */
const STEPS = 1000;

/**
 * An exponential moving average in which a point weighs `factor` to the power of its distance. It begins at the first point, unbiased.
 *
 * @param span the width of the chart, in x
 */
function smoothed(x: ArrayLike<number>, y: ArrayLike<number>, factor: number, span: number): ArrayLike<number> {
  if (factor === 0 || !(span > 0)) return y;
  const result = new Float64Array(y.length);
  let [sum, weight] = [0, 0];
  for (let i = 0; i < y.length; i++) {
    const keep = i === 0 ? 0 : factor ** (((x[i]! - x[i - 1]!) * STEPS) / span);
    sum = sum * keep + y[i]! * (1 - factor);
    weight = weight * keep + (1 - factor);
    result[i] = sum / weight;
  }
  return result;
}

/** One run's curve, and as its band what its points reach within a pixel. */
export function curveOf({ x, mean, least, greatest }: Series, factor: number, span: number): Curve {
  return { x, line: smoothed(x, mean, factor, span), low: least, high: greatest };
}

/**
 * The mean of several runs at every x that any of them has, and as its band a standard deviation to either side. It ends where the first
 * run ends that got at least half as far as the furthest: what the others do alone would be a jump, not a mean.
 */
export function meanCurve(runs: readonly Series[], factor: number, span: number): Curve {
  const ends = runs.flatMap((run) => run.x.at(-1) ?? []);
  const end = Math.min(...ends.filter((last) => last >= Math.max(...ends) / 2));
  const x = Float64Array.from(new Set(runs.flatMap((run) => Array.from(run.x).filter((value) => value <= end)))).sort();
  const lines = runs.map((run) => interpolated(x, run.x, smoothed(run.x, run.mean, factor, span)));
  const [line, low, high] = [new Float64Array(x.length), new Float64Array(x.length), new Float64Array(x.length)];
  for (let i = 0; i < x.length; i++) {
    const values = lines.map((values) => values[i]!).filter((value) => !Number.isNaN(value));
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    const deviation = values.length < 2 ? 0 : Math.sqrt(squares / (values.length - 1));
    line[i] = mean;
    low[i] = mean - deviation;
    high[i] = mean + deviation;
  }
  return { x, line, low, high };
}

/** The values of a curve at other x, linearly between its points; NaN outside of it. */
function interpolated(at: Float64Array, x: Float64Array, y: ArrayLike<number>): Float64Array {
  const result = new Float64Array(at.length).fill(Number.NaN);
  let right = 0;
  for (let i = 0; i < at.length && x.length > 0; i++) {
    while (right < x.length - 1 && x[right]! < at[i]!) right++;
    if (at[i]! < x[0]! || at[i]! > x.at(-1)!) continue;
    const left = Math.max(0, right - (x[right] === at[i] ? 0 : 1));
    const share = x[right] === x[left] ? 0 : (at[i]! - x[left]!) / (x[right]! - x[left]!);
    result[i] = y[left]! + share * (y[right]! - y[left]!);
  }
  return result;
}
