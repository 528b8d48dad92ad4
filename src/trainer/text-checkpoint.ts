// Checkpoints of reinforcement learning with language models: a Hugging Face folder, in which training.json and training.safetensors
// say how to go on.
//
//   config.json, model.safetensors, generation_config.json, tokenizer.json, ...   the actor, for whoever loads it
//   critic/                                                                       a critic with a trunk of its own, likewise
//   critic.safetensors                                                            a critic's head, and what else is its own

import { join } from 'node:path';
import * as z from 'zod';
import { SequenceClassifier, Tokenizer } from '../lm/index.ts';
import { writeSafetensorsFile } from '../nn/index.ts';
import type { TokenPolicy } from '../rl/index.ts';
import { fillDirectory } from './atomic-directory.ts';
import { generatorState } from './checkpoint-schema.ts';
import type { EpisodeRunState } from './episode-run.ts';
import { runStateShape } from './run-state.ts';
import {
  loadTrained,
  type Plan,
  readTraining,
  saveModel,
  type Trained,
  type TrainingFormat,
  writeTraining,
} from './training-files.ts';

const count = z.int().min(0);

const schema = z.strictObject({
  seed: count,
  plan: z.record(z.string(), z.union([z.number(), z.boolean(), z.string(), z.null()])),
  ...runStateShape,
  baseline: z.number().nullable(),
  judge: z.unknown(),
  random: z.strictObject({ actions: generatorState, seeds: generatorState, shuffling: generatorState }),
  environments: z.array(z.unknown()),
});

/** Where a run stands, as JSON. */
export interface TextState extends EpisodeRunState {
  readonly seed: number;
  readonly plan: Plan;
}

const FORMAT: TrainingFormat<TextState> = {
  name: 'gymformer-text',
  writer: 'trainAgent',
  schema: schema as z.ZodType<TextState>,
};

/** What a checkpoint is made of. */
export interface TextCheckpoint {
  readonly policy: TokenPolicy;
  readonly optimizer: Trained['optimizer'];
  readonly tokenizer: Tokenizer | undefined;
  readonly state: TextState;
}

/** Writes a checkpoint at `path`, over one that is there; that one stays if writing fails. */
export async function writeTextCheckpoint(path: string, checkpoint: TextCheckpoint): Promise<void> {
  const { policy, optimizer, tokenizer, state } = checkpoint;
  await fillDirectory(path, async (folder) => {
    await saveModel(policy.actor.model, tokenizer, folder);
    await writeCritic(policy, folder);
    await writeTraining(folder, FORMAT, { module: policy, optimizer }, state);
  });
}

async function writeCritic({ actor, critic }: TokenPolicy, folder: string): Promise<void> {
  if (critic === undefined) return;
  if (critic.model instanceof SequenceClassifier) {
    await saveModel(critic.model, undefined, join(folder, 'critic'));
    return;
  }
  // A trunk that the actor's model shares stands in its own file already.
  const shared = critic.model === actor.model;
  const own = [...critic.namedParameters()].filter(([name]) => !shared || !name.startsWith('model.'));
  const tensors = own.map(([name, { shape, storage }]) => {
    return [name, { shape, dtype: 'F32' as const, data: () => storage.data }] as const;
  });
  await writeSafetensorsFile(join(folder, 'critic.safetensors'), new Map(tensors));
}

/**
 * Puts a checkpoint's weights into the policy and its moments into the optimizer.
 *
 * @returns where its run stood
 * @throws CheckpointError as {@link readTraining}, or if it does not fit the policy
 */
export function loadTextCheckpoint(path: string, trained: Trained, plan: Plan): TextState {
  const state = readTraining(path, FORMAT, plan);
  loadTrained(path, trained);
  return state;
}
