// The answer to what a chart asks: numbers of several runs, in buckets of one width.

import type { SeriesHead } from './api.ts';
import { type Buckets, bucketWidth } from './buckets.ts';
import type { Curves } from './curves.ts';

export interface SeriesQuery {
  /** Names of x; of each run the first that it has. */
  readonly x: readonly string[];
  readonly y: string;
  /** About how many buckets. */
  readonly pixels: number;
  /** What of x is looked at. Default: everything. */
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  /** x of runs that are drawn in the same chart, but are not asked for now. */
  readonly low?: number | undefined;
  readonly high?: number | undefined;
}

const NOTHING = new Float64Array(0);
const NO_BUCKETS: Buckets = { x: NOTHING, mean: NOTHING, least: NOTHING, greatest: NOTHING };

/** Head and numbers, as {@link SeriesHead} describes. */
export function seriesOf(curves: ReadonlyMap<string, Curves>, query: SeriesQuery): Buffer {
  const { x, y, pixels, from, to, low = Number.POSITIVE_INFINITY, high = Number.NEGATIVE_INFINITY } = query;
  let [least, greatest] = [low, high];
  const axisOf = (curve: Curves): string => x.find((name) => curve.extremes(name) !== null) ?? '';
  for (const curve of curves.values()) {
    const extremes = curve.extremes(axisOf(curve));
    if (extremes === null) continue;
    least = Math.min(least, extremes[0]);
    greatest = Math.max(greatest, extremes[1]);
  }
  const range = from === undefined || to === undefined ? undefined : { from, to };
  const width = bucketWidth((range?.to ?? greatest) - (range?.from ?? least), pixels);
  const runs = [...curves].map(([run, curve]) => ({
    run,
    buckets: curve.buckets(axisOf(curve), y, width, range) ?? NO_BUCKETS,
  }));
  const head: SeriesHead = {
    domain: least <= greatest ? [least, greatest] : null,
    width,
    runs: runs.map(({ run, buckets }) => ({ run, length: buckets.x.length })),
  };
  const json = Buffer.from(JSON.stringify(head));
  // Spaces, so that the numbers begin where a Float64Array may: JSON does not mind them.
  const padded = Buffer.alloc(8 * Math.ceil((json.length + 1) / 8), ' ');
  json.copy(padded);
  padded[padded.length - 1] = 10;
  const numbers = runs.flatMap(({ buckets }) => [buckets.x, buckets.mean, buckets.least, buckets.greatest]);
  return Buffer.concat([padded, ...numbers.map(({ buffer }) => new Uint8Array(buffer))]);
}
