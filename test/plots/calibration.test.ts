import { describe, expect, test } from 'vitest';
import { calibration, type Judged } from '../../src/plots/calibration.ts';
import { Generator, SeedSequence } from '../../src/random/index.ts';

const pair = (difference: number, best: number): Judged => ({ rewards: [difference, 0], best });

// scipy 1.17.1: scipy.stats.binomtest(hits, count).proportion_ci(method='wilson')
test.each([
  [0, 5, 0, 0.43448246478317476],
  [7, 10, 0.39677814746114526, 0.892208732593699],
  [45, 60, 0.6276792992295218, 0.8422347746994333],
  [60, 60, 0.9398281478579101, 1],
])('the interval of %i in %i is Wilson’s', (hits, count, low, high) => {
  // sigmoid(1) = 0.731 falls into the eighth bin.
  const judged = Array.from({ length: count }, (_, i) => pair(1, i < hits ? 0 : 1));
  const bin = calibration(judged).bins.find(({ predicted }) => predicted > 0.7)!;
  expect(bin.count).toBe(count);
  expect(bin.predicted).toBeCloseTo(1 / (1 + Math.exp(-1)), 12);
  expect(bin.observed).toBe(hits / count);
  expect(bin.low).toBeCloseTo(low, 12);
  expect(bin.high).toBeCloseTo(high, 12);
});

describe('the expected error', () => {
  test('is the distance of what was said from what was', () => {
    // Says 0.9 and 0.1, and is right in half: off by 0.4 for every text.
    const difference = Math.log(9);
    const judged = [0, 1, 0, 1].map((best) => pair(difference, best));
    expect(calibration(judged).expectedError).toBeCloseTo(0.4, 12);
  });

  test('vanishes where labels are drawn as predicted', () => {
    const random = new Generator(new SeedSequence(7));
    const judged = Array.from({ length: 20_000 }, (): Judged => {
      const rewards = Array.from(random.standardNormal([3]) as Float64Array);
      const powers = rewards.map(Math.exp);
      let left = random.random() * powers.reduce((sum, power) => sum + power, 0);
      const best = powers.findIndex((power) => (left -= power) < 0);
      return { rewards, best };
    });
    const { bins, expectedError } = calibration(judged);
    expect(expectedError).toBeLessThan(0.01);
    expect(bins).toHaveLength(10);
    for (const { predicted, low, high } of bins) {
      // 95 % of such intervals hold the truth; a width more on both sides, practically all.
      const width = high - low;
      expect(predicted).toBeGreaterThan(low - width);
      expect(predicted).toBeLessThan(high + width);
    }
  });

  test('is 0 of nothing', () => {
    expect(calibration([])).toEqual({ bins: [], expectedError: 0, comparisons: 0 });
  });
});
