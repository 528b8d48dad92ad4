import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  constant,
  Embedding,
  type Initializer,
  kaimingUniform,
  Linear,
  orthogonal,
  Parameter,
  xavierUniform,
} from '../../src/nn/index.ts';
import { defaultRng } from '../../src/random/index.ts';
import fixture from '../fixtures/torch/init.json' with { type: 'json' };

const [out, inner] = [512, 300];

// PyTorch's bounds and deviations: test/fixtures/torch/record.py init.
describe('fills as PyTorch', () => {
  const filled = (init: Initializer): Float32Array => new Parameter([out, inner], init, defaultRng(1)).storage.data;
  const linear = new Linear(inner, out, { generator: defaultRng(2) });
  const ours: Readonly<Record<string, Float32Array>> = {
    'Linear.weight': linear.weight.storage.data,
    'Linear.bias': linear.bias!.storage.data,
    'Embedding.weight': new Embedding(out, inner, { generator: defaultRng(3) }).weight.storage.data,
    xavierUniform: filled(xavierUniform()),
    kaimingUniform: filled(kaimingUniform()),
  };
  const rows = fixture.fills.filter(({ what }) => what in ours);

  it('covers five fills', () => expect(rows).toHaveLength(5));

  it.each(rows)('$what', ({ what, distribution, bound, std }) => {
    const x = ours[what]!;
    const mean = x.reduce((sum, v) => sum + v, 0) / x.length;
    const deviation = Math.sqrt(x.reduce((sum, v) => sum + (v - mean) ** 2, 0) / x.length);
    // Five standard errors of the mean, and (normal, the wider case) of the deviation.
    expect(Math.abs(mean)).toBeLessThan((5 * std!) / Math.sqrt(x.length));
    expect(Math.abs(deviation / std! - 1)).toBeLessThan(5 / Math.sqrt(2 * x.length));
    if (distribution !== 'uniform') return;
    const largest = x.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
    expect(largest).toBeLessThanOrEqual(Math.fround(bound!));
    expect(largest).toBeGreaterThan(bound! * (1 - 20 / x.length));
  });
});

describe('orthogonal', () => {
  it.each(fixture.orthogonal)('shape $shape, gain $gain: orthonormal $orthonormal', ({ shape, gain, orthonormal }) => {
    const { data } = new Parameter(shape, orthogonal(gain), defaultRng(4)).storage;
    expectOrthogonal(data, shape[0]!, shape[1]!, gain, orthonormal === 'rows');
  });

  it('holds for any shape; axes beyond the first are columns', () => {
    const size = fc.integer({ min: 1, max: 12 });
    fc.assert(
      fc.property(size, size, size, fc.integer({ min: 0, max: 1e6 }), (a, b, c, seed) => {
        const { data } = new Parameter([a, b, c], orthogonal(1), defaultRng(seed)).storage;
        expectOrthogonal(data, a, b * c, 1, a <= b * c);
      }),
      { numRuns: 50 },
    );
  });

  it('draws the same from the same seed', () => {
    const draw = (): Float32Array => new Parameter([5, 3], orthogonal(2), defaultRng(9)).storage.data;
    expect(draw()).toEqual(draw());
  });

  it('needs a matrix', () => {
    expect(() => new Parameter([3], orthogonal())).toThrow('needs a matrix [out, in], but the parameter has shape [3]');
  });
});

it('constant fills with one value', () => {
  expect([...new Parameter([3], constant(0.5)).storage.data]).toEqual([0.5, 0.5, 0.5]);
});

/** Q Q^T (or Q^T Q) = gain^2 I. */
function expectOrthogonal(data: Float32Array, rows: number, columns: number, gain: number, byRows: boolean): void {
  const [count, length] = byRows ? [rows, columns] : [columns, rows];
  const at = (vector: number, j: number): number => data[byRows ? vector * columns + j : j * columns + vector]!;
  for (let a = 0; a < count; a++) {
    for (let b = 0; b < count; b++) {
      let product = 0;
      for (let j = 0; j < length; j++) product += at(a, j) * at(b, j);
      expect(Math.abs(product - (a === b ? gain * gain : 0))).toBeLessThan(2e-6 * gain * gain);
    }
  }
}
