import { expect, it } from 'vitest';
import { Linear, uninitialized } from '../../src/nn/index.ts';

it('uninitialized leaves parameters at zeros, those made in it alone, even if it fails', () => {
  const sum = ({ weight }: Linear): number => weight.storage.data.reduce((total, x) => total + Math.abs(x), 0);
  expect(sum(uninitialized(() => new Linear(4, 4)))).toBe(0);
  expect(() =>
    uninitialized(() => {
      throw new Error('no');
    }),
  ).toThrow('no');
  expect(sum(new Linear(4, 4))).toBeGreaterThan(0);
});
