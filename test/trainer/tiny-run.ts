// Small runs for the tests of this folder.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { MLPActorNetwork, MLPCriticNetwork } from '../../src/rl/index.ts';
import { trainAgent, type TrainAgentOptions, type TrainResult } from '../../src/trainer/index.ts';

/** A directory that is removed after the tests of the file that asks for it. */
export function temporaryDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), 'gymformer-test-'));
  afterAll(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** Networks for CartPole, the same every time. */
export function cartPoleNetworks(hiddenDim = 8): { actor: MLPActorNetwork; critic: MLPCriticNetwork } {
  return {
    actor: new MLPActorNetwork(4, hiddenDim, 2, { seed: 1 }),
    critic: new MLPCriticNetwork(4, hiddenDim, { seed: 2 }),
  };
}

/** Trains on CartPole for a moment: two updates of 64 steps in two environments, unless told otherwise. */
export function tinyRun(savePath: string, options: Partial<TrainAgentOptions> = {}): Promise<TrainResult> {
  return trainAgent({
    ...(options.env === undefined ? { envName: 'CartPole-v1' } : {}),
    ...cartPoleNetworks(),
    ...(options.maxEpisodes === undefined ? { totalSteps: 200 } : {}),
    numEnvs: 2,
    seed: 7,
    runDirectory: null,
    savePath,
    ppoConfig: { rolloutSteps: 64, minibatchSize: 32, updateEpochs: 2 },
    ...options,
  });
}
