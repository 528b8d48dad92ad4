import { readFileSync } from 'node:fs';

/** One step of a recorded episode; the first row has the observation of the reset only. Keys are those of the recorder. */
export interface Row {
  readonly action: number | readonly number[];
  readonly obs: unknown;
  readonly reward: number | readonly number[];
  readonly terminated: boolean | readonly boolean[];
  readonly truncated: boolean | readonly boolean[];
  readonly reset_obs?: unknown;
  readonly info_keys?: readonly string[];
}

/** Reads a file that test/fixtures/gymnasium/record_wrappers.py wrote (with Gymnasium 1.3), or make_fixtures.py before it. */
export function recorded<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../fixtures/gymnasium/${name}`, import.meta.url), 'utf8')) as T;
}

/** All numbers in nested lists and objects of recorded data or of an observation, in order; infinities and NaN may be strings. */
export function flat(value: unknown): number[] {
  if (typeof value === 'number' || typeof value === 'boolean') return [Number(value)];
  if (typeof value === 'string')
    return [value === 'inf' ? Number.POSITIVE_INFINITY : Number(value.replace('inf', 'Infinity'))];
  if (ArrayBuffer.isView(value) || Array.isArray(value))
    return Array.from(value as unknown as ArrayLike<unknown>).flatMap(flat);
  return Object.keys(value as object)
    .sort()
    .flatMap((key) => flat(Reflect.get(value as object, key)));
}
