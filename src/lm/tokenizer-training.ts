// Small tokenizers made from text, for models that are trained from nothing. Saved, they are ordinary tokenizer.json files.

import { plainSpecialToken, withSpecialTokens } from './special-tokens.ts';
import type { SpecialTokens } from './special-tokens.ts';
import { Tokenizer } from './tokenizer.ts';
import { openEngine } from './tokenizer-engine.ts';
import type { TokenizerJson, TokenizerModel } from './tokenizer-files.ts';
import { TokenizerError } from './tokenizer-files.ts';

/** What a new tokenizer gets besides what the text teaches. */
export interface NewTokenizerOptions {
  /** They get the lowest ids, in the order bos, eos, unk, sep, pad, cls, mask, additional. Default none. */
  readonly specialTokens?: SpecialTokens;
  /** Further tokens that are never split, with the ids after those: part of the text, as `<think>` is, and never skipped. */
  readonly addedTokens?: readonly string[];
}

/** What is asked of byte-pair encoding. */
export interface ByteLevelOptions extends NewTokenizerOptions {
  /** At most so many tokens, special ones included. Default: special tokens and the 256 bytes, no pairs merged. */
  readonly vocabSize?: number;
  /** Merges only pairs that were seen so often. Default 2. */
  readonly minFrequency?: number;
}

/**
 * A byte-level BPE tokenizer, as GPT-2's: every text has ids, and decodes to itself. Same vocabulary and merges as the
 * `BpeTrainer` of Hugging Face tokenizers makes of the same text.
 *
 * @param text what to learn merges from; '' if none are wanted.
 * @throws TokenizerError if `vocabSize` has no room for the 256 bytes.
 */
export function trainByteLevelTokenizer(text: string | Iterable<string>, options: ByteLevelOptions = {}): Tokenizer {
  const { specialTokens = {}, addedTokens = [], minFrequency = 2 } = options;
  const specials = listOf(specialTokens);
  const added = [...new Set([...specials, ...addedTokens])];
  const { vocabSize = added.length + 256 } = options;
  if (!Number.isInteger(vocabSize) || vocabSize < added.length + 256) {
    throw new TokenizerError(
      `vocabSize ${vocabSize} has no room for 256 bytes and ${added.length} special tokens: give at least ${added.length + 256}`,
    );
  }
  const tokens = [...added, ...byteAlphabet()];
  const json = (merges: readonly [string, string][]): TokenizerJson =>
    tokenizerJson(added, specials, bpeModel(tokens, merges), BYTE_LEVEL);
  const plain = json([]);
  if (vocabSize === tokens.length) return makeTokenizer(specialTokens, plain);
  const split = openEngine(plain, {}).pre_tokenizer;
  const words = split === null ? new Map<string, number>() : countWords(text, split);
  const merges = learnMerges(words, tokens, vocabSize, minFrequency);
  return makeTokenizer(specialTokens, json(merges));
}

/** A tokenizer whose tokens are the characters (code points) of a text. What it lacks becomes `unkToken`, by default `<unk>`. */
export function characterTokenizer(text: string | Iterable<string>, options: NewTokenizerOptions = {}): Tokenizer {
  const specialTokens = { unkToken: '<unk>', ...options.specialTokens };
  const characters = new Set<string>();
  for (const part of partsOf(text)) for (const character of part) characters.add(character);
  const specials = listOf(specialTokens);
  const added = [...new Set([...specials, ...(options.addedTokens ?? [])])];
  const tokens = [...new Set([...added, ...[...characters].sort(byCodePoint)])];
  const model = bpeModel(tokens, [], specialTokens.unkToken);
  return makeTokenizer(specialTokens, tokenizerJson(added, specials, model, { decoder: { type: 'Fuse' } }));
}

/**
 * A tokenizer whose tokens are the words of a text, between blanks, the most frequent first. What it lacks becomes `unkToken`,
 * by default `<unk>`. Decoding puts one space between words.
 */
export function wordTokenizer(text: string | Iterable<string>, options: NewTokenizerOptions = {}): Tokenizer {
  const specialTokens = { unkToken: '<unk>', ...options.specialTokens };
  const counts = new Map<string, number>();
  for (const part of partsOf(text)) {
    for (const word of part.split(/\s+/u)) if (word !== '') counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  const words = [...counts].sort(([a, n], [b, m]) => m - n || byCodePoint(a, b)).map(([word]) => word);
  const specials = listOf(specialTokens);
  const added = [...new Set([...specials, ...(options.addedTokens ?? [])])];
  const vocab = idsOf([...new Set([...added, ...words])]);
  const model = { type: 'WordLevel', vocab, unk_token: specialTokens.unkToken } as const;
  return makeTokenizer(
    specialTokens,
    tokenizerJson(added, specials, model, { pre_tokenizer: { type: 'WhitespaceSplit' } }),
  );
}

const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
const BYTE_LEVEL = { pre_tokenizer: byteLevel, post_processor: byteLevel, decoder: byteLevel };

function bpeModel(tokens: readonly string[], merges: readonly [string, string][], unkToken?: string): TokenizerModel {
  return {
    type: 'BPE',
    dropout: null,
    unk_token: unkToken ?? null,
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: false,
    byte_fallback: false,
    ignore_merges: false,
    vocab: idsOf(tokens),
    merges,
  };
}

/** tokenizer.json with added tokens that have the lowest ids, some of them special. */
function tokenizerJson(
  added: readonly string[],
  specials: readonly string[],
  model: TokenizerModel,
  pieces: Partial<TokenizerJson>,
): TokenizerJson {
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: added.map((token, id) => ({ ...plainSpecialToken(token, id), special: specials.includes(token) })),
    normalizer: null,
    pre_tokenizer: null,
    post_processor: null,
    decoder: null,
    ...pieces,
    model,
  };
}

function makeTokenizer(specialTokens: SpecialTokens, json: TokenizerJson): Tokenizer {
  const config = { tokenizer_class: 'PreTrainedTokenizerFast', clean_up_tokenization_spaces: false };
  return new Tokenizer({
    json,
    config: withSpecialTokens(config, specialTokens),
    chatTemplates: new Map(),
    generationEosIds: [],
  });
}

function listOf({ additional = [], ...roles }: SpecialTokens): string[] {
  const { bosToken, eosToken, unkToken, sepToken, padToken, clsToken, maskToken } = roles;
  const named = [bosToken, eosToken, unkToken, sepToken, padToken, clsToken, maskToken].filter(
    (token) => token !== undefined,
  );
  return [...new Set([...named, ...additional])];
}

function idsOf(tokens: readonly string[]): Record<string, number> {
  const ids = tokens.map((token, id) => [token, id] as const);
  return Object.fromEntries(ids);
}

function partsOf(text: string | Iterable<string>): Iterable<string> {
  return typeof text === 'string' ? [text] : text;
}

/** As Rust and Python order strings; JavaScript's own order differs beyond U+FFFF. */
function byCodePoint(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/**
 * The characters that stand for bytes, in their order: printable bytes for themselves, the others from U+0100 on.
 * Source: GPT-2's encoder.py, bytes_to_unicode.
 */
function byteAlphabet(): string[] {
  const printable = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : next++)).sort();
}

/** How often each word occurs, spelled in the characters that stand for bytes. */
function countWords(text: string | Iterable<string>, split: (text: string) => string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const part of partsOf(text)) {
    for (const word of split(part)) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return counts;
}

/** A pair of ids as one number, whose order is that of the pairs. */
const PAIR = 2 ** 24;

interface Candidate {
  readonly pair: number;
  readonly count: number;
  /** The words it was seen in. */
  readonly words: Set<number>;
}

/**
 * Byte-pair encoding (Sennrich et al., 2016): merges the most frequent pair, again and again; of equals that of the lower ids.
 * Adds the new tokens to `tokens`.
 */
function learnMerges(
  counts: ReadonlyMap<string, number>,
  tokens: string[],
  vocabSize: number,
  minFrequency: number,
): [string, string][] {
  const ids = new Map(tokens.map((token, id) => [token, id]));
  const words = [...counts].map(([word, count]) => ({
    count,
    symbols: Array.from(word, (char) => ids.get(char) ?? 0),
  }));
  const pairCounts = new Map<number, number>();
  const seenIn = new Map<number, Set<number>>();
  const see = (pair: number, count: number, word: number): void => {
    pairCounts.set(pair, (pairCounts.get(pair) ?? 0) + count);
    if (count <= 0) return;
    const places = seenIn.get(pair);
    if (places === undefined) seenIn.set(pair, new Set([word]));
    else places.add(word);
  };
  words.forEach(({ symbols, count }, word) => {
    for (let i = 1; i < symbols.length; i++) see((symbols[i - 1] ?? 0) * PAIR + (symbols[i] ?? 0), count, word);
  });

  const queue = new CandidateQueue();
  const enqueue = (): void => {
    for (const [pair, places] of seenIn) {
      const count = pairCounts.get(pair) ?? 0;
      if (count > 0) queue.push({ pair, count, words: places });
    }
    seenIn.clear();
  };
  enqueue();

  const merges: [string, string][] = [];
  while (tokens.length < vocabSize) {
    const best = queue.pop();
    if (best === undefined) break;
    const count = pairCounts.get(best.pair) ?? 0;
    if (count !== best.count) {
      // Merges of others took some of it away.
      if (count > 0) queue.push({ ...best, count });
      continue;
    }
    if (count < Math.max(1, minFrequency)) break;
    const first = Math.floor(best.pair / PAIR);
    const second = best.pair % PAIR;
    const parts: [string, string] = [tokens[first] ?? '', tokens[second] ?? ''];
    const merged = parts.join('');
    const id = ids.get(merged) ?? tokens.push(merged) - 1;
    ids.set(merged, id);
    merges.push(parts);
    for (const word of best.words) {
      const entry = words[word];
      if (entry === undefined) continue;
      mergeWithin(entry.symbols, first, second, id, (pair, sign) => see(pair, sign * entry.count, word));
    }
    pairCounts.delete(best.pair);
    enqueue();
  }
  return merges;
}

/** Merges a pair in a word from left to right, and tells which pairs came (1) and went (-1) around it. */
function mergeWithin(
  symbols: number[],
  first: number,
  second: number,
  merged: number,
  change: (pair: number, sign: 1 | -1) => void,
): void {
  for (let i = 0; i + 1 < symbols.length; i++) {
    if (symbols[i] !== first || symbols[i + 1] !== second) continue;
    const before = symbols[i - 1];
    const after = symbols[i + 2];
    if (before !== undefined) {
      change(before * PAIR + first, -1);
      change(before * PAIR + merged, 1);
    }
    symbols.splice(i, 2, merged);
    if (after !== undefined) {
      change(second * PAIR + after, -1);
      change(merged * PAIR + after, 1);
    }
  }
}

/** A binary heap: most frequent first, of equals the lower pair. */
class CandidateQueue {
  readonly #heap: Candidate[] = [];

  push(candidate: Candidate): void {
    const heap = this.#heap;
    let at = heap.push(candidate) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#swapIfBefore(at, parent)) return;
      at = parent;
    }
  }

  pop(): Candidate | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (top === undefined || last === undefined || heap.length === 0) return top;
    heap[0] = last;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      const right = left + 1;
      const child = right < heap.length && this.#isBefore(right, left) ? right : left;
      if (child >= heap.length || !this.#swapIfBefore(child, at)) return top;
      at = child;
    }
  }

  #isBefore(a: number, b: number): boolean {
    const [x, y] = [this.#heap[a], this.#heap[b]];
    if (x === undefined || y === undefined) return false;
    return x.count === y.count ? x.pair < y.pair : x.count > y.count;
  }

  #swapIfBefore(a: number, b: number): boolean {
    const [x, y] = [this.#heap[a], this.#heap[b]];
    if (x === undefined || y === undefined || !this.#isBefore(a, b)) return false;
    this.#heap[a] = y;
    this.#heap[b] = x;
    return true;
  }
}
