// What PPO learns on CartPole-v1 with rl-baselines3-zoo's settings: 100 episodes of the likeliest actions after 100,000 steps, seeds 1 to 3.
// Published: rl-baselines3-zoo's benchmark.md.

import { make } from '../src/env/index.ts';
import type { ActorCriticPolicy } from '../src/rl/index.ts';
import type { Benchmark } from './benchmark.ts';
import { mean, train, ZOO } from './learner.ts';

const [TOTAL, SEEDS, EPISODES] = [100_000, [1, 2, 3], 100];

/** The mean return of the likeliest actions. */
function evaluate(policy: ActorCriticPolicy): number {
  const env = make('CartPole-v1');
  const [row, action, logProb] = [new Float32Array(4), new Int32Array(1), new Float32Array(1)];
  const returns: number[] = [];
  for (let episode = 0; episode < EPISODES; episode++) {
    let [observation] = env.reset({ seed: 10_000 + episode });
    let [sum, ended] = [0, false];
    while (!ended) {
      policy.encodeOne(observation, row);
      policy.act(row, action, logProb, 0, null);
      const [next, reward, terminated, truncated] = env.step(action[0]!);
      observation = next;
      sum += reward;
      ended = terminated || truncated;
    }
    returns.push(sum);
  }
  return mean(returns);
}

export const benchmark: Benchmark = {
  metrics: [
    {
      key: 'lastReturn',
      what: `CartPole-v1 after ${TOTAL} steps, mean of ${SEEDS.length} seeds`,
      unit: 'return',
      better: 'higher',
      target: { kind: 'value', limit: 500 },
      published: { value: 500, source: 'rl-baselines3-zoo, +- 0' },
    },
    { key: 'worstSeed', what: 'CartPole-v1, worst seed', unit: 'return', better: 'higher' },
  ],
  peers: [
    {
      name: 'Stable-Baselines3, one seed',
      script: 'ppo_sb3.py',
      args: ['--config', 'zoo', '--total-timesteps', String(TOTAL), '--evaluate', String(EPISODES)],
      needs: ['GYMFORMER_LEARNING_PEERS'],
    },
  ],
  repeats: 1,
  slow: true,
  async measure() {
    const results: number[] = [];
    for (const seed of SEEDS) results.push(evaluate((await train('CartPole-v1', seed, ZOO, TOTAL)).policy));
    return { lastReturn: mean(results), worstSeed: Math.min(...results) };
  },
};
