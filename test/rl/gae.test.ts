import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { gae, type Trajectories } from '../../src/rl/index.ts';
import { expectClose, recorded } from './recorded.ts';

interface Recorded {
  readonly shape: readonly [steps: number, envs: number];
  readonly rewards: readonly number[];
  readonly values: readonly number[];
  readonly lastValues: readonly number[];
  readonly terminations: readonly number[];
  readonly truncations: readonly number[];
  readonly terminalValues: readonly number[];
  readonly cases: readonly {
    readonly name: string;
    readonly gamma: number;
    readonly gaeLambda: number;
    readonly truncations: boolean;
    readonly advantages: readonly number[];
    readonly returns: readonly number[];
  }[];
}

// test/fixtures/torch/ppo.json: stable_baselines3's RolloutBuffer, in float32.
describe('as Stable-Baselines3', () => {
  const { advantages: given } = recorded<{ advantages: Recorded }>('ppo');
  test.each(given.cases)('$name', ({ gamma, gaeLambda, truncations, advantages, returns }) => {
    const [, numEnvs] = given.shape;
    const nextValues = [...given.values.slice(numEnvs), ...given.lastValues];
    const ended = given.terminations.map((terminated, i) => {
      if (terminated) nextValues[i] = 0;
      else if (truncations && given.truncations[i]) nextValues[i] = given.terminalValues[i]!;
      return terminated || (truncations && given.truncations[i]) ? 1 : 0;
    });
    const result = gae({ numEnvs, rewards: given.rewards, values: given.values, nextValues, ended }, gamma, gaeLambda);
    expectClose(result.advantages, advantages, 2e-6, 'advantages');
    expectClose(result.returns, returns, 2e-6, 'returns');
  });
});

/** One environment; values of all states and, at the end, of the state it is left in. */
function path(rewards: readonly number[], values: readonly number[], last: 'goes on' | 'terminated'): Trajectories {
  const nextValues = values.slice(1);
  if (last === 'terminated') nextValues[nextValues.length - 1] = 0;
  const ended = rewards.map((_, t) => (last === 'terminated' && t === rewards.length - 1 ? 1 : 0));
  return { numEnvs: 1, rewards, values: values.slice(0, -1), nextValues, ended };
}

const number = fc.integer({ min: -256, max: 256 }).map((n) => n / 64);
const paths = fc
  .integer({ min: 1, max: 12 })
  .chain((steps) =>
    fc.tuple(
      fc.array(number, { minLength: steps, maxLength: steps }),
      fc.array(number, { minLength: steps + 1, maxLength: steps + 1 }),
      fc.constantFrom('goes on' as const, 'terminated' as const),
    ),
  );
const discount = fc.integer({ min: 0, max: 64 }).map((n) => n / 64);

describe('closed forms', () => {
  test('lambda 1: discounted rewards to come, and the value of where the path is cut', () => {
    fc.assert(
      fc.property(paths, discount, ([rewards, values, last], gamma) => {
        const { returns } = gae(path(rewards, values, last), gamma, 1);
        const expected = rewards.map((_, t) => {
          const rest = rewards.slice(t);
          const sum = rest.reduce((total, reward, k) => total + gamma ** k * reward, 0);
          return sum + (last === 'goes on' ? gamma ** rest.length * values.at(-1)! : 0);
        });
        expectClose(returns, expected, 1e-5);
      }),
    );
  });

  test('lambda 0: one-step TD errors', () => {
    fc.assert(
      fc.property(paths, discount, ([rewards, values, last], gamma) => {
        const { advantages } = gae(path(rewards, values, last), gamma, 0);
        const expected = rewards.map((reward, t) => {
          const cut = last === 'terminated' && t === rewards.length - 1;
          return reward + (cut ? 0 : gamma * values[t + 1]!) - values[t]!;
        });
        expectClose(advantages, expected, 1e-6);
      }),
    );
  });

  test('a constant reward without a critic: a geometric series', () => {
    const [gamma, lambda, steps] = [0.9, 0.8, 20];
    const zeros = Array.from({ length: steps + 1 }, () => 0);
    const { advantages } = gae(
      path(
        zeros.slice(1).map(() => 3),
        zeros,
        'goes on',
      ),
      gamma,
      lambda,
    );
    const decay = gamma * lambda;
    expectClose(
      advantages,
      zeros.slice(1).map((_, t) => (3 * (1 - decay ** (steps - t))) / (1 - decay)),
      1e-6,
    );
  });

  test('a critic that is right has no advantages, whatever lambda', () => {
    // r = 1 for ever: V = 1 / (1 - gamma).
    const value = 1 / (1 - 0.75);
    for (const lambda of [0, 0.5, 1]) {
      const { advantages, returns } = gae(path([1, 1, 1], [value, value, value, value], 'goes on'), 0.75, lambda);
      expect([...advantages]).toEqual([0, 0, 0]);
      expect([...returns]).toEqual([4, 4, 4]);
    }
  });
});

test('truncation takes the last value along, termination does not, and nothing leaks between episodes', () => {
  // gamma = lambda = 1/2. Environment 0 is truncated at step 1 (V = 8 there), environment 1 terminates at step 1.
  const { advantages, returns } = gae(
    {
      numEnvs: 2,
      rewards: [1, 1, 2, 2, 4, 4],
      values: [10, 10, 20, 20, 30, 30],
      nextValues: [20, 20, 8, 0, 6, 6],
      ended: [0, 0, 1, 1, 0, 0],
    },
    0.5,
    0.5,
  );
  // Step 2: 4 + 6/2 - 30 = -23. Step 1: 2 + 8/2 - 20 = -14 and 2 - 20 = -18. Step 0: 1 + 20/2 - 10 = 1, plus a quarter of that.
  expect([...advantages]).toEqual([-2.5, -3.5, -14, -18, -23, -23]);
  expect([...returns]).toEqual([7.5, 6.5, 6, 2, 7, 7]);
});
