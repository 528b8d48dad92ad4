// What it costs to write a run down: PPO on CartPole with every file of the run directory, TensorBoard and W&B, against the same run with
// nothing of it. Pairs of runs, one after the other, of which the median is told; in seconds of this process, as other work on the machine
// would hide the difference otherwise.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MLPActorNetwork, MLPCriticNetwork } from '../src/rl/index.ts';
import { TensorBoardTracker, WandbTracker } from '../src/tracking/index.ts';
import { trainAgent } from '../src/trainer/index.ts';
import type { Benchmark } from './benchmark.ts';

const PAIRS = 9;
const STEPS = 300_000;

/** Seconds of the processor that the updates of a run took; from the first on, since that compiles. */
async function secondsOfRun(folder: string, isTracked: boolean): Promise<number> {
  let begin = process.cpuUsage();
  let taken = 0;
  await trainAgent({
    envName: 'CartPole-v1',
    actor: new MLPActorNetwork(4, 64, 2, { seed: 1 }),
    critic: new MLPCriticNetwork(4, 64, { seed: 2 }),
    numEnvs: 8,
    totalSteps: STEPS,
    seed: 1,
    saveInterval: STEPS,
    savePath: join(folder, 'checkpoints'),
    runDirectory: isTracked ? mkdtempSync(join(folder, 'run-')) : null,
    trackers: isTracked ? [new TensorBoardTracker(), new WandbTracker({ mode: 'offline' })] : [],
    callbacks: {
      onUpdateEnd: ({ updates }) => {
        if (updates === 1) begin = process.cpuUsage();
        const { user, system } = process.cpuUsage(begin);
        taken = (user + system) / 1e6;
      },
    },
  });
  return taken;
}

export const benchmark: Benchmark = {
  metrics: [
    {
      key: 'percentMore',
      what: 'CartPole-v1, PPO: run directory, TensorBoard and W&B',
      unit: '% more time',
      better: 'lower',
      target: { kind: 'value', limit: 2 },
    },
  ],
  peers: [],
  repeats: 1,
  async measure() {
    const folder = mkdtempSync(join(tmpdir(), 'gymformer-tracking-'));
    try {
      await secondsOfRun(folder, true);
      const ratios: number[] = [];
      for (let pair = 0; pair < PAIRS; pair++) {
        // In turns, so that neither is always the first.
        const order = pair % 2 === 0 ? [false, true] : [true, false];
        const seconds = new Map<boolean, number>();
        for (const isTracked of order) seconds.set(isTracked, await secondsOfRun(folder, isTracked));
        ratios.push(seconds.get(true)! / seconds.get(false)!);
      }
      return { percentMore: 100 * (ratios.sort((a, b) => a - b)[Math.floor(PAIRS / 2)]! - 1) };
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};
