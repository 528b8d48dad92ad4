// A compiled model over rows of any lengths: those of like lengths together, in few shapes, so that few programs are compiled.

import type { Compiled } from '../runtime/index.ts';
import { tensor, type Tensor } from '../tensor/index.ts';
import { padRows } from './token-batch.ts';

/** From int32 ids `[batch, time]` and lengths `[batch]` to `[batch, width]`. */
export type RowModel = Compiled<[Tensor, Tensor], Tensor>;

/** How rows are computed. */
export interface LengthBatchOptions {
  /** The most rows at once. */
  readonly batchSize: number;
  /** The most tokens of a row. */
  readonly maxPositions: number;
}

/** What the model gives for each row of tokens, in the rows' order. What fills rows up stands on the right. */
export async function overLengths(
  model: RowModel,
  rows: readonly Int32Array[],
  { batchSize, maxPositions }: LengthBatchOptions,
): Promise<Float32Array[]> {
  const order = rows.map((_, i) => i).sort((a, b) => rows[a]!.length - rows[b]!.length);
  const results: Float32Array[] = Array.from({ length: rows.length });
  for (let start = 0; start < order.length; start += batchSize) {
    const batch = order.slice(start, start + batchSize);
    const time = Math.min(maxPositions, roundedLength(rows[batch.at(-1)!]!.length));
    const size = Math.min(batchSize, 2 ** Math.ceil(Math.log2(batch.length)));
    const filled = Array.from({ length: size }, (_, i) => rows[batch[i] ?? batch[0]!]!);
    const { ids, lengths, shape } = padRows(filled, 0, { padding: 'maxLength', maxLength: time });
    const found = (await model.async(tensor(ids, { shape }), tensor(lengths))).dataSync() as Float32Array;
    const width = found.length / size;
    for (const [i, row] of batch.entries()) results[row] = found.slice(i * width, (i + 1) * width);
  }
  return results;
}

/** Few lengths, of which none is much longer than it need be. */
function roundedLength(length: number): number {
  const step = length <= 128 ? 16 : length <= 512 ? 64 : 256;
  return step * Math.ceil(length / step);
}
