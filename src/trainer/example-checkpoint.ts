// Checkpoints of the trainers on datasets: a Hugging Face folder, in which two files more say how to go on.
//
//   config.json, model.safetensors, tokenizer.json, ...   the model, for whoever loads it
//   training.safetensors   the weights that are trained, the best of them so far, and the optimizer's moments
//   training.json          all else

import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { hasAdapters, type PretrainedModel, saveLora, savePretrained, type Tokenizer } from '../lm/index.ts';
import {
  type Module,
  type Optimizer,
  type Parameter,
  readSafetensors,
  type StateDict,
  type StateEntry,
  type TensorToWrite,
  writeSafetensorsFile,
} from '../nn/index.ts';
import { fillDirectory } from './atomic-directory.ts';
import { CheckpointError } from './errors.ts';
import { packageVersion } from './version.ts';

const TENSORS = 'training.safetensors';
const STATE = 'training.json';
const FORMAT_VERSION = 1;

/** What a run trains for; its files are named by it. */
export type ExampleKind = 'sft' | 'reward' | 'dpo';
const TRAINERS: Readonly<Record<ExampleKind, string>> = { sft: 'trainSft', reward: 'trainReward', dpo: 'trainDpo' };

const count = z.int().min(0);
const evaluation = z.object({ step: count, loss: z.number() }).catchall(z.number());

const schema = z.strictObject({
  format: z.string().startsWith('gymformer-'),
  formatVersion: z.literal(FORMAT_VERSION),
  /** The version of this package that wrote it. */
  gymformer: z.string(),
  seed: count,
  /** What decides which rows a step is made of; a run that goes on must agree. */
  plan: z.record(z.string(), z.union([z.number(), z.boolean(), z.string()])),
  step: count,
  /** Tokens read so far. */
  tokens: count,
  /** Of each step so far. */
  losses: z.array(z.number()),
  evaluations: z.array(evaluation),
  /** What the task needs besides. */
  extra: z.record(z.string(), z.array(z.number())),
  optimizer: z.strictObject({ stepCount: count, learningRates: z.array(z.number()) }),
});

/** Where a run stands, as JSON. */
export type ExampleState = Omit<z.infer<typeof schema>, 'format' | 'formatVersion' | 'gymformer' | 'optimizer'>;

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
  const { kind, model, optimizer, state, best } = checkpoint;
  await fillDirectory(path, async (folder) => {
    await checkpoint.saveModel(folder);
    const { moments, ...rest } = optimizer.stateDict();
    const tensors = new Map<string, TensorToWrite>();
    const add = (name: string, { shape, data }: StateEntry): void => {
      tensors.set(name, { shape, dtype: 'F32', data: () => data as Float32Array });
    };
    for (const [name, { shape, storage }] of trainedParameters(model)) {
      add(`weights.${name}`, { shape, data: storage.data });
    }
    for (const [name, entry] of best ?? []) add(`best.${name}`, entry);
    for (const [name, entry] of moments) add(`moments.${name}`, entry);
    await writeSafetensorsFile(join(folder, TENSORS), tensors);
    const json: z.infer<typeof schema> = {
      format: `gymformer-${kind}`,
      formatVersion: FORMAT_VERSION,
      gymformer: packageVersion(),
      ...state,
      optimizer: { stepCount: rest.stepCount, learningRates: [...rest.learningRates] },
    };
    // No line end: then a file that lost its last byte is no JSON.
    await writeFile(join(folder, STATE), JSON.stringify(json, null, 2));
  });
}

/** Writes a Hugging Face folder; of a model with adapters, PEFT's of the adapters alone. */
export async function saveModel(model: PretrainedModel, tokenizer: Tokenizer, folder: string): Promise<void> {
  if (!hasAdapters(model)) {
    await savePretrained(model, folder, { tokenizer });
    return;
  }
  await saveLora(model, folder);
  await tokenizer.save(folder);
}

/**
 * Where a checkpoint's run stood.
 *
 * @throws CheckpointError naming the file and what is wrong with it, for anything but a checkpoint of a run of this kind and plan
 */
export function readExampleState(path: string, kind: ExampleKind, plan: ExampleState['plan']): ExampleState {
  const { format, formatVersion: _version, gymformer: _writer, optimizer: _rest, ...state } = readState(path, kind);
  if (format !== `gymformer-${kind}`) {
    throw new CheckpointError(path, `it is a checkpoint of ${format}. Give the folder that ${TRAINERS[kind]} wrote`);
  }
  const changed = Object.keys({ ...plan, ...state.plan }).filter((key) => plan[key] !== state.plan[key]);
  if (changed.length > 0) {
    const changes = changed.map((key) => `${key} was ${String(state.plan[key])} and is ${String(plan[key])}`);
    throw new CheckpointError(path, `it is of another run: ${changes.join(', ')}. Go on with what it was trained with`);
  }
  return state;
}

/**
 * Puts a checkpoint's weights into the model and its moments into the optimizer.
 *
 * @returns the weights with the best evaluation, where those are others
 * @throws CheckpointError if the files are not complete, or do not fit the model, which is then as before
 */
export function readExampleWeights(path: string, model: Module, optimizer: Optimizer): StateDict | undefined {
  const { optimizer: rest } = readState(path);
  const file = join(path, TENSORS);
  try {
    const { tensors } = readSafetensors(readFileSync(file));
    const weights = part(tensors, 'weights.');
    const lacking = [...trainedParameters(model).keys()].find((name) => !weights.has(name));
    if (lacking !== undefined) throw new Error(`it lacks ${lacking}, which is to be trained`);
    const before = optimizer.stateDict();
    optimizer.loadStateDict({ ...rest, moments: part(tensors, 'moments.') });
    try {
      model.loadStateDict(weights, { strict: false });
    } catch (error) {
      optimizer.loadStateDict(before);
      throw error;
    }
    const best = part(tensors, 'best.');
    return best.size === 0 ? undefined : best;
  } catch (error) {
    throw new CheckpointError(file, (error as Error).message, { cause: error });
  }
}

/** The seed of the run that a checkpoint is of. @throws CheckpointError if there is none */
export function seedOfCheckpoint(path: string): number {
  return readState(path).seed;
}

function readState(path: string, kind?: ExampleKind): z.infer<typeof schema> {
  const file = join(path, STATE);
  if (!existsSync(file)) {
    const problem = existsSync(path)
      ? `not a checkpoint to go on from: it has no ${STATE}`
      : 'there is no checkpoint here';
    throw new CheckpointError(
      path,
      `${problem}. Give the folder that ${kind === undefined ? 'training' : TRAINERS[kind]} wrote`,
    );
  }
  let data: unknown;
  try {
    data = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new CheckpointError(file, `not complete JSON: the checkpoint is damaged; use another one`, { cause: error });
  }
  const parsed = schema.safeParse(data);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.slice(0, 5).map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new CheckpointError(file, `not what a checkpoint holds (${problems.join('; ')}); use another one`, {
    cause: parsed.error,
  });
}

/** The parameters that are not frozen, by name. */
export function trainedParameters(model: Module): Map<string, Parameter> {
  return new Map([...model.namedParameters()].filter(([, { frozen }]) => !frozen));
}

function part(tensors: ReadonlyMap<string, StateEntry>, prefix: string): StateDict {
  return new Map(
    [...tensors].filter(([name]) => name.startsWith(prefix)).map(([name, entry]) => [name.slice(prefix.length), entry]),
  );
}
