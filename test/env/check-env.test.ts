import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  Box,
  CartPoleEnv,
  checkEnv,
  Dict,
  Discrete,
  type EnvMetadata,
  EnvSpec,
  InvalidAction,
  InvalidEnv,
  make,
  PassiveEnvChecker,
  registry,
  type ResetOptions,
  type ResetResult,
  type Space,
  spec,
  type StepResult,
  type SyncEnv,
  Tuple,
  TimeLimit,
} from '../../src/env/index.ts';
import { mismatch } from '../../src/env/space-mismatch.ts';
import { setWarningHandler, type WarningHandler } from '../../src/env/warnings.ts';
import { CountingEnv, LooseEnv, RemoteEnv } from './fake-env.ts';
import { flat, recorded } from './recorded.ts';

let previous: WarningHandler;
const warnings: string[] = [];
beforeEach(() => {
  warnings.length = 0;
  previous = setWarningHandler((message) => warnings.push(message));
});
afterEach(() => {
  setWarningHandler(previous);
});

/** What `step` or `reset` may wrongly return, and what the message then teaches. */
const wrongSteps: [returns: unknown, message: RegExp][] = [
  [undefined, /step\(\) must return \[observation, reward, terminated, truncated, info\], but returned undefined/],
  [
    [new Float32Array(2), 0, false, {}],
    /an array of 4; four elements are the old API, whose done is now terminated or truncated/,
  ],
  [[new Float32Array(2), '1', false, false, {}], /the reward of step\(\) must be a number, but it is the string "1"/],
  [
    [new Float32Array(2), 0, 0, false, {}],
    /terminated and truncated of step\(\) must be booleans, but they are 0 and false/,
  ],
  [[new Float32Array(2), 0, false, false], /old API/],
  [[new Float32Array(2), 0, false, false, null], /the info of step\(\) must be an object, such as {}, but it is null/],
];
const doubtfulSteps: [returns: unknown, message: RegExp][] = [
  [[new Float32Array(2), Number.NaN, false, false, {}], /the reward of step\(\) is NaN; learning needs finite rewards/],
  [
    [new Float64Array(2), 0, false, false, {}],
    /it must be a Float32Array for dtype float32, but is Float64Array\[0, 0\]/,
  ],
  [[new Float32Array(3), 0, false, false, {}], /it must have 2 elements for shape \[2\], but has 3/],
  [[Float32Array.of(0, -1), 0, false, false, {}], /element 1 of it is -1, outside \[0, 1000\]/],
];
const wrongResets: [returns: unknown, message: RegExp][] = [
  [new Float32Array(2), /reset\(\) must return \[observation, info\], but returned Float32Array\[0, 0\]/],
  [[new Float32Array(2)], /but returned an array of 1/],
  [[new Float32Array(2), 3], /the info of reset\(\) must be an object/],
];

describe('PassiveEnvChecker', () => {
  test.each(wrongSteps)('step returns %j', (returns, message) => {
    const env = new LooseEnv();
    env.stepReturns = returns;
    expect(() => new PassiveEnvChecker(env).step(0)).toThrow(message);
  });

  test.each(doubtfulSteps)('step returns %j: only a warning', (returns, message) => {
    const env = new LooseEnv();
    env.stepReturns = returns;
    expect(new PassiveEnvChecker(env).step(0)).toBe(returns);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(message);
  });

  test.each(wrongResets)('reset returns %j', (returns, message) => {
    const env = new LooseEnv();
    env.resetReturns = returns;
    expect(() => new PassiveEnvChecker(env).reset()).toThrow(message);
  });

  test('looks at the first step and reset only', () => {
    const env = new LooseEnv();
    const checked = new PassiveEnvChecker(env);
    void checked.reset();
    void checked.step(0);
    env.resetReturns = undefined;
    env.stepReturns = undefined;
    expect(checked.reset()).toBeUndefined();
    expect(checked.step('no action')).toBeUndefined();
    expect(warnings).toEqual([]);
  });

  test('the first action must be in the action space', () => {
    expect(() => new PassiveEnvChecker(new LooseEnv()).step(3)).toThrow(InvalidAction);
    expect(() => new PassiveEnvChecker(new LooseEnv()).step(3)).toThrow(
      'the action 3 is not in the action space Discrete(3): it must be an integer from 0 to 2, but is 3',
    );
    const pendulum = make('Pendulum-v1');
    pendulum.reset();
    expect(() => pendulum.step([0.5] as unknown as Float32Array<ArrayBuffer>)).toThrow(/must be a Float32Array/);
    const other = make('Pendulum-v1');
    other.reset();
    other.step(Float32Array.of(2.5));
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/element 0 of it is 2.5, outside \[-2, 2\].*wrap with new ClipAction\(env\)/);
  });

  test('checks what promises bring', async () => {
    const env = new LooseEnv();
    env.stepReturns = Promise.resolve([0, 0, 0]);
    await expect(new PassiveEnvChecker(env).step(0)).rejects.toThrow(/an array of 3/);
  });

  test('spaces', () => {
    const withSpace = (space: unknown) => () => {
      const env = new LooseEnv();
      Object.assign(env, { actionSpace: space });
      return new PassiveEnvChecker(env);
    };
    expect(withSpace(undefined)).toThrow(
      /must have actionSpace, a Space such as new Discrete\(2\).*but it is undefined/,
    );
    expect(withSpace(new Dict({}))).toThrow('actionSpace is an empty Dict');
    expect(withSpace(new Tuple([new Tuple([])]))).toThrow('actionSpace.0 is an empty Tuple');
    withSpace(new Box({ low: [0, 1], high: 1 }))();
    expect(warnings).toEqual(['actionSpace: low and high are both 1 at element 1']);
  });
});

describe('checkEnv', () => {
  test('finds nothing in environments that are as they should be', async () => {
    await checkEnv(new CountingEnv());
    await checkEnv(new RemoteEnv());
    expect(warnings).toEqual([]);
  });

  // Their only blemish in Gymnasium too: infinite velocities, and actions or bounds that are not normalised.
  test.each([...registry.keys()].filter((id) => !id.includes('/')))('finds nothing in %s', async (id) => {
    await checkEnv(spec(id).make().unwrapped);
    expect(warnings.filter((text) => !/infinity|easiest to learn/.test(text))).toEqual([]);
  });

  test('a wrapped environment', async () => {
    await checkEnv(new TimeLimit(new CountingEnv(), { maxEpisodeSteps: 3 }));
    expect(warnings[0]).toMatch(/is wrapped.*check env.unwrapped/);
  });

  test.each([...wrongSteps, ...doubtfulSteps])('step returns %j', async (returns, message) => {
    const env = new LooseEnv();
    env.stepReturns = returns;
    await expect(checkEnv(env)).rejects.toThrow(message);
  });

  test.each(wrongResets)('reset returns %j', async (returns, message) => {
    const env = new LooseEnv();
    env.resetReturns = returns;
    await expect(checkEnv(env)).rejects.toThrow(message);
  });

  const flaws: Record<string, [env: () => CountingEnv, message: RegExp]> = {
    'reset does not seed': [
      () =>
        new (class extends CountingEnv {
          protected override seedFrom(): void {}
        })(),
      /reset\({ seed: 123 }\) did not seed npRandom: call this.seedFrom\(options\) first/,
    ],
    'reset draws from elsewhere': [
      () =>
        new (class extends CountingEnv {
          override reset(options?: ResetOptions): ResetResult<Float32Array> {
            this.seedFrom(options);
            this.count = 0;
            return [Float32Array.of(0, Math.random()), {}];
          }
        })(),
      /two reset\({ seed: 123 }\) gave different observations: draw all random numbers from this.npRandom/,
    ],
    'state survives the reset': [
      () =>
        new (class extends CountingEnv {
          override reset(options?: ResetOptions): ResetResult<Float32Array> {
            this.seedFrom(options);
            return [Float32Array.of(0, this.npRandom.random()), {}];
          }
        })(),
      /the same seed and action gave a different observation and reward of step\(\): reset\(\) must set all state anew/,
    ],
    'one array for all observations': [
      () =>
        new (class extends CountingEnv {
          readonly shared = new Float32Array(2);
          total = 0;
          override observe(): Float32Array {
            this.shared[0] = this.total++;
            return this.shared;
          }
        })(),
      /gave different observations/,
    ],
    'a reset that fails with options': [
      () =>
        new (class extends CountingEnv {
          override reset(options?: ResetOptions): ResetResult<Float32Array> {
            if (options?.options) throw new TypeError('no options, please');
            return super.reset(options);
          }
        })(),
      /no options, please/,
    ],
  };
  test.each(Object.entries(flaws))('%s', async (_, [build, message]) => {
    await expect(checkEnv(build())).rejects.toThrow(message);
  });

  test('what is registered as nondeterministic may be', async () => {
    const env = flaws['reset draws from elsewhere'][0]();
    env.spec = new EnvSpec({ id: 'test/Dice-v0', entryPoint: () => new CountingEnv(), nondeterministic: true });
    await checkEnv(env);
  });

  test('every render mode', async () => {
    class Drawn extends CountingEnv {
      override readonly metadata: EnvMetadata = { renderModes: ['ansi'], renderFps: 4 };
      override readonly renderMode: string | null;
      picture: unknown = 'o';
      constructor({ renderMode = null, picture = 'o' }: { renderMode?: string | null; picture?: unknown } = {}) {
        super();
        this.renderMode = renderMode;
        this.picture = picture;
      }
      override render(): unknown {
        return this.picture;
      }
    }
    const check = async (picture: unknown) => {
      const spec = new EnvSpec({ id: 'test/Drawn-v0', entryPoint: (kwargs) => new Drawn({ picture, ...kwargs }) });
      await checkEnv(spec.make().unwrapped);
    };
    await check('o');
    await expect(check(7)).rejects.toThrow("render() in mode 'ansi' should return a string, but returned 7");
    await checkEnv(new Drawn());
    expect(warnings.at(-1)).toMatch('made without make()');
    await expect(checkEnv(new Drawn({ renderMode: 'human' }))).rejects.toThrow(
      "renderMode 'human' is not one of metadata.renderModes [ansi]",
    );
  });

  test('recommends bounds', async () => {
    class Wild extends CountingEnv {
      override readonly observationSpace = new Box({ low: 0, high: Number.POSITIVE_INFINITY, shape: [2] });
    }
    await checkEnv(new Wild());
    expect(warnings).toEqual([expect.stringMatching(/a high of observationSpace is infinity/)]);
  });

  test('wants an Env', async () => {
    await expect(checkEnv({} as CartPoleEnv)).rejects.toThrow(InvalidEnv);
  });
});

describe('why a value is not in a space', () => {
  const dict = new Dict({ a: new Discrete(2, { start: 5 }), b: new Tuple([new Discrete(2), new Discrete(3)]) });
  test.each<[Space, unknown, string | undefined]>([
    [new Discrete(2), 1, undefined],
    [new Discrete(2), 0.5, 'it must be an integer from 0 to 1, but is 0.5'],
    [dict, { a: 5, b: [0, 2] }, undefined],
    [dict, { a: 5, b: [0, 3] }, 'its .b[1] must be an integer from 0 to 2, but is 3'],
    [dict, { a: 0, b: [0, 0] }, 'its .a must be an integer from 5 to 6, but is 0'],
    [dict, { a: 5, b: [0] }, 'its .b must be an array of 2 values, but is the array [0]'],
    [dict, { a: 5 }, 'it lacks the keys b'],
    [dict, { a: 5, b: [0, 2], c: 1 }, 'it has the keys c that the space does not know'],
    [dict, [1], 'it must be an object with the keys a, b, but is the array [1]'],
    [new Box({ low: 0, high: 1 }), Float32Array.of(Number.NaN), 'element 0 of it is NaN, outside [0, 1]'],
  ])('%s: %j', (space, value, reason) => {
    expect(mismatch(space, value)?.reason).toBe(reason);
  });
});

describe('a built-in environment', () => {
  test('step before reset, and actions outside the space', () => {
    const env = make('CartPole-v1');
    expect(() => env.step(0)).toThrow('Cannot call env.step() before env.reset(): call env.reset() first');
    env.reset();
    env.step(0);
    expect(() => env.step(2)).toThrow(/action 2 .*Discrete\(2\)/);
    expect(() => new CartPoleEnv().step(0)).toThrow(/reset/);
  });

  test('time limits end the recorded episodes', () => {
    // Recorded with Gymnasium 1.4-dev: constant actions until the episode ends.
    const { episodes } = recorded<{
      episodes: Record<
        string,
        {
          constant_action: number | number[];
          reset_seed: number;
          length: number;
          terminated: boolean;
          truncated: boolean;
          return: number;
          last_obs: unknown;
        }
      >;
    }>('env-timelimit.json');
    expect(Object.keys(episodes)).toHaveLength(5);
    for (const [id, episode] of Object.entries(episodes)) {
      const env = make(id) as SyncEnv;
      const { constant_action: action } = episode;
      env.reset({ seed: episode.reset_seed });
      let result: StepResult<unknown>;
      let [length, total] = [0, 0];
      do {
        result = env.step(typeof action === 'number' ? action : Float32Array.from(action));
        length++;
        total += result[1];
      } while (!result[2] && !result[3]);
      expect([id, length, result[2], result[3]]).toEqual([id, episode.length, episode.terminated, episode.truncated]);
      expect(total).toBeCloseTo(episode.return, 8);
      flat(episode.last_obs).forEach((value, i) => expect(flat(result[0])[i]).toBeCloseTo(value, 6));
    }
  });
});
