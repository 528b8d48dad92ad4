// Asking the server.

import { useEffect, useState } from 'preact/hooks';
import type { Failure, RowFile, SeriesHead } from '../api.ts';
import { onRows } from './live.ts';

type Value = string | number | boolean | null | undefined;

/** An address of the server; what is undefined, null or '' is left out, a list is given item by item. */
export function address(path: string, query: Readonly<Record<string, Value | readonly string[]>>): string {
  const words = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (typeof value === 'object' && value !== null) for (const item of value) words.append(name, item);
    else if (value === '' && name === 'run') words.append(name, '');
    else if (value !== undefined && value !== null && value !== '') words.append(name, String(value));
  }
  return `api/${path}?${words}`;
}

async function ask(url: string, signal: AbortSignal): Promise<Response> {
  const response = await fetch(url, { signal });
  if (response.ok) return response;
  const { error } = (await response.json().catch(() => ({ error: response.statusText }))) as Failure;
  throw new Error(error);
}

/** Milliseconds. */
const [FIRST_WAIT, LONGEST_WAIT] = [60, 1000];

export interface Answer<T> {
  /** The latest; undefined before the first. */
  readonly value: T | undefined;
  readonly error: string | null;
}

/** Asks for JSON, and again while `again` says that there is more, soon at first and at most every second in the long run; null for nothing. */
export function useAnswer<T>(
  url: string | null,
  again: (run: string, file: string) => boolean = () => false,
): Answer<T> {
  const [answer, setAnswer] = useState<Answer<T> & { readonly url: string | null }>({
    value: undefined,
    error: null,
    url,
  });
  useEffect(() => {
    if (url === null) return;
    const stop = new AbortController();
    let waiting = false;
    // What a server has only begun to read when it is first asked is there a moment later.
    let wait = FIRST_WAIT;
    const load = async (): Promise<void> => {
      try {
        const value = (await (await ask(url, stop.signal)).json()) as T;
        setAnswer({ value, error: null, url });
      } catch (error) {
        if (!stop.signal.aborted) setAnswer({ value: undefined, error: (error as Error).message, url });
      }
    };
    void load();
    const forget = onRows(({ run, file }) => {
      if (waiting || !again(run, file)) return;
      waiting = true;
      setTimeout(() => {
        waiting = false;
        if (!stop.signal.aborted) void load();
      }, wait);
      wait = Math.min(LONGEST_WAIT, 2 * wait);
    });
    return () => {
      stop.abort();
      forget();
    };
  }, [url]);
  // What was answered to another question may still be shown, dimmed or not, while the next answer is under way.
  return answer;
}

/** A run's curve in buckets. */
export interface Series {
  readonly x: Float64Array;
  readonly mean: Float64Array;
  readonly least: Float64Array;
  readonly greatest: Float64Array;
}

export interface SeriesAnswer {
  readonly domain: readonly [number, number] | null;
  readonly width: number;
  readonly runs: ReadonlyMap<string, Series>;
}

export interface SeriesQuestion {
  readonly run: readonly string[];
  readonly file: RowFile;
  readonly x: string;
  readonly y: string;
  readonly pixels: number;
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  readonly low?: number | undefined;
  readonly high?: number | undefined;
}

/** Asks for the curves of a chart. */
export async function askSeries(question: SeriesQuestion, signal: AbortSignal): Promise<SeriesAnswer> {
  const bytes = await (await ask(address('series', { ...question }), signal)).arrayBuffer();
  const end = new Uint8Array(bytes).indexOf(10);
  const head = JSON.parse(new TextDecoder().decode(bytes.slice(0, end))) as SeriesHead;
  let at = end + 1;
  const take = (length: number): Float64Array => {
    const numbers = new Float64Array(bytes, at, length);
    at += numbers.byteLength;
    return numbers;
  };
  const runs = new Map<string, Series>();
  for (const { run, length } of head.runs) {
    runs.set(run, { x: take(length), mean: take(length), least: take(length), greatest: take(length) });
  }
  return { domain: head.domain, width: head.width, runs };
}
