// Rows of different lengths as one array.

import { TokenizerError } from './tokenizer-files.ts';

/** How rows are cut and filled. */
export interface BatchOptions {
  /**
   * Which side of the shorter rows is filled. Default right, which causal models need no mask for; their losses must leave
   * the filled places out by the mask, never by the id.
   */
  readonly paddingSide?: 'left' | 'right';
  /** To what length: that of the `longest` row (default), or `maxLength`. */
  readonly padding?: 'longest' | 'maxLength';
  /** Rounds the length up, so that a compiled model sees few shapes. Default 1. */
  readonly padToMultipleOf?: number;
  /** The most tokens a row may have. */
  readonly maxLength?: number;
  /** Whether to cut longer rows; otherwise they are an error. Default false. */
  readonly truncation?: boolean;
  /** Where longer rows are cut. Default right: the beginning stays. */
  readonly truncationSide?: 'left' | 'right';
}

/** Rows of equal length, in C order. */
export interface TokenBatch {
  /** `[batch, time]` */
  readonly ids: Int32Array;
  /** `[batch, time]`: 1 for a token, 0 where the row was filled. */
  readonly attentionMask: Int32Array;
  /** `[batch]`: how many tokens each row has. */
  readonly lengths: Int32Array;
  readonly shape: readonly [batch: number, time: number];
}

/** Rows as one array; `padId` is what fills the shorter ones. */
export function padRows(
  rows: readonly ArrayLike<number>[],
  padId: number | undefined,
  options: BatchOptions = {},
): TokenBatch {
  const { paddingSide = 'right', padding = 'longest', padToMultipleOf = 1, maxLength, truncation = false } = options;
  if (!Number.isInteger(padToMultipleOf) || padToMultipleOf < 1) {
    throw new TokenizerError(`padToMultipleOf should be a positive integer, but is ${padToMultipleOf}`);
  }
  if (maxLength === undefined && (padding === 'maxLength' || truncation)) {
    throw new TokenizerError(`${truncation ? 'truncation' : "padding: 'maxLength'"} needs maxLength`);
  }
  const cut = rows.map((row, i) => {
    if (maxLength === undefined || row.length <= maxLength) return row;
    if (truncation) return truncate(row, maxLength, options.truncationSide);
    throw new TokenizerError(
      `Row ${i} has ${row.length} tokens, more than maxLength ${maxLength}: cut it with truncation`,
    );
  });
  const wanted =
    padding === 'maxLength' && maxLength !== undefined ? maxLength : Math.max(0, ...cut.map((row) => row.length));
  const time = Math.ceil(wanted / padToMultipleOf) * padToMultipleOf;
  const short = cut.some((row) => row.length < time);
  if (short && padId === undefined) {
    throw new TokenizerError(
      "Rows have different lengths and there is no padding token. Add one with addSpecialTokens({ padToken: '<|pad|>' }), or " +
        'reuse one that the model knows: addSpecialTokens({ padToken: tokenizer.specialTokens.eosToken })',
    );
  }
  const ids = new Int32Array(cut.length * time).fill(padId ?? 0);
  const attentionMask = new Int32Array(ids.length);
  cut.forEach((row, i) => {
    const start = i * time + (paddingSide === 'left' ? time - row.length : 0);
    ids.set(row, start);
    attentionMask.fill(1, start, start + row.length);
  });
  return { ids, attentionMask, lengths: Int32Array.from(cut, (row) => row.length), shape: [cut.length, time] };
}

/**
 * A row cut to `maxLength` tokens, of which those around the text stay.
 *
 * @param ids the row with its special tokens.
 * @param content the row without them.
 */
export function truncateContent(
  ids: readonly number[],
  content: readonly number[],
  maxLength: number,
  side: 'left' | 'right' = 'right',
): number[] {
  const around = ids.length - content.length;
  let before = 0;
  while (before < around && !content.every((id, i) => ids[before + i] === id)) before++;
  const after = around - before;
  const room = maxLength - around;
  if (room < 0) throw new TokenizerError(`maxLength ${maxLength} has no room for the ${around} tokens around a text`);
  return [...ids.slice(0, before), ...truncate(content, room, side), ...ids.slice(ids.length - after)];
}

function truncate(row: ArrayLike<number>, length: number, side: 'left' | 'right' = 'right'): number[] {
  const all = Array.from(row);
  return side === 'right' ? all.slice(0, length) : all.slice(all.length - length);
}
