// Algorithms without a critic on classic environments, through trainAgent.

import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { make } from '../../src/env/index.ts';
import { MLPActorNetwork, MLPCriticNetwork } from '../../src/rl/index.ts';
import { evaluatePolicy, loadPPOAgent, trainAgent, type TrainCriticFreeOptions } from '../../src/trainer/index.ts';
import { temporaryDirectory } from './tiny-run.ts';

const root = temporaryDirectory();
let fresh = 0;

const run = (options: Partial<TrainCriticFreeOptions> = {}) =>
  trainAgent({
    ...(options.env === undefined ? { envName: 'CartPole-v1' } : {}),
    actor: new MLPActorNetwork(4, 32, 2, { seed: 1 }),
    algorithm: { name: 'grpo' },
    maxEpisodes: 64,
    seed: 1,
    runDirectory: null,
    savePath: join(root, String(fresh++)),
    ...options,
  });

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

describe('trainAgent without a critic', () => {
  test('GRPO learns to balance the pole, and its checkpoint knows how', async () => {
    // 500 is the most; a policy that has learned nothing balances for about 22 steps.
    const { episodeReturns, checkpoint } = await run({
      algorithm: { name: 'grpo', updateEpochs: 4 },
      maxEpisodes: 640,
    });
    expect(mean(episodeReturns.slice(0, 64))).toBeLessThan(40);
    expect(mean(episodeReturns.slice(-64))).toBeGreaterThan(300);
    const loaded = loadPPOAgent(checkpoint);
    expect(loaded.policy.critic).toBeUndefined();
    const { mean: evaluated } = await evaluatePolicy(loaded, 'CartPole-v1', { episodes: 10, seed: 3 });
    expect(evaluated).toBeGreaterThan(300);
  });

  test.each(['grpo', 'rloo', 'reinforce'] as const)(
    '%s: groups begin alike, and everything is written down',
    async (name) => {
      const runDirectory = join(root, `run-${name}`);
      const seeds = new Map<number, Set<number>>();
      const result = await run({
        algorithm: { name },
        updateInterval: 16,
        runDirectory,
        savePath: undefined,
        callbacks: {
          onRolloutEnd: (_progress, { episodes }) => {
            for (const { group, seed } of episodes) seeds.set(group, (seeds.get(group) ?? new Set()).add(seed));
          },
        },
      });
      expect(result).toMatchObject({ stoppedBy: 'maxEpisodes', updates: 4 });
      expect(result.episodeReturns).toEqual(result.episodeLengths);
      expect(result.steps).toBe(mean(result.episodeLengths) * 64);
      // Four rollouts of 16 episodes: 2 groups of 8 each, or 16 of one.
      const [groups, differing] = name === 'reinforce' ? [16, 4] : [2, 4];
      expect(seeds.size).toBe(groups);
      for (const drawn of seeds.values()) expect(drawn.size).toBe(differing);
      const config = JSON.parse(readFileSync(join(runDirectory, 'config.json'), 'utf8')) as object;
      expect(config).toMatchObject({ algorithm: { name, learningRate: 3e-3 }, maxEpisodes: 64, seed: 1 });
      expect(readFileSync(join(runDirectory, 'metrics.jsonl'), 'utf8').trim().split('\n')).toHaveLength(4);
    },
  );

  test('a checkpoint of another run is refused, and leaves the actor as it is', async () => {
    const { checkpoint } = await run({ maxEpisodes: 16 });
    const actor = new MLPActorNetwork(4, 32, 2, { seed: 2 });
    const before = actor.stateDict();
    await expect(run({ actor, seed: 2, resume: checkpoint })).rejects.toThrow('seed was 1 and is 2');
    expect(actor.stateDict()).toEqual(before);
  });

  test('the same seed gives the same run, with actions of numbers too', async () => {
    const pendulum = () =>
      run({
        envName: 'Pendulum-v1',
        actor: new MLPActorNetwork(3, 8, 1, { seed: 1 }),
        maxTimesteps: 20,
        maxEpisodes: 32,
        algorithm: { name: 'rloo' },
      });
    const [a, b] = [await pendulum(), await pendulum()];
    expect(b.agent.policy.stateDict()).toEqual(a.agent.policy.stateDict());
    expect(a.episodeLengths).toEqual(Array(32).fill(20));
  });

  test('an environment that is there already', async () => {
    const env = make('CartPole-v1');
    const { episodeReturns } = await run({ env, maxEpisodes: 16, updateInterval: 8 });
    expect(episodeReturns).toHaveLength(16);
    env.reset();
  });

  test.each([
    [{ critic: new MLPCriticNetwork(4, 8) }, "critic goes with PPO, not with algorithm 'grpo'"],
    [{ normalizeReward: true }, 'normalizeReward goes with PPO'],
    [{ algorithm: { name: 'sarsa' } }, "there is no algorithm 'sarsa'; there are ppo, grpo, rloo and reinforce"],
    [{ groupSize: 1 }, 'groupSize of 2 or more'],
  ])('%j cannot be', async (options, message) => {
    await expect(run(options as Partial<TrainCriticFreeOptions>)).rejects.toThrow(message);
  });
});
