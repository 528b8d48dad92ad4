import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SoftmaxKernel } from '../../src/lm/softmax-kernel.ts';

const sizes = [1, 3, 15, 16, 17, 64, 257];

describe('SoftmaxKernel', () => {
  it('weighs as Math.exp does, to float32', () => {
    for (const size of sizes) {
      const kernel = new SoftmaxKernel(size);
      for (let i = 0; i < size; i++) kernel.scores[i] = 5 - (90 * i) / size;
      const largest = kernel.largest();
      expect(largest).toBe(5);
      const total = kernel.weigh(largest);
      let expected = 0;
      for (let i = 0; i < size; i++) {
        const exact = Math.exp(Math.fround(kernel.scores[i]! - 5));
        expected += exact;
        expect(Math.abs(kernel.weights[i]! - exact)).toBeLessThanOrEqual(2e-7 * exact + 2e-38);
      }
      expect(total / expected).toBeCloseTo(1, 6);
    }
  });

  it('lets tokens that are ruled out, and those far below, weigh nothing', () => {
    const kernel = new SoftmaxKernel(5);
    kernel.scores.set([1, -Infinity, 0, -90, 1]);
    expect(kernel.weigh(kernel.largest())).toBeCloseTo(2 + Math.exp(-1), 6);
    expect([...kernel.weights].map((weight) => weight > 0)).toEqual([true, false, true, false, true]);
  });

  it('passes on that a score is no number', () => {
    const kernel = new SoftmaxKernel(20);
    kernel.scores[17] = Number.NaN;
    expect(kernel.weigh(kernel.largest())).toBeNaN();
  });

  it('draws where the sum of the weights passes', () => {
    const weights = fc.array(fc.float({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 70 });
    fc.assert(
      fc.property(weights, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (given, share) => {
        const kernel = new SoftmaxKernel(given.length);
        // Binary fractions, whose sums are exact in any order.
        given.forEach((weight, i) => (kernel.weights[i] = Math.floor(weight * 1024) / 1024));
        const total = kernel.weights.reduce((sum, weight) => sum + weight, 0);
        if (total === 0) return;
        let left = share * total;
        const expected = kernel.weights.findIndex((weight) => (left -= weight) < 0);
        expect(kernel.draw(share * total)).toBe(expected);
      }),
    );
  });

  it('takes the last that weighs where rounding leaves a crumb', () => {
    for (const size of sizes) {
      const kernel = new SoftmaxKernel(size + 40);
      kernel.weights.fill(0.1, 0, size);
      expect(kernel.draw(size)).toBe(size - 1);
    }
  });
});
