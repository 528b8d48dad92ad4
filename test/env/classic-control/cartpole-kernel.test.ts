// The WebAssembly program against the same physics in TypeScript, which the episodes recorded from Gymnasium check.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CartPoleKernel } from '../../../src/env/classic-control/cartpole-kernel.ts';
import { advance, FORCE } from '../../../src/env/classic-control/cartpole-physics.ts';

const settings = { maxEpisodeSteps: 500, stepReward: 1, fallReward: 1 };

/** Evenly spread; fast-check's own doubles are mostly tiny. */
const within = (low: number, high: number) =>
  fc.integer({ min: 0, max: 1e9 }).map((part) => low + ((high - low) * part) / 1e9);
/** Angles within the polynomials (0.2998), at the limit of an episode (0.2094), and far beyond both. */
const angle = fc.oneof(
  within(-0.3, 0.3),
  within(0.2, 0.22),
  within(-10, 10),
  fc.double({ min: -1, max: 1, noNaN: true }),
);
const state = fc.tuple(within(-3, 3), within(-5, 5), angle, within(-5, 5));
const cart = fc.record({ state, action: fc.constantFrom(0, 1) });

test('moves any states, of any number of cart-poles, as `advance` does, to the last bit', () => {
  let small = 0;
  let large = 0;
  fc.assert(
    fc.property(fc.array(cart, { minLength: 1, maxLength: 9 }), (carts) => {
      const numEnvs = carts.length;
      const kernel = new CartPoleKernel({ ...settings, numEnvs });
      const states = new Float64Array(4 * numEnvs);
      const observations = new Float32Array(4 * numEnvs);
      carts.forEach(({ state, action }, i) => {
        states.set(state, 4 * i);
        kernel.states.forEach((row, column) => {
          row[i] = state[column];
        });
        kernel.actions[i] = action;
      });
      for (let step = 0; step < 3; step++) {
        small += states.filter((theta, i) => i % 4 === 2 && Math.abs(theta) < 0.29).length;
        large += states.filter((theta, i) => i % 4 === 2 && Math.abs(theta) > 0.31).length;
        const failed = carts.map(({ action }, i) =>
          advance(states, observations, 4 * i, action * (2 * FORCE) - FORCE) ? 1 : 0,
        );
        const endedCount = kernel.step(0, 0, 0);
        expect(carts.flatMap((_, i) => kernel.states.map((row) => row[i]))).toEqual([...states]);
        const [observed, rewards, terminations, truncations] = kernel.results();
        expect(observed).toEqual(observations);
        expect([...terminations]).toEqual(failed);
        expect([...rewards, ...truncations]).toEqual([...failed.map(() => 1), ...failed.map(() => 0)]);
        expect([...kernel.ended.subarray(0, endedCount)]).toEqual(failed.flatMap((flag, i) => (flag ? [i] : [])));
      }
    }),
  );
  expect(Math.min(small, large)).toBeGreaterThan(100);
});

test('restarts only the cart-poles that ended, each from its column of random numbers', () => {
  const kernel = new CartPoleKernel({ numEnvs: 5, maxEpisodeSteps: 1, stepReward: 0, fallReward: -1 });
  kernel.states[0].set([0, 9, 0, -9, 0]);
  expect(kernel.step(0, 0, 0)).toBe(5);
  expect(
    kernel
      .results()
      .slice(1)
      .map((values) => [...values]),
  ).toEqual([
    [0, -1, 0, -1, 0],
    [0, 1, 0, 1, 0],
    [1, 1, 1, 1, 1],
  ]);
  kernel.ended.set([1, 4]);
  kernel.uniform.set([0, 1, 2, 3, 4, 5, 6, 7]);
  expect(kernel.step(2, 10, 2)).toBe(3);
  expect(kernel.states.map((row) => [row[1], row[4]])).toEqual([
    [10, 12],
    [14, 16],
    [18, 20],
    [22, 24],
  ]);
  expect([...kernel.results()[0].subarray(4, 8)]).toEqual([10, 14, 18, 22]);
  expect([...kernel.ended.subarray(0, 3)]).toEqual([0, 2, 3]);
  expect(
    kernel
      .results()
      .slice(1)
      .map((values) => [...values]),
  ).toEqual([
    [0, 0, 0, -1, 0],
    [0, 0, 0, 1, 0],
    [1, 0, 1, 1, 0],
  ]);
});

test('kernels do not share memory, and results are copies', () => {
  const kernels = [1, 2].map(() => new CartPoleKernel({ ...settings, numEnvs: 2 }));
  kernels[0]?.actions.fill(1);
  kernels[0]?.step(0, 0, 0);
  const observations = kernels[0]?.results()[0];
  const copy = observations?.slice();
  kernels[1]?.step(0, 0, 0);
  kernels[0]?.step(0, 0, 0);
  expect(observations).toEqual(copy);
  expect(kernels[0]?.results()[0]).not.toEqual(copy);
  // From rest, one step to the left is one to the right mirrored.
  expect(kernels[1]?.results()[0]).toEqual(copy?.map((x) => (x === 0 ? 0 : -x)));
});
