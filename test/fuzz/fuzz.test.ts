// A little of what `npm run fuzz` does at length: what was a finding once, then files that are broken at random, from a fixed seed.

import { describe, expect, test } from 'vitest';
import { fuzz, targetNames } from '../../fuzz/fuzz.ts';

describe('readers take broken files: each is refused with an error that says why, or read', () => {
  test.for(targetNames)('%s', { timeout: 120_000 }, async (name) => {
    const { tried, refused, findings } = await fuzz(name, { seed: 1, files: 150, seconds: 8, guided: false });
    expect(findings.map(({ error }) => error)).toEqual([]);
    // A reader that takes everything, or a target that gives it nothing, would show nothing.
    expect(tried).toBeGreaterThan(10);
    expect(refused).toBeGreaterThan(5);
  });
});

test('with its code watched, a target keeps the files that reach new code', async () => {
  const { tried, corpus, covered, findings } = await fuzz('run-files', { seed: 1, files: 60, seconds: 20 });
  expect(findings).toEqual([]);
  expect(covered).toBeGreaterThan(100);
  expect(corpus).toBeGreaterThan(3);
  expect(corpus).toBeLessThan(tried);
});
