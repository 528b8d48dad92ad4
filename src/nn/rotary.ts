// Rotary position embeddings: each half of a head's vector holds one coordinate of size / 2 points, and point i at position p is
// turned by the angle p * frequency[i]. Su et al. 2021, arXiv 2104.09864. Frequencies and scalings are those of transformers'
// modeling_rope_utils.py.

import { concat, type Tensor, tensor } from '../tensor/index.ts';

/** How frequencies are stretched so that a model reads longer texts than it first learned. */
export type RopeScaling =
  /** Positions divided by `factor`. */
  | { readonly type: 'linear'; readonly factor: number }
  /** Low frequencies divided by `factor`, high ones kept, those between blended: Llama 3.1. */
  | {
      readonly type: 'llama3';
      readonly factor: number;
      readonly lowFreqFactor: number;
      readonly highFreqFactor: number;
      readonly originalMaxPositions: number;
    }
  /** As llama3, blended along the dimensions, with cosines and sines scaled too. Peng et al. 2023, arXiv 2309.00071. */
  | {
      readonly type: 'yarn';
      readonly factor: number;
      readonly originalMaxPositions: number;
      /** Default 32. */
      readonly betaFast?: number | undefined;
      /** Default 1. */
      readonly betaSlow?: number | undefined;
      /** Default 0.1 ln(factor) + 1. */
      readonly attentionFactor?: number | undefined;
      /** Whether the range that is blended begins and ends at whole dimensions. Default true. */
      readonly truncate?: boolean | undefined;
    };

/** Options of {@link Rotary}. */
export interface RotaryOptions {
  /** The base of the frequencies. Default 10000. */
  readonly theta?: number | undefined;
  readonly scaling?: RopeScaling | undefined;
}

/** Cosines and sines of rotary position embeddings, and their use. Holds no parameters. */
export class Rotary {
  /** `[size / 2]`, radians a position. */
  readonly frequencies: Float32Array;
  /** Cosines and sines are multiplied by it; 1 but for yarn. */
  readonly attentionFactor: number;
  readonly #tables = new Map<number, readonly [cos: Tensor, sin: Tensor]>();

  /** @param size elements of a head; even. */
  constructor(size: number, { theta = 10_000, scaling }: RotaryOptions = {}) {
    if (!Number.isInteger(size) || size < 2 || size % 2 !== 0) {
      throw new RangeError(`Rotary: a head of ${size} elements has no two equal halves`);
    }
    const plain = Float32Array.from({ length: size / 2 }, (_, i) => 1 / theta ** ((2 * i) / size));
    this.frequencies = scaled(plain, size, theta, scaling);
    this.attentionFactor = scaling?.type === 'yarn' ? yarnAttentionFactor(scaling) : 1;
  }

  /** Cosines and sines of positions 0 to `length` - 1, each `[length, size / 2]`. */
  tables(length: number): readonly [cos: Tensor, sin: Tensor] {
    let known = this.#tables.get(length);
    if (known === undefined) {
      const { frequencies, attentionFactor } = this;
      const shape = [length, frequencies.length];
      const table = (f: (angle: number) => number): Tensor => {
        const data = new Float32Array(length * frequencies.length);
        for (let i = 0; i < data.length; i++) {
          const position = Math.floor(i / frequencies.length);
          // The angle in float32, as transformers has it.
          data[i] = attentionFactor * f(Math.fround(position * frequencies[i % frequencies.length]!));
        }
        return tensor(data, { shape });
      };
      known = [table(Math.cos), table(Math.sin)];
      // A few lengths are in use at a time; the oldest goes.
      if (this.#tables.size >= 16) this.#tables.delete(this.#tables.keys().next().value!);
      this.#tables.set(length, known);
    }
    return known;
  }

  /**
   * Turns `x` `[.., time, size]`, at positions 0 to time - 1; or `[batch, heads, n, size]` at `positions`, int32 `[batch, n]`, which are
   * below `length`.
   */
  apply(x: Tensor, positions?: Tensor, length = x.shape.at(-2)!): Tensor {
    const [cos, sin] = this.tables(length).map((table) => {
      if (positions === undefined) return table;
      const [batch, count] = positions.shape as [number, number];
      return table.take(positions.reshape([positions.size])).reshape([batch, 1, count, -1]);
    }) as [Tensor, Tensor];
    const half = this.frequencies.length;
    const front = x.shape.slice(0, -1).map(() => null);
    const first = x.slice([...front, 0], [...front, half]);
    const second = x.slice([...front, half], [...front, 2 * half]);
    return concat([first.mul(cos).sub(second.mul(sin)), second.mul(cos).add(first.mul(sin))], x.rank - 1);
  }
}

function scaled(plain: Float32Array, size: number, theta: number, scaling: RopeScaling | undefined): Float32Array {
  if (scaling === undefined) return plain;
  const { factor } = scaling;
  switch (scaling.type) {
    case 'linear':
      return plain.map((f) => f / factor);
    case 'llama3': {
      const { lowFreqFactor, highFreqFactor, originalMaxPositions } = scaling;
      return plain.map((f) => {
        const turns = (originalMaxPositions * f) / (2 * Math.PI);
        const kept = clamp01((turns - lowFreqFactor) / (highFreqFactor - lowFreqFactor));
        return (1 - kept) * (f / factor) + kept * f;
      });
    }
    case 'yarn': {
      const { originalMaxPositions, betaFast = 32, betaSlow = 1, truncate = true } = scaling;
      /** The dimension whose point turns so many times over the original length. */
      const dimension = (turns: number): number =>
        (size * Math.log(originalMaxPositions / (turns * 2 * Math.PI))) / (2 * Math.log(theta));
      const [from, to] = [dimension(betaFast), dimension(betaSlow)];
      const low = Math.max(truncate ? Math.floor(from) : from, 0);
      const high = Math.min(truncate ? Math.ceil(to) : to, size - 1);
      const width = high === low ? 0.001 : high - low;
      return plain.map((f, i) => {
        const stretched = clamp01((i - low) / width);
        return stretched * (f / factor) + (1 - stretched) * f;
      });
    }
  }
}

function yarnAttentionFactor({ factor, attentionFactor }: Extract<RopeScaling, { type: 'yarn' }>): number {
  return attentionFactor ?? (factor <= 1 ? 1 : 0.1 * Math.log(factor) + 1);
}

const clamp01 = (x: number): number => Math.min(1, Math.max(0, x));
