// Our side of tracking_live.py: trains an agent and a language model for a moment, told to TensorBoard, W&B and MLflow, trains another agent
// as if it had been killed and had gone on, then exports the first agent's run once more. `tracking.ts <folder> <address of MLflow>`; prints the ids of the runs in MLflow as JSON.

import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { completions } from '../../src/cli/completions.ts';
import { MLPActorNetwork, MLPCriticNetwork } from '../../src/rl/index.ts';
import { exportRun, MlflowTracker, TensorBoardTracker, type Tracker, WandbTracker } from '../../src/tracking/index.ts';
import { trainAgent } from '../../src/trainer/index.ts';
import { tinyText } from '../trainer/tiny-text.ts';

const [folder, uri] = process.argv.slice(2) as [string, string];

function trackersFor(): { readonly trackers: Tracker[]; readonly mlflow: MlflowTracker } {
  const mlflow = new MlflowTracker({ uri, experiment: 'peers' });
  return {
    mlflow,
    trackers: [new TensorBoardTracker(), new WandbTracker({ project: 'peers', mode: 'offline' }), mlflow],
  };
}

function train(name: string, trackers: Tracker[], more: object = {}) {
  return trainAgent({
    envName: 'CartPole-v1',
    actor: new MLPActorNetwork(4, 16, 2, { seed: 1 }),
    critic: new MLPCriticNetwork(4, 16, { seed: 2 }),
    numEnvs: 4,
    totalSteps: 6000,
    seed: 3,
    runDirectory: join(folder, name),
    trackers,
    ...more,
  });
}

const agent = trackersFor();
await train('agent', agent.trackers);

const few = { ppoConfig: { rolloutSteps: 128 }, keepCheckpoints: null, saveInterval: 20 };
await train('resumed', trackersFor().trackers, few);
const checkpoints = join(folder, 'resumed', 'checkpoints');
const saved = readdirSync(checkpoints).sort((a, b) => Number(/\d+$/.exec(a)![0]) - Number(/\d+$/.exec(b)![0]));
for (const later of saved.slice(2)) rmSync(join(checkpoints, later), { recursive: true });
rmSync(join(folder, 'resumed', 'summary.json'));
const resumed = trackersFor();
await train('resumed', resumed.trackers, { ...few, resume: join(folder, 'resumed') });

const text = trackersFor();
await tinyText(folder, { runDirectory: join(folder, 'text'), trackers: text.trackers });
await completions(join(folder, 'text'), { out: join(folder, 'texts.parquet') });

const again = [
  new TensorBoardTracker({ directory: join(folder, 'again') }),
  new WandbTracker({ directory: join(folder, 'again') }),
];
const { failures } = await exportRun(join(folder, 'agent'), again);

console.log(
  JSON.stringify({ agent: agent.mlflow.runId, text: text.mlflow.runId, resumed: resumed.mlflow.runId, failures }),
);
