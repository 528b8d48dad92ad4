// Attention for packed rows: texts that stand side by side in one row do not see each other.

import type { Attention, Heads } from '../nn/index.ts';
import { arange, type Tensor } from '../tensor/index.ts';

/** Every token sees itself and those before it in its own text. Differentiable. */
export class PackedAttention implements Attention {
  readonly positions: Tensor;
  readonly #batch: number;
  readonly #time: number;
  readonly #mask: Tensor;

  /** @param positions of tokens in their text, int32 `[batch, time]`: a text begins wherever it is 0. */
  constructor(positions: Tensor) {
    const [batch, time] = positions.shape as [number, number];
    this.#batch = batch;
    this.#time = time;
    this.positions = positions;
    const text = positions.equal(0).cast('float32').cumsum(1);
    const others = text
      .reshape([batch, 1, time, 1])
      .equal(text.reshape([batch, 1, 1, time]))
      .where(0, -1e9);
    const place = arange(time);
    const later = place
      .reshape([1, time])
      .greater(place.reshape([time, 1]))
      .where(-1e9, 0);
    this.#mask = others.minimum(later);
  }

  attend(query: Tensor, key: Tensor, value: Tensor, heads: Heads): Tensor {
    const { keyValueHeads, size, rotary, scale = 1 / Math.sqrt(size) } = heads;
    const [batch, time] = [this.#batch, this.#time];
    const split = (x: Tensor, count: number): Tensor => x.reshape([batch, time, count, size]).permute([0, 2, 1, 3]);
    // Rotary scores depend on distances alone, so that the place in the row serves as well as that in the text.
    const turn = (x: Tensor): Tensor => (rotary === undefined ? x : rotary.apply(x));
    const rows = [batch, keyValueHeads, (heads.heads / keyValueHeads) * time, size];
    const scores = turn(split(query, heads.heads))
      .reshape(rows)
      .matmul(turn(split(key, keyValueHeads)), { transposeB: true, alpha: scale });
    const weights = scores.reshape([batch, heads.heads, time, time]).add(this.#mask).softmax();
    return weights
      .reshape([batch, keyValueHeads, rows[2]!, time])
      .matmul(split(value, keyValueHeads))
      .reshape([batch, heads.heads, time, size])
      .permute([0, 2, 1, 3])
      .reshape([batch * time, heads.heads * size]);
  }

  attendPacked(projections: Tensor, heads: Heads): Tensor {
    const [q, k] = [heads.heads * heads.size, heads.keyValueHeads * heads.size];
    const part = (start: number, stop: number): Tensor => projections.slice([null, start], [null, stop]);
    return this.attend(part(0, q), part(q, q + k), part(q + k, q + 2 * k), heads);
  }
}
