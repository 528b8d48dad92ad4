import { defaultRng, type Generator } from '../random/index.ts';
import type { Tensor } from '../tensor/index.ts';
import { Module } from './module.ts';

/** Options of {@link Dropout}. */
export interface DropoutOptions {
  /** What decides which elements are dropped, at each run. Default: a fresh one, seeded by the operating system. */
  readonly generator?: Generator | undefined;
}

/**
 * In training, zeroes elements with probability `p` and scales the others by `1 / (1 - p)`; in evaluation passes everything.
 * Srivastava et al. 2014. A compiled function keeps the mode it was traced in: compile one for each.
 */
export class Dropout extends Module {
  readonly p: number;
  readonly generator: Generator;

  /** @throws RangeError unless `p` is in [0, 1). */
  constructor(p: number, { generator = defaultRng() }: DropoutOptions = {}) {
    super();
    if (!(p >= 0 && p < 1)) throw new RangeError(`Dropout: probability ${p} is not in [0, 1)`);
    this.p = p;
    this.generator = generator;
  }

  forward(x: Tensor): Tensor {
    return this.training ? x.dropout(this.p, this.generator) : x;
  }
}
