// What PPO learns with CleanRL's settings: the mean return of the last 100 episodes after 500,000 steps, seeds 1 to 3.
// Published: CleanRL docs/benchmark/ppo.md (mean and deviation over 3 seeds).

import { type Benchmark, peakMemory } from './benchmark.ts';
import { type Task, train } from './learner.ts';

const [TOTAL, SEEDS] = [500_000, [1, 2, 3]];

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Mean over seeds, and the lowest, of the last 100 episodes. */
async function last100(id: Task): Promise<{ mean: number; worst: number }> {
  const results: number[] = [];
  for (const seed of SEEDS) results.push(mean((await train(id, seed, TOTAL)).slice(-100)));
  return { mean: mean(results), worst: Math.min(...results) };
}

export const benchmark: Benchmark = {
  metrics: [
    {
      key: 'cartPole',
      what: `CartPole-v1 after ${TOTAL} steps, mean of ${SEEDS.length} seeds`,
      unit: 'return',
      better: 'higher',
      target: { kind: 'value', limit: 475 },
      published: { value: 490.04, source: 'CleanRL, +- 6.12' },
    },
    { key: 'cartPoleWorst', what: 'CartPole-v1, worst seed', unit: 'return', better: 'higher' },
    {
      key: 'acrobot',
      what: `Acrobot-v1 after ${TOTAL} steps, mean of ${SEEDS.length} seeds`,
      unit: 'return',
      better: 'higher',
      target: { kind: 'value', limit: -100 },
      published: { value: -86.36, source: 'CleanRL, +- 1.32' },
    },
    { key: 'acrobotWorst', what: 'Acrobot-v1, worst seed', unit: 'return', better: 'higher' },
    { key: 'peakMemory', what: 'learning, peak memory', unit: 'MB', better: 'lower' },
  ],
  peers: [],
  repeats: 1,
  slow: true,
  async measure() {
    const cartPole = await last100('CartPole-v1');
    const acrobot = await last100('Acrobot-v1');
    return {
      cartPole: cartPole.mean,
      cartPoleWorst: cartPole.worst,
      acrobot: acrobot.mean,
      acrobotWorst: acrobot.worst,
      peakMemory: peakMemory(),
    };
  },
};
