import { expect, test } from 'vitest';
import { band, smooth, thin } from '../../src/plots/curves.ts';

test('smoothing is an average that forgets, without a bias towards 0', () => {
  // By hand: 0.5 * 0 + 0.5 * 4 = 2, over 1 - 0.5^2; then 0.5 * 2 + 0.5 * 1 = 1.5, over 1 - 0.5^3.
  expect(smooth({ xs: [0, 1, 2], ys: [0, 4, 1] }, 0.5).ys).toEqual([0, 2 / 0.75, 1.5 / 0.875]);
  for (const y of smooth({ xs: [1, 2, 3], ys: [7, 7, 7] }, 0.99).ys) expect(y).toBeCloseTo(7, 12);
  expect(smooth({ xs: [1, 2], ys: [3, 5] }, 0).ys).toEqual([3, 5]);
});

test('thinning keeps means', () => {
  const curve = { xs: [0, 1, 2, 3, 4, 5], ys: [1, 3, 5, 7, 9, 11] };
  expect(thin(curve, 3)).toEqual({ xs: [0.5, 2.5, 4.5], ys: [2, 6, 10] });
  expect(thin(curve, 6)).toEqual(curve);
});

test('between points, curves are straight lines', () => {
  const [fine, coarse] = [
    { xs: [0, 1, 2, 3, 4], ys: [0, 2, 4, 6, 8] },
    { xs: [0, 4], ys: [0, 8] },
  ];
  const points = band([fine, coarse], 'std', 9);
  expect(points.map(({ x }) => x)).toEqual([0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4]);
  for (const { x, mean, low, high } of points) expect([mean, low, high]).toEqual([2 * x, 2 * x, 2 * x]);
});

test('bands are as wide as they are called', () => {
  const curves = [1, 3, 8].map((y) => ({ xs: [0, 1], ys: [y, y] }));
  const at = (kind: 'std' | 'stderr' | 'range') => band(curves, kind, 2)[0]!;
  // The sample's deviation: sqrt((9 + 1 + 16) / 2).
  expect(at('std')).toMatchObject({ mean: 4, low: 4 - Math.sqrt(13), high: 4 + Math.sqrt(13), count: 3 });
  expect(at('stderr').high).toBeCloseTo(4 + Math.sqrt(13 / 3), 12);
  expect(at('range')).toMatchObject({ low: 1, high: 8 });
});

test('a mean ends where fewer than half of the runs are left', () => {
  const curves = [10, 20, 30, 40].map((end) => ({ xs: [0, end], ys: [end, end] }));
  const points = band(curves, 'range', 31);
  expect(points.at(-1)).toMatchObject({ x: 30, mean: 35, count: 2 });
  expect(points[0]).toMatchObject({ x: 0, mean: 25, count: 4 });
});

test('a lonely run and no run', () => {
  expect(band([{ xs: [5], ys: [2] }], 'std')).toEqual([{ x: 5, mean: 2, low: 2, high: 2, count: 1 }]);
  expect(band([], 'std')).toEqual([]);
  expect(band([{ xs: [], ys: [] }], 'std')).toEqual([]);
  const apart = [
    { xs: [0, 1], ys: [1, 1] },
    { xs: [2, 3], ys: [2, 2] },
  ];
  expect(band(apart, 'std').every(({ count }) => count > 0)).toBe(true);
});
