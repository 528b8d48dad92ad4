// Our side of test/peers/checkpoint.py: trains an agent briefly, saves it in the folder given, and prints what its networks say of
// some observations, as one line of JSON: { checkpoint, observations: [[..]..], scores: [[..]..], values: [..] }.

import { join } from 'node:path';
import { argv } from 'node:process';
import { MLPActorNetwork, MLPCriticNetwork } from '../../src/rl/index.ts';
import { compile } from '../../src/runtime/index.ts';
import { type Tensor, tensor } from '../../src/tensor/index.ts';
import { trainAgent } from '../../src/trainer/index.ts';

const folder = argv[2];
if (folder === undefined) throw new Error('give the folder to save in: tsx test/peers/checkpoint.ts <folder>');

const actor = new MLPActorNetwork(4, 64, 2, { seed: 1 });
const critic = new MLPCriticNetwork(4, 64, { seed: 2 });
const { checkpoint } = await trainAgent({
  envName: 'CartPole-v1',
  actor,
  critic,
  numEnvs: 2,
  totalSteps: 512,
  ppoConfig: { rolloutSteps: 128, minibatchSize: 64, updateEpochs: 2 },
  savePath: join(folder, 'checkpoints'),
  runDirectory: null,
  seed: 3,
});

const observations = [
  [0, 0, 0, 0],
  [0.1, -0.2, 0.05, 0.3],
  [-1.5, 2, -0.2, -3],
];
const judge = compile((x: Tensor) => [actor.forward(x), critic.forward(x)] as const, { threads: 1 });
const [scores, values] = judge(tensor(observations));
const rows = Array.from(scores.dataSync());
const answer = {
  checkpoint,
  observations,
  scores: observations.map((_, row) => rows.slice(2 * row, 2 * row + 2)),
  values: Array.from(values.dataSync()),
};
console.log(JSON.stringify(answer));
