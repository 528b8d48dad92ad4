// The texts of a run's completions.jsonl. The file may be far larger than memory: of each text a few numbers are kept, by which it is
// found and sorted; the texts themselves are read again when they are shown.

import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { readRows, type Row } from '../tracking/index.ts';
import type { Completion, CompletionOrder, CompletionPage, ComparisonPage } from './api.ts';
import { readCompletion } from './completion-row.ts';
import { GrowingFile } from './growing-file.ts';

/** A text with its per-token numbers is some kilobytes long; one that is longer than a slice is left out. */
const SLICE_BYTES = 4 * 2 ** 20;

/** What is kept of a text. */
interface Entry {
  readonly index: number;
  /** The byte at which the slice that holds it begins, and which of that slice's rows it is. */
  readonly slice: number;
  readonly place: number;
  readonly update: number | null;
  readonly return: number | null;
  readonly correct: boolean | null;
  /** Tells prompts apart. */
  readonly prompt: string;
}

/** Which texts are wanted, and in which order. */
export interface CompletionQuery {
  readonly order: CompletionOrder;
  readonly offset: number;
  readonly limit: number;
  /** Part of the prompt or of the completion, whatever its case. */
  readonly text?: string | undefined;
  readonly correct?: boolean | undefined;
  readonly update?: number | undefined;
}

/** A file of texts that grows. */
export class CompletionFile {
  readonly file: GrowingFile;
  #entries: Entry[] = [];
  /** The latest search, which goes on where it ended when there are more texts. */
  #search: { readonly text: string; searched: number; readonly found: Set<number> } | undefined;

  constructor(path: string) {
    this.file = new GrowingFile(path, SLICE_BYTES, {
      take: (rows, slice) => rows.forEach((row, place) => this.#entries.push(this.#entry(row, slice, place))),
      restart: () => {
        this.#entries = [];
        this.#search = undefined;
      },
    });
  }

  #entry(row: Row, slice: number, place: number): Entry {
    const { update, return: total, correct, prompt } = readCompletion(row, 0);
    const hash = createHash('sha1').update(prompt).digest('base64');
    return { index: this.#entries.length, slice, place, update, return: total, correct, prompt: hash };
  }

  /** Some of the texts that match. */
  async page({ order, offset, limit, text = '', correct, update }: CompletionQuery): Promise<CompletionPage> {
    const found = text === '' ? undefined : await this.#matching(text.toLowerCase());
    const matching = this.#entries.filter(
      (entry) =>
        (found === undefined || found.has(entry.index)) &&
        (correct === undefined || entry.correct === correct) &&
        (update === undefined || entry.update === update),
    );
    ORDERS[order](matching);
    return {
      total: matching.length,
      rows: this.#entries.length,
      updates: this.#updates(),
      read: this.file.read,
      skipped: this.file.skipped,
      problem: this.file.problem,
      completions: await this.#read(matching.slice(offset, offset + limit)),
    };
  }

  /** Early texts beside late ones: of the same prompts, the widest apart first; where no prompt came twice, of the first and last update. */
  async compare(offset: number, limit: number): Promise<ComparisonPage> {
    const byPrompt = new Map<string, { first: Entry; last: Entry }>();
    for (const entry of this.#entries) {
      const seen = byPrompt.get(entry.prompt);
      if (seen === undefined) byPrompt.set(entry.prompt, { first: entry, last: entry });
      else seen.last = entry;
    }
    const apart = ({ first, last }: { first: Entry; last: Entry }) => (last.update ?? 0) - (first.update ?? 0);
    let pairs = [...byPrompt.values()].filter((pair) => apart(pair) > 0).sort((a, b) => apart(b) - apart(a));
    const samePrompt = pairs.length > 0;
    if (!samePrompt) pairs = this.#firstAndLast();
    const chosen = pairs.slice(offset, offset + limit);
    const texts = await this.#read(chosen.flatMap(({ first, last }) => [first, last]));
    return {
      total: pairs.length,
      samePrompt,
      pairs: chosen.map((_, i) => ({ before: texts[2 * i]!, after: texts[2 * i + 1]! })),
    };
  }

  #firstAndLast(): { first: Entry; last: Entry }[] {
    const [first, last] = this.#updates() ?? [0, 0];
    if (first === last) return [];
    const late = this.#entries.filter(({ update }) => update === last);
    return this.#entries
      .filter(({ update }) => update === first)
      .slice(0, late.length)
      .map((entry, i) => ({ first: entry, last: late[i]! }));
  }

  #updates(): [number, number] | null {
    let [first, last] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (const { update } of this.#entries) {
      if (update === null) continue;
      first = Math.min(first, update);
      last = Math.max(last, update);
    }
    return first <= last ? [first, last] : null;
  }

  async #matching(text: string): Promise<ReadonlySet<number>> {
    if (this.#search?.text !== text) this.#search = { text, searched: 0, found: new Set() };
    const search = this.#search;
    while (search.searched < this.#entries.length && search === this.#search) {
      const { slice } = this.#entries[search.searched]!;
      const rows = await this.#slice(slice);
      for (; this.#entries[search.searched]?.slice === slice; search.searched++) {
        const { index, place } = this.#entries[search.searched]!;
        const row = rows[place];
        if (row === undefined) continue;
        const { prompt, completion } = readCompletion(row, index);
        if (prompt.toLowerCase().includes(text) || completion.toLowerCase().includes(text)) search.found.add(index);
      }
      await nextTurn();
    }
    return search.found;
  }

  async #read(entries: readonly Entry[]): Promise<Completion[]> {
    const slices = new Map<number, readonly Row[]>();
    const texts: Completion[] = [];
    for (const { index, slice, place } of entries) {
      let rows = slices.get(slice);
      if (rows === undefined) {
        rows = await this.#slice(slice);
        // Texts in order of their returns lie far apart; not all of these slices are held at once.
        if (slices.size === 4) slices.clear();
        slices.set(slice, rows);
      }
      texts.push(readCompletion(rows[place] ?? {}, index));
    }
    return texts;
  }

  async #slice(from: number): Promise<readonly Row[]> {
    return (await readRows(this.file.path, { from, maxBytes: SLICE_BYTES })).rows;
  }
}

/** A text without a return comes last, whatever the order. */
function byReturn(sign: 1 | -1): (a: Entry, b: Entry) => number {
  const key = ({ return: value }: Entry) => (value === null ? Number.POSITIVE_INFINITY : sign * value);
  return (a, b) => key(a) - key(b) || a.index - b.index;
}

const ORDERS: Readonly<Record<CompletionOrder, (entries: Entry[]) => void>> = {
  oldest: () => {},
  newest: (entries) => entries.reverse(),
  best: (entries) => entries.sort(byReturn(-1)),
  worst: (entries) => entries.sort(byReturn(1)),
};
