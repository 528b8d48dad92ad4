// What PPO learns on Acrobot-v1 with CleanRL's settings: the mean return of the last 100 episodes after 500,000 steps, seeds 1 to 3.
// Published: CleanRL's docs/benchmark/ppo.md (mean and deviation over 3 seeds).

import type { Benchmark } from './benchmark.ts';
import { last100 } from './learner.ts';

const TOTAL = 500_000;

export const benchmark: Benchmark = {
  metrics: [
    {
      key: 'lastReturn',
      what: `Acrobot-v1 after ${TOTAL} steps, mean of 3 seeds`,
      unit: 'return',
      better: 'higher',
      // No worse than CleanRL's mean less its deviation.
      target: { kind: 'value', limit: -87.68 },
      published: { value: -86.36, source: 'CleanRL, +- 1.32' },
    },
    { key: 'worstSeed', what: 'Acrobot-v1, worst seed', unit: 'return', better: 'higher' },
  ],
  peers: [
    {
      name: 'CleanRL, one seed',
      script: 'ppo_cleanrl.py',
      args: ['--env-id', 'Acrobot-v1', '--total-timesteps', String(TOTAL)],
      needs: ['CLEANRL_PPO', 'GYMFORMER_LEARNING_PEERS'],
    },
  ],
  repeats: 1,
  slow: true,
  measure: () => last100('Acrobot-v1', TOTAL),
};
