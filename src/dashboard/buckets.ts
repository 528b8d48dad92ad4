// Down-sampling: of the points that fall into one pixel's width, the mean and the extremes. Widths are powers of 2 and begin at multiples
// of themselves, so that buckets stay what they are when points are added at the end, and are the same for all runs of a chart.

import type { Column } from './columns.ts';

/** Points in buckets, in ascending order of x; buckets without points are left out. */
export interface Buckets {
  /** The middle of the bucket, or the point itself where it has but one. */
  readonly x: Float64Array<ArrayBuffer>;
  readonly mean: Float64Array<ArrayBuffer>;
  readonly least: Float64Array<ArrayBuffer>;
  readonly greatest: Float64Array<ArrayBuffer>;
}

/** The least width at which `span` takes up at most `pixels` buckets, and one more for the rest. */
export function bucketWidth(span: number, pixels: number): number {
  return span > 0 ? 2 ** Math.ceil(Math.log2(span / Math.max(1, pixels))) : 1;
}

/** From where to where a chart shows its curves. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

const EVERYWHERE: Range = { from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY };

interface Bucket {
  readonly index: number;
  count: number;
  /** Of the latest point. */
  x: number;
  sum: number;
  least: number;
  greatest: number;
}

/** The buckets of one curve at one width. Each reading takes in the points that came since the last. */
export class Bucketing {
  readonly #x: Column;
  readonly #y: Column;
  readonly #width: number;
  readonly #from: number;
  readonly #to: number;
  readonly #byIndex = new Map<number, Bucket>();
  #taken = 0;

  /** @param range points outside of it are left out, but for a bucket on either side, to which a line is drawn */
  constructor(x: Column, y: Column, width: number, { from, to }: Range = EVERYWHERE) {
    this.#x = x;
    this.#y = y;
    this.#width = width;
    this.#from = from - width;
    this.#to = to + width;
  }

  read(): Buckets {
    this.#takeNew();
    const buckets = [...this.#byIndex.values()];
    // Points mostly come in ascending order, so that there is nothing to sort.
    if (buckets.some(({ index }, i) => i > 0 && index < buckets[i - 1]!.index))
      buckets.sort((a, b) => a.index - b.index);
    const list = (numberOf: (bucket: Bucket) => number) => Float64Array.from(buckets, numberOf);
    return {
      x: list(({ count, x, index }) => (count === 1 ? x : (index + 0.5) * this.#width)),
      mean: list(({ sum, count }) => sum / count),
      least: list(({ least }) => least),
      greatest: list(({ greatest }) => greatest),
    };
  }

  #takeNew(): void {
    const length = Math.min(this.#x.length, this.#y.length);
    let bucket: Bucket | undefined;
    for (let i = this.#taken; i < length; i++) {
      const x = this.#x.at(i);
      const y = this.#y.at(i);
      // Missing numbers are in no range either.
      if (!(x >= this.#from && x <= this.#to) || Number.isNaN(y)) continue;
      const index = Math.floor(x / this.#width);
      if (bucket?.index !== index) bucket = this.#bucket(index);
      bucket.count++;
      bucket.x = x;
      bucket.sum += y;
      if (y < bucket.least) bucket.least = y;
      if (y > bucket.greatest) bucket.greatest = y;
    }
    this.#taken = length;
  }

  #bucket(index: number): Bucket {
    let bucket = this.#byIndex.get(index);
    if (bucket === undefined) {
      bucket = { index, count: 0, x: 0, sum: 0, least: Number.POSITIVE_INFINITY, greatest: Number.NEGATIVE_INFINITY };
      this.#byIndex.set(index, bucket);
    }
    return bucket;
  }
}
