// trainer.json of an agent's checkpoint, beside the tensors that it describes.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CheckpointError, loadPPOAgent, trainAgent } from '../../src/trainer/index.ts';
import { MLPActorNetwork, MLPCriticNetwork } from '../../src/rl/index.ts';
import type { Target } from '../target.ts';

let made = '';

const target: Target = {
  words: ['"gymformer-ppo"', '"formatVersion":1', '"crc32"', '"tanh"', '"state"', '"../model.safetensors"'],
  refusals: [CheckpointError],
  async prepare(folder) {
    mkdirSync(folder, { recursive: true });
    const { checkpoint } = await trainAgent({
      envName: 'CartPole-v1',
      actor: new MLPActorNetwork(4, 4, 2),
      critic: new MLPCriticNetwork(4, 4),
      ppoConfig: { rolloutSteps: 16, minibatchSize: 16 },
      totalSteps: 16,
      numEnvs: 1,
      seed: 1,
      runDirectory: null,
      savePath: folder,
    }); // prettier-ignore
    made = checkpoint;
  },
  seeds: () => [Uint8Array.from(readFileSync(join(made, 'trainer.json')))],
  read(bytes) {
    writeFileSync(join(made, 'trainer.json'), bytes);
    return loadPPOAgent(made);
  },
};
export default target;
