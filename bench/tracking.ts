// What it costs to write a run down: PPO on CartPole with every file of the run directory, TensorBoard and W&B, against the same run with
// nothing of it. Pairs of runs, one after the other, of which the median is told; in seconds of this process, as other work on the machine
// would hide the difference otherwise. Replays are left out: they are episodes that are played. What the end of a run takes, where it draws
// its pictures, is told apart: it is the same for a run of any length.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MLPActorNetwork, MLPCriticNetwork } from '../src/rl/index.ts';
import { TensorBoardTracker, WandbTracker } from '../src/tracking/index.ts';
import { trainAgent } from '../src/trainer/index.ts';
import type { Benchmark } from './benchmark.ts';

const PAIRS = 9;
const STEPS = 100_000;

interface Seconds {
  /** From the first update on, since that compiles, to the last. */
  readonly updates: number;
  readonly end: number;
}

/** Seconds of the processor that a run took. */
async function secondsOfRun(folder: string, isTracked: boolean): Promise<Seconds> {
  let begin = process.cpuUsage();
  const sinceThen = (): number => {
    const { user, system } = process.cpuUsage(begin);
    return (user + system) / 1e6;
  };
  let updates = 0;
  await trainAgent({
    envName: 'CartPole-v1',
    actor: new MLPActorNetwork(4, 64, 2, { seed: 1 }),
    critic: new MLPCriticNetwork(4, 64, { seed: 2 }),
    numEnvs: 8,
    totalSteps: STEPS,
    seed: 1,
    saveInterval: STEPS,
    savePath: join(folder, 'checkpoints'),
    recordEpisodes: false,
    runDirectory: isTracked ? mkdtempSync(join(folder, 'run-')) : null,
    trackers: isTracked ? [new TensorBoardTracker(), new WandbTracker({ mode: 'offline' })] : [],
    callbacks: {
      onUpdateEnd: (progress) => {
        if (progress.updates === 1) begin = process.cpuUsage();
        updates = sinceThen();
      },
    },
  });
  return { updates, end: sinceThen() - updates };
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
    {
      key: 'endMilliseconds',
      what: 'its end: pictures as SVG and PNG, the first in a process',
      unit: 'ms more',
      better: 'lower',
    },
  ],
  peers: [],
  repeats: 1,
  async measure() {
    const folder = mkdtempSync(join(tmpdir(), 'gymformer-tracking-'));
    try {
      const { end } = await secondsOfRun(folder, true);
      const { end: plainEnd } = await secondsOfRun(folder, false);
      const ratios: number[] = [];
      for (let pair = 0; pair < PAIRS; pair++) {
        // In turns, so that neither is always the first.
        const order = pair % 2 === 0 ? [false, true] : [true, false];
        const seconds = new Map<boolean, number>();
        for (const isTracked of order) seconds.set(isTracked, (await secondsOfRun(folder, isTracked)).updates);
        ratios.push(seconds.get(true)! / seconds.get(false)!);
      }
      return {
        percentMore: 100 * (ratios.sort((a, b) => a - b)[Math.floor(PAIRS / 2)]! - 1),
        endMilliseconds: 1000 * (end - plainEnd),
      };
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};
