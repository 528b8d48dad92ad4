// Environment steps a second of trainAgent on CartPole with the hyper-parameters of CleanRL's ppo.py: rollouts, updates, and writing
// metrics to a run directory, as CleanRL writes to TensorBoard's.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MLPActorNetwork, MLPCriticNetwork } from '../src/rl/index.ts';
import { trainAgent } from '../src/trainer/index.ts';
import { type Benchmark, peakMemory } from './benchmark.ts';
import { CLEANRL } from './learner.ts';

/** Five times the peers', so that ours, too, takes seconds. */
const STEPS = 512_000;

export const benchmark: Benchmark = {
  metrics: [
    {
      key: 'stepsPerSecond',
      what: "PPO on CartPole-v1, CleanRL's settings",
      unit: 'steps/s',
      better: 'higher',
      target: { kind: 'ratio', limit: 25, beside: 'CleanRL' },
    },
    { key: 'peakMemory', what: 'PPO on CartPole-v1, peak memory', unit: 'MB', better: 'lower' },
  ],
  peers: [
    { name: 'CleanRL', script: 'ppo_cleanrl.py', needs: ['CLEANRL_PPO'] },
    { name: 'Stable-Baselines3', script: 'ppo_sb3.py' },
  ],
  async measure() {
    const folder = mkdtempSync(join(tmpdir(), 'gymformer-bench-'));
    try {
      const { seconds, steps } = await trainAgent({
        envName: 'CartPole-v1',
        actor: new MLPActorNetwork(4, 64, 2, { seed: 1 }),
        critic: new MLPCriticNetwork(4, 64, { seed: 2 }),
        numEnvs: CLEANRL.numEnvs,
        ppoConfig: CLEANRL.config,
        totalSteps: STEPS,
        runDirectory: join(folder, 'run'),
        seed: 1,
      });
      return { stepsPerSecond: steps / seconds, peakMemory: peakMemory() };
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};
