// Environment steps a second while PPO trains on CartPole with the hyper-parameters of CleanRL's ppo.py, rollouts and updates included.

import { type Benchmark, peakMemory } from './benchmark.ts';
import { CLEANRL, train } from './learner.ts';

const TOTAL = 102_400;

export const benchmark: Benchmark = {
  metrics: [
    {
      key: 'stepsPerSecond',
      what: "PPO on CartPole-v1, CleanRL's settings",
      unit: 'steps/s',
      better: 'higher',
      target: { kind: 'ratio', limit: 1 },
    },
    { key: 'peakMemory', what: 'PPO on CartPole-v1, peak memory', unit: 'MB', better: 'lower' },
  ],
  peers: [
    { name: 'CleanRL', script: 'ppo_cleanrl.py', needs: ['CLEANRL_PPO'] },
    { name: 'Stable-Baselines3', script: 'ppo_sb3.py' },
  ],
  async measure() {
    const started = performance.now();
    await train('CartPole-v1', 1, CLEANRL, TOTAL);
    return { stepsPerSecond: TOTAL / ((performance.now() - started) / 1000), peakMemory: peakMemory() };
  },
};
