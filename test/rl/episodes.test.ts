import { describe, expect, test } from 'vitest';
import { Box, Discrete, type Env, flatdim, type Space } from '../../src/env/index.ts';
import { defaultRng } from '../../src/random/index.ts';
import {
  ActorCriticPolicy,
  actionHeadFor,
  EpisodeCollector,
  type EpisodeOptions,
  type EpisodeRollout,
  GRPO,
  MLPActorNetwork,
  MLPCriticNetwork,
  PPO,
  REINFORCE,
  resolvePPOConfig,
  RLOO,
} from '../../src/rl/index.ts';
import { weightsOf } from './agents.ts';
import { IdentityEnv, RemoteScriptedEnv, type Script, ScriptedEnv } from './environments.ts';
import { expectClose } from './recorded.ts';

function policyOf({ observationSpace, actionSpace }: Env, seed = 1): ActorCriticPolicy {
  const inputs = flatdim(observationSpace);
  return new ActorCriticPolicy({
    observationSpace,
    actionSpace,
    actor: new MLPActorNetwork(inputs, 16, actionHeadFor(actionSpace).outputSize, { seed }),
    critic: new MLPCriticNetwork(inputs, 16, { seed: seed + 1 }),
  });
}

function collectorOf(make: () => Env, slots: number, policy = policyOf(make())): EpisodeCollector<EpisodeRollout> {
  const envs = Array.from({ length: slots }, make);
  return new EpisodeCollector<EpisodeRollout>(envs, policy, { generator: defaultRng(5), seeds: defaultRng(6) });
}

const script: Script = { actionSpace: new Discrete(3) };

test.each([1, 3, 20])('%i slots play the episodes asked for, and rows of each follow each other', async (slots) => {
  const rollout = await collectorOf(() => new ScriptedEnv(script), slots).collect({ episodes: 12 });
  expect(rollout.episodes.length).toBe(12);
  let row = 0;
  for (const { firstRow, length, return: total, terminated } of rollout.episodes) {
    expect(firstRow).toBe(row);
    // Observations tell the number of the step.
    const steps = Array.from({ length }, (_, k) => rollout.observations[(firstRow + k) * 3 + 1]);
    expect(steps).toEqual(Array.from({ length }, (_, k) => k));
    row += length;
    expect(rollout.rewards.subarray(firstRow, row).reduce((sum, reward) => sum + reward, 0)).toBeCloseTo(total, 12);
    expect([rollout.terminated[row - 1], rollout.truncated[row - 1]]).toEqual(terminated ? [1, 0] : [0, 1]);
  }
  expect(rollout.rows).toBe(row);
  expect(rollout.terminated.reduce((sum, x) => sum + x, 0) + rollout.truncated.reduce((sum, x) => sum + x, 0)).toBe(12);
  // Every slot that ended begins anew at once.
  expect(new Set(rollout.episodes.map(({ envIndex }) => envIndex)).size).toBe(Math.min(slots, 12));
});

test('episodes of a group begin alike, those of others do not', async () => {
  const make = () => new IdentityEnv(new Box({ low: -1, high: 1, shape: [2] }), { length: 3 });
  const { episodes, observations } = await collectorOf(make, 4).collect({ episodes: 12, groupSize: 3 });
  const beginnings = new Map<number, Set<string>>();
  for (const { group, firstRow, seed } of episodes) {
    const start = `${seed}: ${observations.slice(2 * firstRow, 2 * firstRow + 2)}`;
    beginnings.set(group, (beginnings.get(group) ?? new Set()).add(start));
  }
  expect([...beginnings.keys()].sort()).toEqual([0, 1, 2, 3]);
  for (const starts of beginnings.values()) expect(starts.size).toBe(1);
  expect(new Set([...beginnings.values()].flatMap((starts) => [...starts])).size).toBe(4);
});

test('environments that answer later give the same rollout', async () => {
  const [near, far] = await Promise.all(
    [ScriptedEnv, RemoteScriptedEnv].map((Class) => collectorOf(() => new Class(script), 3).collect({ episodes: 9 })),
  );
  expect(far).toEqual(near);
});

test('stopping finishes the groups that have begun', async () => {
  const collector = collectorOf(() => new ScriptedEnv(script), 2);
  let ended = 0;
  const { episodes } = await collector.collect({ episodes: 40, groupSize: 4, onEpisode: () => ++ended < 2 });
  expect(episodes.length % 4).toBe(0);
  expect(episodes.length).toBeLessThan(12);
});

test('what was likely when acting is as likely when learning; evaluation takes the likeliest', async () => {
  for (const space of [new Discrete(4, { start: 1 }), new Box({ low: -9, high: 9, shape: [2] })] as Space[]) {
    const make = () => new IdentityEnv(space, { length: 4 });
    const policy = policyOf(make());
    const collector = collectorOf(make, 3, policy);
    const rollout = await collector.collect({ episodes: 8 });
    const fresh = new Float32Array(rollout.rows);
    const greedy = await collector.collect({ episodes: 8, deterministic: true });
    const likeliest = greedy.actions.slice();
    policy.act(greedy.observations, likeliest, fresh, 0, null);
    expectClose(greedy.actions, likeliest, 1e-6, 'actions');
    expect(rollout.logProbs).not.toEqual(fresh);
    // A step without a learning rate tells how far the policy has moved: not at all.
    const grpo = new GRPO<EpisodeRollout>(policy, { learningRate: 0 }, { generator: defaultRng(1) });
    const grouped = await collector.collect({ episodes: 8, groupSize: 2 });
    expect((await grpo.update(grouped)).approxKl).toBeLessThan(1e-6);
  }
});

test('values of truncated episodes are bootstrapped, of terminated ones not', async () => {
  const collector = collectorOf(() => new ScriptedEnv(script), 2);
  const policy = collector.policy as ActorCriticPolicy;
  const rollout = await collector.collect({ episodes: 8 });
  const { nextValues } = policy.stateValues(rollout);
  const finals = policy.values(rollout.finalObservations);
  let seen = 0;
  for (const { firstRow, length, terminated } of rollout.episodes) {
    expect(nextValues[firstRow + length - 1]).toBeCloseTo(terminated ? 0 : finals[seen++]!, 6);
  }
  expect(seen).toBe(rollout.finalRows.length);
  expect(seen).toBeGreaterThan(0);
});

test('counts that make no groups are refused', async () => {
  const collector = collectorOf(() => new ScriptedEnv(script), 1);
  for (const options of [
    { episodes: 0 },
    { episodes: 5, groupSize: 2 },
    { episodes: 2, groupSize: 0 },
  ] as EpisodeOptions[])
    await expect(collector.collect(options)).rejects.toThrow('do not make groups of');
});

const generator = () => defaultRng(7);
const settings = { learningRate: 0.01, updateEpochs: 4, minibatchSize: 64 };
/** Every algorithm that learns from whole episodes. */
const algorithms = {
  GRPO: (policy) => new GRPO<EpisodeRollout>(policy, settings, { generator: generator() }),
  'Dr. GRPO': (policy) =>
    new GRPO<EpisodeRollout>(policy, { ...settings, lossType: 'drGrpo', maxLength: 1 }, { generator: generator() }),
  RLOO: (policy) => new RLOO<EpisodeRollout>(policy, settings, { generator: generator() }),
  REINFORCE: (policy) => new REINFORCE<EpisodeRollout>(policy, settings, { generator: generator() }),
  PPO: (policy) =>
    new PPO<EpisodeRollout>(policy, resolvePPOConfig({ lrActor: 0.01, updateEpochs: 4, entropyCoef: 0 }, 1), {
      generator: generator(),
    }),
} satisfies Record<
  string,
  (policy: ActorCriticPolicy) => { update(rollout: EpisodeRollout): Promise<{ readonly policyLoss: number }> }
>;

describe.each(Object.entries(algorithms))('%s', (_, make) => {
  const run = async (space: Space, updates: number) => {
    const env = () => new IdentityEnv(space, { length: 1 });
    const policy = policyOf(env());
    const collector = collectorOf(env, 16, policy);
    const learner = make(policy);
    for (let i = 0; i < updates; i++) await learner.update(await collector.collect({ episodes: 128, groupSize: 8 }));
    const { rewards } = await collector.collect({ episodes: 128, deterministic: true });
    return { mean: rewards.reduce((sum, reward) => sum + reward, 0) / 128, weights: weightsOf(policy) };
  };

  // At random 1/3, and -1/3 - 1 in the Box; without looking -1/3.
  test.each<readonly [string, Space, updates: number, enough: number]>([
    ['Discrete', new Discrete(3, { start: 1 }), 15, 0.98],
    ['Box', new Box({ low: -1, high: 1, shape: [1] }), 40, -0.05],
  ])('learns what is asked for: %s', async (__, space, updates, enough) => {
    expect((await run(space, updates)).mean).toBeGreaterThan(enough);
  });

  test('gives the same bits for the same seeds', async () => {
    const [first, second] = [await run(new Discrete(3), 2), await run(new Discrete(3), 2)];
    expect(second).toEqual(first);
  });
});
