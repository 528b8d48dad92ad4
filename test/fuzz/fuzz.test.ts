// A little of what `npm run fuzz` does at length: what was a finding once, then files that are broken at random, from a fixed seed.

import { describe, expect, test } from 'vitest';
import { fuzz, targetNames } from '../../fuzz/fuzz.ts';

describe('readers take broken files: each is refused with an error that says why, or read', () => {
  test.for(targetNames)('%s', { timeout: 120_000 }, async (name) => {
    const { tried, refused, findings } = await fuzz(name, { seed: 1, files: 250, seconds: 8 });
    expect(findings.map(({ error }) => error)).toEqual([]);
    // A reader that takes everything, or a target that gives it nothing, would show nothing.
    expect(tried).toBeGreaterThan(10);
    expect(refused).toBeGreaterThan(5);
  });
});
