// What PyTorch recorded in test/fixtures/torch; how to record it again is said in record.py there.

import { readFileSync } from 'node:fs';
import { expect } from 'vitest';

/** The content of `test/fixtures/torch/<name>.json`. */
export function recorded<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../fixtures/torch/${name}.json`, import.meta.url), 'utf8')) as T;
}

/** Every element within `tolerance` of the expected one, in parts of it or, if it is below 1, absolutely. */
export function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  what = '',
): void {
  expect(actual.length, what).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(actual[i]! - expected[i]!);
    if (!(difference <= tolerance * Math.max(1, Math.abs(expected[i]!)))) {
      throw new Error(`${what}[${i}] is ${actual[i]}, but ${expected[i]} is expected, to ${tolerance}`);
    }
  }
}
