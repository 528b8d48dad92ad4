// Attention as language models use it: a token sees itself and what came before. Vaswani et al. 2017, arXiv 1706.03762;
// several query heads may share one head of keys and values (Ainslie et al. 2023, arXiv 2305.13245).
//
// A model is written once against `Attention`: trained or scored it meets `CausalAttention`, whole sequences at once; decoding it
// meets `CachedAttention`, a few new tokens whose predecessors' keys and values are kept.

import { arange, makeNode, type Tensor } from '../tensor/index.ts';
import type { Rotary } from './rotary.ts';

/** How a layer's projections are cut into heads. */
export interface Heads {
  /** Heads of queries. */
  readonly heads: number;
  /** Heads of keys and values, each shared by `heads / keyValueHeads` consecutive heads of queries. */
  readonly keyValueHeads: number;
  /** Elements of a head. */
  readonly size: number;
  /** Scores are multiplied by it. Default 1 / sqrt(size). */
  readonly scale?: number | undefined;
  /** Turns queries and keys by their position. Default: they stay as they are. */
  readonly rotary?: Rotary | undefined;
}

/** How tokens attend to each other. One object serves one pass through a model, its layers in order. */
export interface Attention {
  /** Where tokens stand in their sequence: int32 `[time]` or `[batch, time]`. */
  readonly positions: Tensor;
  /** The rows that ask, where not all do: int32 `[batch * n]`, as many of each sequence. A layer gives the vectors of these alone. */
  readonly rows?: Tensor | undefined;
  /** What the last layer meets instead, where few tokens are read in the end: of the others it needs keys and values only. */
  readonly last?: Attention | undefined;
  /**
   * Rows are the tokens of a batch, one sequence after another: queries `[batch * time, heads * size]`, or of {@link rows} alone; keys
   * and values `[batch * time, keyValueHeads * size]`. Gives the queries' shape.
   */
  attend(query: Tensor, key: Tensor, value: Tensor, heads: Heads): Tensor;
  /** As `attend`, of all tokens' queries, keys and values side by side: `[batch * time, (heads + 2 keyValueHeads) * size]`. */
  attendPacked(projections: Tensor, heads: Heads): Tensor;
}

/** Options of {@link CausalAttention}. */
export interface CausalOptions {
  /**
   * Several texts in a sequence: the number of the text that each token belongs to, `[batch, time]`. A token sees those before it that
   * are of its own text or of text 0, with which all others begin.
   */
  readonly texts?: Tensor | undefined;
  /** Where tokens stand in their texts, int32 `[batch, time]`. Default: as in their sequence. */
  readonly positions?: Tensor | undefined;
  /** The places of the tokens that are read in the end, int32 `[batch, n]`. Default: all. */
  readonly read?: Tensor | undefined;
}

/** What a pass through softmax attention needs to know besides queries, keys and values. */
interface Masked {
  readonly batch: number;
  readonly time: number;
  /** Added to the scores. */
  readonly mask: Tensor;
  /** Positions of the queries, int32 `[batch, n]`, and of the keys; default 0, 1, ... */
  readonly asking?: Tensor | undefined;
  readonly asked?: Tensor | undefined;
}

/** Whole sequences: every token sees itself and those before it. Differentiable. */
export class CausalAttention implements Attention {
  readonly positions: Tensor;
  readonly last: Attention | undefined;
  readonly #masked: Masked;

  /** @param time how long each of the `batch` sequences is. */
  constructor(batch: number, time: number, { texts, positions, read }: CausalOptions = {}) {
    const place = arange(time);
    this.positions = positions ?? place;
    // Added to the scores: a kernel for Where would take four times as long.
    const later = place
      .reshape([1, time])
      .greater(place.reshape([time, 1]))
      .where(-1e9, 0);
    const mask = texts === undefined ? later : later.minimum(otherTexts(texts));
    this.#masked = { batch, time, mask, asking: positions, asked: positions };
    if (read !== undefined) this.last = new LastTokens(this.#masked, read);
  }

  attend(query: Tensor, key: Tensor, value: Tensor, heads: Heads): Tensor {
    return softmaxAttention(query, key, value, heads, this.#masked);
  }

  attendPacked(projections: Tensor, heads: Heads): Tensor {
    return this.attend(...unpack(projections, heads), heads);
  }
}

/** The last layer of {@link CausalAttention} over tokens of which few are read in the end. */
class LastTokens implements Attention {
  readonly positions: Tensor;
  readonly rows: Tensor;
  readonly #masked: Masked;

  constructor(all: Masked, read: Tensor) {
    const { batch, time, asked } = all;
    const places = read.reshape([read.size]);
    this.rows = read.add(arange(batch).mul(time).reshape([batch, 1])).reshape([read.size]);
    this.positions =
      asked
        ?.reshape([batch * time])
        .take(this.rows)
        .reshape(read.shape) ?? read;
    const masks = all.mask.reshape([-1, time]);
    const mask = masks.take(masks.shape[0] === time ? places : this.rows).reshape([batch, 1, -1, time]);
    this.#masked = { ...all, mask, asking: this.positions };
  }

  attend(query: Tensor, key: Tensor, value: Tensor, heads: Heads): Tensor {
    return softmaxAttention(query, key, value, heads, this.#masked);
  }

  attendPacked(projections: Tensor, heads: Heads): Tensor {
    const [query, key, value] = unpack(projections, heads);
    return this.attend(query.take(this.rows), key, value, heads);
  }
}

function softmaxAttention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  { heads, keyValueHeads, size, rotary, scale = 1 / Math.sqrt(size) }: Heads,
  { batch, time, mask, asking, asked }: Masked,
): Tensor {
  const count = query.shape[0]! / batch;
  const split = (x: Tensor, parts: number): Tensor => x.reshape([batch, -1, parts, size]).permute([0, 2, 1, 3]);
  const q = split(query, heads);
  const k = split(key, keyValueHeads);
  // The heads that share keys stand side by side as more rows of one product, so that nothing is repeated.
  const rows = [batch, keyValueHeads, (heads / keyValueHeads) * count, size];
  const scores = (rotary?.apply(q, asking, time) ?? q)
    .reshape(rows)
    .matmul(rotary?.apply(k, asked, time) ?? k, { transposeB: true, alpha: scale });
  const weights = scores.reshape([batch, heads, count, time]).add(mask).softmax();
  return weights
    .reshape([batch, keyValueHeads, rows[2]!, time])
    .matmul(split(value, keyValueHeads))
    .reshape([batch, heads, count, size])
    .permute([0, 2, 1, 3])
    .reshape([batch * count, heads * size]);
}

/** What keeps tokens from texts that are neither their own nor text 0: `[batch, 1, time, time]`. */
function otherTexts(texts: Tensor): Tensor {
  const [batch, time] = texts.shape as [number, number];
  const seen = texts.reshape([batch, 1, 1, time]);
  const own = texts.reshape([batch, 1, time, 1]).equal(seen).where(0, -1e9);
  return own.maximum(seen.equal(0).where(0, -1e9));
}

/** Elements of a head in a cache: the kernel takes multiples of 16, so that others are filled up with zeros. */
export function cachedHeadSize(size: number): number {
  return 16 * Math.ceil(size / 16);
}

/** What {@link CachedAttention} works on. */
export interface CachedAttentionInputs {
  /** int32 `[batch, time]`. */
  readonly positions: Tensor;
  /** The last position of each row, int32 `[batch]`. */
  readonly last: Tensor;
  /** The largest of `last`, plus 1: int32 scalar. */
  readonly total: Tensor;
  /** The keys that each layer keeps, `[batch, keyValueHeads, length, cachedHeadSize(size)]`. */
  readonly keys: readonly Tensor[];
  /** The values that each layer keeps, of the same shape. */
  readonly values: readonly Tensor[];
}

/** New tokens after those whose keys and values are kept; one token a row, or several of one row. Has no gradient. */
export class CachedAttention implements Attention {
  readonly positions: Tensor;
  /** The caches with the new tokens in them, layer by layer, keys before values: to be written over the old ones. */
  readonly presents: Tensor[] = [];
  readonly #inputs: CachedAttentionInputs;

  constructor(inputs: CachedAttentionInputs) {
    this.positions = inputs.positions;
    this.#inputs = inputs;
  }

  attend(query: Tensor, key: Tensor, value: Tensor, heads: Heads): Tensor {
    return this.#attend([query, key, value], heads, false);
  }

  attendPacked(projections: Tensor, heads: Heads): Tensor {
    if (cachedHeadSize(heads.size) === heads.size) return this.#attend([projections], heads, true);
    return this.attend(...unpack(projections, heads), heads);
  }

  #attend(projections: readonly Tensor[], heads: Heads, packed: boolean): Tensor {
    const { keyValueHeads, size, rotary, scale = 1 / Math.sqrt(size) } = heads;
    const { last, total, keys, values } = this.#inputs;
    const layer = this.presents.length / 2;
    const [key, value] = [keys[layer], values[layer]];
    if (key === undefined || value === undefined) throw new Error(`there is no cache for layer ${layer}`);
    const wide = key.shape[3]!;
    const halves = rotary !== undefined;
    const [batch, time] = this.positions.shape as [number, number];
    const widened = projections.map((x) => {
      const filled = wide === size ? x : widen(x, size, wide, halves);
      return filled.reshape([batch, time, -1]);
    });
    const tables = rotary?.tables(key.shape[2]!).map((x) => x.pad([0, 0], [0, (wide - size) / 2])) ?? [];
    const attributes = { heads: heads.heads, keyValueHeads, scale, packed };
    const y = makeNode('cachedAttention', [...widened, key, value, last, total, ...tables], attributes);
    this.presents.push(
      makeNode('output', [y], { index: 1, shape: key.shape }),
      makeNode('output', [y], { index: 2, shape: value.shape }),
    );
    const rows = y.reshape([batch * time, heads.heads * wide]);
    return wide === size ? rows : narrow(rows, size, wide, halves);
  }
}

/** Queries, keys and values that stand side by side. */
function unpack(projections: Tensor, heads: Heads): [query: Tensor, key: Tensor, value: Tensor] {
  const [q, k] = [heads.heads * heads.size, heads.keyValueHeads * heads.size];
  const part = (start: number, stop: number): Tensor => projections.slice([null, start], [null, stop]);
  return [part(0, q), part(q, q + k), part(q + k, q + 2 * k)];
}

/** Fills heads of `size` elements, or each half of a head, up with zeros to `wide`. */
function widen(x: Tensor, size: number, wide: number, halves: boolean): Tensor {
  const [rows, width] = x.shape as [number, number];
  const parts = halves ? 2 : 1;
  const pieces = x.reshape([rows, (width / size) * parts, size / parts]);
  return pieces.pad([0, 0, 0], [0, 0, (wide - size) / parts]).reshape([rows, (width / size) * wide]);
}

/** Undoes {@link widen}. */
function narrow(x: Tensor, size: number, wide: number, halves: boolean): Tensor {
  const [rows, width] = x.shape as [number, number];
  const parts = halves ? 2 : 1;
  const pieces = x.reshape([rows, (width / wide) * parts, wide / parts]);
  return pieces.slice([null, null, 0], [null, null, size / parts]).reshape([rows, (width / wide) * size]);
}
