// Which tokens of a text lie within parts of it.

import type { Span } from './chat.ts';

/** What is asked of a tokenizer here. */
interface Encoder {
  /** Without the tokens around a text. */
  encode(text: string): number[];
  /** The bytes that a token stands for, if that can be said of it alone. */
  byteLengthOf(id: number): number | undefined;
}

/** For each token 1 if any of its text lies in a span, else 0. Spans do not overlap, and ascend. */
export function tokensInSpans(
  encoder: Encoder,
  text: string,
  ids: readonly number[],
  spans: readonly Span[],
): Uint8Array {
  const ends = byteEnds(encoder, text, ids);
  const mask = new Uint8Array(ids.length);
  for (const [start, end] of spans) {
    if (ends === undefined) mask.fill(1, whole(encoder, text, ids, start), reaching(encoder, text, ids, end));
    else mask.fill(1, firstAfter(ends, bytes(text, start)), firstAfter(ends, bytes(text, end) - 1) + 1);
  }
  return mask;
}

const bytes = (text: string, position: number): number => Buffer.byteLength(text.slice(0, position));

/** Where each token's bytes end in the text; undefined if that cannot be said because tokens are not just its bytes. */
function byteEnds(encoder: Encoder, text: string, ids: readonly number[]): Int32Array | undefined {
  const ends = new Int32Array(ids.length);
  let at = 0;
  for (const [i, id] of ids.entries()) {
    const length = encoder.byteLengthOf(id);
    if (length === undefined) return undefined;
    at += length;
    ends[i] = at;
  }
  return at === Buffer.byteLength(text) ? ends : undefined;
}

/** The first token that reaches beyond a byte. */
function firstAfter(ends: Int32Array, byte: number): number {
  let [low, high] = [0, ends.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ends[middle] ?? 0) > byte) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** How many tokens are the same whether the text goes on after a position or not: those lie wholly before it. */
function whole(encoder: Encoder, text: string, ids: readonly number[], position: number): number {
  const before = encoder.encode(text.slice(0, position));
  const different = before.findIndex((id, i) => id !== ids[i]);
  return different < 0 ? before.length : different;
}

/** How many tokens it takes to reach a position: all but those that are the same without what is before it. */
function reaching(encoder: Encoder, text: string, ids: readonly number[], position: number): number {
  const after = encoder.encode(text.slice(position));
  let same = 0;
  while (same < after.length && after[after.length - 1 - same] === ids[ids.length - 1 - same]) same++;
  return Math.max(ids.length - same, whole(encoder, text, ids, position));
}
