// Checkpoints of the trainers on datasets: a Hugging Face folder, in which training.json and training.safetensors say how to go on.

import * as z from 'zod';
import type { Module, Optimizer, StateDict } from '../nn/index.ts';
import { fillDirectory } from './atomic-directory.ts';
import { anyNumber, runStateShape } from './run-state.ts';
import { loadTrained, part, readTraining, type TrainingFormat, writeTraining } from './training-files.ts';

/** What a run trains for; its files are named by it. */
export type ExampleKind = 'sft' | 'reward' | 'dpo';
const TRAINERS: Readonly<Record<ExampleKind, string>> = { sft: 'trainSft', reward: 'trainReward', dpo: 'trainDpo' };

const count = z.int().min(0);

const schema = z.strictObject({
  seed: count,
  /** What decides which rows a step is made of; a run that goes on must agree. */
  plan: z.record(z.string(), z.union([z.number(), z.boolean(), z.string()])),
  step: count,
  /** Tokens read so far. */
  tokens: count,
  seconds: runStateShape.seconds,
  /** What the latest step tells that is not written down yet, for an evaluation must come first; else null. */
  told: z.record(z.string(), anyNumber).nullable(),
  /** Steps that the optimizer has left out since the last that it took. */
  skipped: count.default(0),
  /** Of each step so far. */
  losses: z.array(anyNumber),
  evaluations: z.array(z.object({ step: count, loss: anyNumber }).catchall(anyNumber)),
  /** What the task needs besides. */
  extra: z.record(z.string(), z.array(z.number())),
  rows: runStateShape.rows,
  checkpoints: runStateShape.checkpoints,
});

/** Where a run stands, as JSON. */
export type ExampleState = z.infer<typeof schema>;

/** What a checkpoint is made of. */
export interface ExampleCheckpoint {
  readonly kind: ExampleKind;
  readonly model: Module;
  readonly optimizer: Optimizer;
  readonly state: ExampleState;
  /** The weights with the best evaluation, by name; undefined if those of the model are. */
  readonly best: StateDict | undefined;
  /** Writes the model's own files. */
  saveModel(folder: string): Promise<void>;
}

/** Writes a checkpoint at `path`, over one that is there; that one stays if writing fails. */
export async function writeExampleCheckpoint(path: string, checkpoint: ExampleCheckpoint): Promise<void> {
  const { kind, model: module, optimizer, state, best } = checkpoint;
  const more = new Map([...(best ?? [])].map(([name, entry]) => [BEST + name, entry]));
  await fillDirectory(path, async (folder) => {
    await checkpoint.saveModel(folder);
    await writeTraining(folder, formatOf(kind), { module, optimizer }, state, more);
  });
}

/**
 * Where a checkpoint's run stood.
 *
 * @throws CheckpointError naming the file and what is wrong with it, for anything but a checkpoint of a run of this kind and plan
 */
export function readExampleState(path: string, kind: ExampleKind, plan: ExampleState['plan']): ExampleState {
  return readTraining(path, formatOf(kind), plan);
}

/**
 * Puts a checkpoint's weights into the model and its moments into the optimizer.
 *
 * @returns the weights with the best evaluation, where those are others
 * @throws CheckpointError if the files are not complete, or do not fit the model, which is then as before
 */
export function readExampleWeights(path: string, model: Module, optimizer: Optimizer): StateDict | undefined {
  const best = part(loadTrained(path, { module: model, optimizer }), BEST);
  return best.size === 0 ? undefined : best;
}

const BEST = 'best.';

function formatOf(kind: ExampleKind): TrainingFormat<ExampleState> {
  return { name: `gymformer-${kind}`, writer: TRAINERS[kind], schema };
}
