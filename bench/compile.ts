// What the first PPO update of a process costs beyond the ones after it: tracing, gradients, encoding and loading its programs.

import type { Benchmark } from './benchmark.ts';
import { CLEANRL, learner } from './learner.ts';

export const benchmark: Benchmark = {
  metrics: [
    {
      key: 'firstUpdate',
      what: 'first update of a PPO agent, compilation included',
      unit: 'ms',
      better: 'lower',
      target: { kind: 'value', limit: 300 },
    },
    { key: 'secondUpdate', what: 'second update', unit: 'ms', better: 'lower' },
    { key: 'secondAgent', what: 'first update of a second agent', unit: 'ms', better: 'lower' },
  ],
  peers: [],
  repeats: 5,
  async measure() {
    const time = async (body: () => Promise<unknown>): Promise<number> => {
      const started = performance.now();
      await body();
      return performance.now() - started;
    };
    const [first, second] = [learner('CartPole-v1', 1, CLEANRL), learner('CartPole-v1', 2, CLEANRL)];
    const rollout = await first.collect();
    const firstUpdate = await time(() => first.update(rollout, 0));
    const secondUpdate = await time(() => first.update(rollout, 0));
    const other = await second.collect();
    return { firstUpdate, secondUpdate, secondAgent: await time(() => second.update(other, 0)) };
  },
};
