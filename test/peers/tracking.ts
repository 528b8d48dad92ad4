// Our side of tracking_live.py: trains an agent and a language model for a moment, told to TensorBoard, W&B and MLflow, then exports the
// agent's run once more. `tracking.ts <folder> <address of MLflow>`; prints the ids of the runs in MLflow as JSON.

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

const agent = trackersFor();
await trainAgent({
  envName: 'CartPole-v1',
  actor: new MLPActorNetwork(4, 16, 2, { seed: 1 }),
  critic: new MLPCriticNetwork(4, 16, { seed: 2 }),
  numEnvs: 4,
  totalSteps: 6000,
  seed: 3,
  runDirectory: join(folder, 'agent'),
  trackers: agent.trackers,
});

const text = trackersFor();
await tinyText(folder, { runDirectory: join(folder, 'text'), trackers: text.trackers });
await completions(join(folder, 'text'), { out: join(folder, 'texts.parquet') });

const again = [
  new TensorBoardTracker({ directory: join(folder, 'again') }),
  new WandbTracker({ directory: join(folder, 'again') }),
];
const { failures } = await exportRun(join(folder, 'agent'), again);

console.log(JSON.stringify({ agent: agent.mlflow.runId, text: text.mlflow.runId, failures }));
