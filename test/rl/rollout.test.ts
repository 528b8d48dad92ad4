import { describe, expect, test } from 'vitest';
import {
  type AutoresetMode,
  Box,
  Dict,
  Discrete,
  type Env,
  flatten,
  MultiBinary,
  MultiDiscrete,
  type Space,
  Tuple,
} from '../../src/env/index.ts';
import { defaultRng } from '../../src/random/index.ts';
import { type Rollout, RolloutCollector } from '../../src/rl/index.ts';
import { learnerFor, policyFor, vectorOf, weightsOf } from './agents.ts';
import { RemoteScriptedEnv, ScriptedEnv, type Script } from './environments.ts';
import { expectClose } from './recorded.ts';

interface Setting {
  readonly numEnvs?: number;
  readonly mode?: AutoresetMode;
  readonly make?: () => Env;
  readonly seed?: number;
}

function collectorFor({ numEnvs = 1, mode = 'same-step', make = () => new ScriptedEnv(), seed = 7 }: Setting = {}) {
  const env = vectorOf(make, numEnvs, mode);
  return new RolloutCollector(env, policyFor(env), { generator: defaultRng(seed), seed });
}

/** The rows of one environment that can be learned from, with the observations that values at the end come from. */
function validRows(rollout: Rollout, env: number) {
  const size = rollout.observations.length / rollout.rows;
  const rows = [];
  for (let row = env; row < rollout.rows; row += rollout.numEnvs) {
    if (!rollout.valid[row]) continue;
    const final = rollout.finalRows.indexOf(row);
    rows.push({
      observation: [...rollout.observations.subarray(row * size, (row + 1) * size)],
      reward: rollout.rewards[row],
      terminated: rollout.terminated[row],
      truncated: rollout.truncated[row],
      final: final < 0 ? null : [...rollout.finalObservations.subarray(final * size, (final + 1) * size)],
    });
  }
  return rows;
}

describe('both ways of resetting', () => {
  test('give the same steps', async () => {
    const same = await collectorFor({ numEnvs: 3 }).collect({ steps: 40 });
    const next = await collectorFor({ numEnvs: 3, mode: 'next-step' }).collect({ steps: 60 });
    expect([...same.valid]).toEqual(Array.from({ length: 120 }, () => 1));
    for (const env of [0, 1, 2]) {
      const [a, b] = [validRows(same, env), validRows(next, env)];
      expect(b.length).toBeGreaterThan(30);
      expect(b.length).toBeLessThan(60);
      const both = Math.min(a.length, b.length);
      expect(b.slice(0, both)).toEqual(a.slice(0, both));
      // Every step but the last of an episode leads to the next one's observation.
      expect(a.some(({ final, truncated }) => (final !== null) !== (truncated === 1))).toBe(false);
    }
    // The steps that the other environments take meanwhile differ, and with them when an episode ends.
    const firstFive = ({ episodes }: Rollout) =>
      episodes.flatMap(({ endedAt: _when, ...episode }) => (episode.envIndex === 1 ? [episode] : [])).slice(0, 5);
    expect(firstFive(next)).toEqual(firstFive(same));
  });

  test('teach the same', async () => {
    // Three whole episodes and two steps of a fourth, with one action only, so that only the critic has something to learn.
    const lengths = [3, 4, 2, 5];
    const learned = async (mode: AutoresetMode, steps: number) => {
      const env = vectorOf(() => new ScriptedEnv({ lengths }), 1, mode);
      const { collector, ppo, policy } = learnerFor(env, {
        minibatchSize: -1,
        lrActor: 0.01,
        normalizeAdvantages: false,
      });
      const before = weightsOf(policy);
      const metrics = await ppo.update(await collector.collect({ steps }));
      return { before, after: weightsOf(policy), metrics };
    };
    const same = await learned('same-step', 11);
    const next = await learned('next-step', 14);
    expect(next.before).toEqual(same.before);
    expectClose(next.after, same.after, 1e-6, 'weights');
    expect(next.metrics.explainedVariance).toBeCloseTo(same.metrics.explainedVariance, 6);
    expect(next.metrics.valueLoss).toBeCloseTo(same.metrics.valueLoss, 6);
    expect(Math.max(...same.after.map((weight, i) => Math.abs(weight - same.before[i]!)))).toBeGreaterThan(0.01);
  });

  test('go on over the end of a rollout that an episode ends with', async () => {
    const collector = collectorFor({ mode: 'next-step', make: () => new ScriptedEnv({ lengths: [4] }) });
    const first = await collector.collect({ steps: 4 });
    const second = await collector.collect({ steps: 3 });
    expect([...first.valid]).toEqual([1, 1, 1, 1]);
    expect([...second.valid]).toEqual([0, 1, 1]);
    expect(second.observations[3]).toBe(1);
    expect(second.observations[4]).toBe(0);
  });

  test('are needed', () => {
    expect(() => collectorFor({ mode: 'disabled' })).toThrow(/same-step or next-step/);
  });
});

describe('what is written down', () => {
  test('observations in order, and where the next step starts', async () => {
    const collector = collectorFor({ make: () => new ScriptedEnv({ lengths: [3] }) });
    const [a, b] = [await collector.collect({ steps: 2 }), await collector.collect({ steps: 2 })];
    const seen = (rows: Float32Array) =>
      Array.from({ length: rows.length / 3 }, (_, i) => [rows[3 * i], rows[3 * i + 1]]);
    expect(seen(a.observations)).toEqual([
      [0, 0],
      [0, 1],
    ]);
    expect(seen(a.nextObservations)).toEqual([[0, 2]]);
    expect(a.nextObservations).toEqual(b.observations.slice(0, 3));
    expect(seen(b.observations)).toEqual([
      [0, 2],
      [1, 0],
    ]);
    expect(seen(b.finalObservations)).toEqual([]);
    expect([...b.terminated]).toEqual([1, 0]);
  });

  test('the last observation of a truncated episode', async () => {
    for (const mode of ['same-step', 'next-step'] as const) {
      const make = () => new ScriptedEnv({ lengths: [2], truncates: () => true });
      const rollout = await collectorFor({ mode, make }).collect({ steps: 3 });
      expect(rollout.finalRows).toEqual([1]);
      expect([...rollout.finalObservations.subarray(0, 2)]).toEqual([0, 2]);
      expect([...rollout.truncated]).toEqual([0, 1, 0]);
    }
  });

  test('episodes: returns, lengths and slots, over rollouts', async () => {
    const reward = (episode: number, step: number): number => 10 * episode + step;
    const collector = collectorFor({ numEnvs: 2, make: () => new ScriptedEnv({ lengths: [3, 2], reward }) });
    const rollouts = [await collector.collect({ steps: 2 }), await collector.collect({ steps: 3 })];
    const twice = (episode: object, endedAt: number) =>
      [0, 1].map((envIndex) => ({ ...episode, envIndex, endedAt: endedAt + envIndex }));
    expect(rollouts.map(({ episodes }) => episodes)).toEqual([
      [],
      [
        ...twice({ return: 6, length: 3, terminated: true }, 1),
        ...twice({ return: 23, length: 2, terminated: false }, 5),
      ],
    ]);
  });

  test('as many steps as it takes for the episodes that were asked for', async () => {
    const collector = collectorFor({ numEnvs: 2, make: () => new ScriptedEnv({ lengths: [150] }) });
    const rollout = await collector.collect({ episodes: 5 });
    expect(rollout.episodes.length).toBe(6);
    expect(rollout.rows).toBe(2 * 450);
    expect(rollout.observations.length).toBe(3 * 900);
    // Beyond what was reserved at first, all columns are as they were.
    const row = 2 * 449 + 1;
    expect([...rollout.observations.subarray(3 * row, 3 * row + 2)]).toEqual([2, 149]);
    expect([rollout.terminated[row], rollout.valid[row]]).toEqual([1, 1]);
    expect(rollout.rewards.every((reward) => reward !== 0)).toBe(true);
  });

  test('each step, to a listener, which may end it', async () => {
    const collector = collectorFor({ numEnvs: 2, make: () => new ScriptedEnv({ lengths: [2] }) });
    const steps: unknown[] = [];
    const rollout = await collector.collect({
      steps: 10,
      onStep: ({ observations, rewards, terminated, truncated, episodes }) => {
        steps.push([observations[1], rewards.length, terminated[0], truncated[0], episodes.length]);
        return steps.length < 3;
      },
    });
    expect(rollout.rows).toBe(6);
    expect(steps).toEqual([
      [0, 2, 0, 0, 0],
      [1, 2, 1, 0, 2],
      [0, 2, 0, 0, 0],
    ]);
  });

  test('nothing, if it is not said how long', async () => {
    const collector = collectorFor();
    await expect(collector.collect({})).rejects.toThrow(/either steps or episodes/);
    await expect(collector.collect({ steps: 1, episodes: 1 })).rejects.toThrow(/either steps or episodes/);
    await expect(collector.collect({ steps: 0 })).rejects.toThrow(/steps is 0/);
    await expect(collector.collect({ episodes: 1.5 })).rejects.toThrow(/episodes is 1.5/);
  });
});

test('environments that answer later give the same rollout', async () => {
  const near = await collectorFor({ numEnvs: 2 }).collect({ steps: 20 });
  const far = await collectorFor({ numEnvs: 2, make: () => new RemoteScriptedEnv() }).collect({ steps: 20 });
  expect(far).toEqual(near);
});

describe('observations become rows', () => {
  const cases: readonly (readonly [space: Space, values: readonly [unknown, unknown], rows: readonly number[][]])[] = [
    [
      new Discrete(3),
      [2, 0],
      [
        [0, 0, 1],
        [1, 0, 0],
      ],
    ],
    [
      new Discrete(3, { start: -1 }),
      [-1, 0],
      [
        [1, 0, 0],
        [0, 1, 0],
      ],
    ],
    [
      new MultiDiscrete([2, 3]),
      [Int32Array.of(1, 0), Int32Array.of(0, 2)],
      [
        [0, 1, 1, 0, 0],
        [1, 0, 0, 0, 1],
      ],
    ],
    [
      new MultiBinary(2),
      [Int8Array.of(1, 0), Int8Array.of(1, 1)],
      [
        [1, 0],
        [1, 1],
      ],
    ],
    [
      new Box({ low: 0, high: 255, shape: [1, 2], dtype: 'uint8' }),
      [Uint8Array.of(7, 9), Uint8Array.of(255, 0)],
      [
        [7, 9],
        [255, 0],
      ],
    ],
    [
      new Dict({ where: new Box({ low: -1, high: 1, shape: [2] }), what: new Discrete(2) }),
      [
        { where: Float32Array.of(0.5, -0.5), what: 1 },
        { where: Float32Array.of(0.25, 0), what: 0 },
      ],
      [],
    ],
    [
      new Tuple([new Discrete(2), new Tuple([new MultiBinary(1), new Box({ low: 0, high: 1, shape: [1] })])]),
      [
        [1, [Int8Array.of(1), Float32Array.of(0.5)]],
        [0, [Int8Array.of(0), Float32Array.of(0.75)]],
      ],
      [
        [0, 1, 1, 0.5],
        [1, 0, 0, 0.75],
      ],
    ],
  ];

  test.each(cases)('%s', async (observationSpace, values, expected) => {
    const make = () => new ScriptedEnv({ observationSpace, observe: (_, step) => values[step]!, lengths: [2] });
    const { observations } = await collectorFor({ numEnvs: 2, make }).collect({ steps: 2 });
    const rows =
      expected.length > 0 ? expected : values.map((value) => [...(flatten(observationSpace, value) as Float32Array)]);
    expect([...observations]).toEqual([...rows[0]!, ...rows[0]!, ...rows[1]!, ...rows[1]!]);
  });
});

describe('actions on their way to the environment', () => {
  const acted = async (script: Script, prepare: (policy: RolloutCollector['policy']) => void = () => undefined) => {
    const envs: ScriptedEnv[] = [];
    const make = () => {
      envs.push(new ScriptedEnv(script));
      return envs.at(-1)!;
    };
    const collector = collectorFor({ numEnvs: 2, make });
    prepare(collector.policy);
    const rollout = await collector.collect({ steps: 30 });
    const actions = Array.from({ length: 30 }, (_, t) => envs.map((env) => env.actions[t])).flat();
    const space = script.actionSpace!;
    expect(actions.every((action) => space.contains(action))).toBe(true);
    const single = Array.from({ length: 60 }, (_, row) =>
      collector.policy.head.environmentAction(rollout.actions, row),
    );
    expect(single).toEqual(actions);
    return { stored: [...rollout.actions], actions: actions as (number & ArrayLike<number>)[] };
  };

  test.each(['float32', 'float64'] as const)(
    'Box of %s: held within its bounds, but stored as drawn',
    async (dtype) => {
      const actionSpace = new Box({ low: [-1, 0], high: [1, Infinity], dtype });
      const { stored, actions } = await acted({ actionSpace }, (policy) => {
        for (const [name, parameter] of policy.namedParameters()) if (name === 'head.logStd') parameter.set([1, 1]);
      });
      const flat = actions.flatMap((action) => [...(action as unknown as Float32Array)]);
      expect(flat).toEqual(stored.map((x, i) => (i % 2 === 0 ? Math.min(1, Math.max(-1, x)) : Math.max(0, x))));
      expect(stored.filter((x, i) => i % 2 === 0 && Math.abs(x) > 1).length).toBeGreaterThan(10);
    },
  );

  test('Discrete: stored from 0, given from its start', async () => {
    const { stored, actions } = await acted({ actionSpace: new Discrete(3, { start: 5 }) });
    expect(actions).toEqual(stored.map((action) => action + 5));
    expect(new Set(stored)).toEqual(new Set([0, 1, 2]));
  });

  test('MultiDiscrete: likewise', async () => {
    const { stored, actions } = await acted({ actionSpace: new MultiDiscrete([2, 3], { start: [0, -1] }) });
    const flat = actions.flatMap((action) => [...(action as unknown as Int32Array)]);
    expect(flat).toEqual(stored.map((action, i) => (i % 2 === 0 ? action : action - 1)));
    expect(new Set(flat.filter((_, i) => i % 2 === 1))).toEqual(new Set([-1, 0, 1]));
  });

  test('MultiBinary: zeros and ones', async () => {
    const { stored, actions } = await acted({ actionSpace: new MultiBinary([1, 3]) });
    expect(actions.flatMap((action) => [...(action as unknown as Int8Array)])).toEqual(stored);
    expect(new Set(stored)).toEqual(new Set([0, 1]));
  });
});
