// Whether memory stays flat over 10,000 PPO updates, each a rollout of 64 steps and 16 gradient steps.

import type { Benchmark } from './benchmark.ts';
import { CLEANRL, learner } from './learner.ts';

const [SETTLED, UPDATES] = [2_000, 10_000];

function residentMemory(): number {
  return process.memoryUsage.rss() / 2 ** 20;
}

export const benchmark: Benchmark = {
  metrics: [
    {
      key: 'growth',
      what: `growth of resident memory from update ${SETTLED} to ${UPDATES}`,
      unit: 'MB',
      better: 'lower',
      target: { kind: 'value', limit: 16 },
    },
    { key: 'resident', what: `resident memory after ${UPDATES} updates`, unit: 'MB', better: 'lower' },
  ],
  peers: [],
  async measure() {
    const { collect, update } = learner('CartPole-v1', 1, {
      ...CLEANRL,
      config: { ...CLEANRL.config, rolloutSteps: 16, minibatchSize: 16 },
    });
    let settled = 0;
    for (let i = 0; i < UPDATES; i++) {
      await update(await collect(), i / UPDATES);
      if (i + 1 === SETTLED) settled = residentMemory();
    }
    const resident = residentMemory();
    return { growth: resident - settled, resident };
  },
};
