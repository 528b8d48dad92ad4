// What the classic control tasks promise beyond Gymnasium's episodes: how they refuse what is wrong, and where they start.

import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  AcrobotEnv,
  CartPoleEnv,
  MountainCarContinuousEnv,
  MountainCarEnv,
  PendulumEnv,
} from '../../../src/env/classic-control/index.ts';
import { cosine, sine } from '../../../src/env/classic-control/sine-cosine.ts';
import type { SyncEnv } from '../../../src/env/env.ts';
import { InvalidAction, InvalidBound, ResetNeeded, UnsupportedMode } from '../../../src/env/errors.ts';
import { setWarningHandler, type WarningHandler } from '../../../src/env/warnings.ts';

const discrete = [
  { name: 'CartPole', make: () => new CartPoleEnv(), valid: 1, invalid: [2, -1, 0.5, Number.NaN, '1', true, null] },
  {
    name: 'MountainCar',
    make: () => new MountainCarEnv(),
    valid: 2,
    invalid: [3, -1, 0.5, Number.NaN, '1', true, null],
  },
  { name: 'Acrobot', make: () => new AcrobotEnv(), valid: 2, invalid: [3, -1, 0.5, Number.NaN, '1', true, null] },
];
const continuousInvalid = [[], [1, 2], [Number.NaN], 1, null, undefined, Float32Array.of(0, 0)];
const valid = Float32Array.of(0.5);
const continuous = [
  { name: 'MountainCarContinuous', make: () => new MountainCarContinuousEnv(), valid, invalid: continuousInvalid },
  { name: 'Pendulum', make: () => new PendulumEnv(), valid, invalid: continuousInvalid },
];

describe.each([...discrete, ...continuous])('$name', ({ name, make, valid, invalid }) => {
  const env = make() as unknown as SyncEnv & { state: readonly number[] };

  test('must be reset before it is stepped', () => {
    expect(() => (make() as unknown as SyncEnv).step(valid)).toThrow(ResetNeeded);
    expect(() => (make() as unknown as SyncEnv).step(valid)).toThrow(/call reset first/);
  });

  test('refuses actions outside its space, naming both, and keeps its state', () => {
    env.reset({ seed: 1 });
    const before = env.state;
    for (const action of invalid) {
      expect(() => env.step(action), String(action)).toThrow(InvalidAction);
      expect(() => env.step(action)).toThrow(`${name}: action`);
      expect(() => env.step(action)).toThrow(String(env.actionSpace));
    }
    expect(env.state).toEqual(before);
  });

  test('gives a new observation array each step, and goes on from a state that was set', () => {
    env.reset({ seed: 1 });
    const before = env.state;
    const [first] = env.step(valid);
    const copy = Array.from(first as Float32Array);
    const after = env.state;
    env.step(valid);
    expect(Array.from(first as Float32Array)).toEqual(copy);
    env.state = before;
    env.step(valid);
    expect(env.state).toEqual(after);
  });
});

test('reset options that are no bounds are refused', () => {
  const env = new CartPoleEnv();
  expect(() => env.reset({ options: { low: 1, high: 0 } })).toThrow(InvalidBound);
  expect(() => env.reset({ options: { low: 'a' } })).toThrow('reset option low must be a number but is "a"');
  expect(() => new PendulumEnv().reset({ options: { x_init: null } })).toThrow('x_init must be a number but is null');
});

test('render modes that there are not are refused', () => {
  expect(() => new CartPoleEnv({ renderMode: 'ansi' })).toThrow(UnsupportedMode);
  expect(() => new CartPoleEnv({ renderMode: 'ansi' })).toThrow(
    "CartPole has no render mode 'ansi'; it has 'human', 'rgb_array'",
  );
});

test('continuous actions beyond the bounds are clipped', () => {
  for (const make of [() => new PendulumEnv(), () => new MountainCarContinuousEnv()]) {
    const [one, other] = [make(), make()];
    one.reset({ seed: 3 });
    other.reset({ seed: 3 });
    one.step(Float32Array.of(50));
    other.step(Float32Array.from(other.actionSpace.high));
    expect(one.state).toEqual(other.state);
  }
});

test('MountainCarContinuous pays for the action as it was given', () => {
  const env = new MountainCarContinuousEnv();
  env.reset({ seed: 3 });
  expect(env.step(Float32Array.of(3))[1]).toBeCloseTo(-0.9, 12);
});

test('MountainCar ends at the flag only with the goal velocity', () => {
  const reachFlag = (env: MountainCarEnv | MountainCarContinuousEnv) => {
    env.state = [0.49, 0.03];
    return env;
  };
  expect(reachFlag(new MountainCarEnv()).step(2 as never)[2]).toBe(true);
  expect(reachFlag(new MountainCarEnv({ goalVelocity: 0.05 })).step(2 as never)[2]).toBe(false);
  const [, reward, terminated] = reachFlag(new MountainCarContinuousEnv()).step(Float32Array.of(0) as never);
  expect([reward, terminated]).toEqual([100, true]);
});

test('a car at the left wall stands still', () => {
  for (const env of [new MountainCarEnv(), new MountainCarContinuousEnv()]) {
    env.state = [-1.19, -0.07];
    env.step((env instanceof MountainCarEnv ? 0 : Float32Array.of(-1)) as never);
    expect(env.state?.[0]).toBeCloseTo(-1.2, 6);
    expect(env.state?.[1]).toBe(0);
  }
});

describe('CartPole after the fall', () => {
  const warnings: string[] = [];
  let previous: WarningHandler;
  beforeEach(() => {
    warnings.length = 0;
    previous = setWarningHandler((message) => warnings.push(message));
  });
  afterEach(() => void setWarningHandler(previous));

  // Gymnasium: the step that ends the episode earns 1, those beyond it 0 and one warning; -1 each with the other reward.
  test.each([
    [false, [1, 0, 0]],
    [true, [-1, -1, -1]],
  ])('suttonBartoReward %s', (suttonBartoReward, rewards) => {
    const env = new CartPoleEnv({ suttonBartoReward });
    env.reset({ seed: 1 });
    env.state = [2.39, 5, 0, 0];
    expect([env.step(1), env.step(1), env.step(1)].map(([, reward]) => reward)).toEqual(rewards);
    expect(warnings).toHaveLength(1);
  });
});

// V8's are fdlibm's, whose coefficients we use. Only the sine of -0 is 0 here.
test('sine and cosine are those of Math, to the last bit, within and beyond the polynomials', () => {
  fc.assert(
    fc.property(fc.double({ min: -1, max: 1, noNaN: true }), (angle) => {
      expect(sine(angle) === Math.sin(angle)).toBe(true);
      expect(cosine(angle) === Math.cos(angle)).toBe(true);
    }),
    { numRuns: 5000 },
  );
  for (let i = 0; i <= 20_000; i++) {
    const angle = -0.31 + (0.62 * i) / 20_000;
    if (sine(angle) !== Math.sin(angle) || cosine(angle) !== Math.cos(angle)) expect.unreachable(`differs at ${angle}`);
  }
});
