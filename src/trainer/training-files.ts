// What a run needs to go on, beside the model in a checkpoint's folder:
//
//   training.safetensors   the weights that are trained, and the optimizer's moments
//   training.json          all else

import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { hasAdapters, type PretrainedModel, saveLora, savePretrained, type Tokenizer } from '../lm/index.ts';
import {
  type Module,
  type Parameter,
  readSafetensors,
  type StateDict,
  type StateEntry,
  type StateOptions,
  type TensorToWrite,
  writeSafetensorsFile,
} from '../nn/index.ts';
import type { LearnerState } from '../rl/index.ts';
import { checkFiles, checksumsOf, checksumsSchema } from './checksums.ts';
import { CheckpointError, OtherRunError } from './errors.ts';
import { packageVersion } from '../tracking/version.ts';

const TENSORS = 'training.safetensors';
const STATE = 'training.json';
const FORMAT_VERSION = 3;

const count = z.int().min(0);

/** What training.json has in every format. */
const envelope = z.object({
  format: z.string(),
  formatVersion: z.literal(FORMAT_VERSION),
  /** The version of this package that wrote it. */
  gymformer: z.string(),
  seed: count,
  optimizer: z.strictObject({ stepCount: count, learningRates: z.array(z.number()), skipped: count.optional() }),
  /** All other files. */
  files: checksumsSchema,
});

/** A kind of training.json. */
export interface TrainingFormat<S> {
  /** What training.json says it is. */
  readonly name: string;
  /** The function that writes it. */
  readonly writer: string;
  /** Of what it says besides the envelope. */
  readonly schema: z.ZodType<S>;
}

/** What learns, and with what. */
export interface Trained {
  readonly module: Module;
  readonly optimizer: { stateDict(options?: StateOptions): LearnerState; loadStateDict(state: LearnerState): void };
}

/** What decides what a run does next: a run that goes on must agree. */
export type Plan = Readonly<Record<string, number | boolean | string | null>>;

/** Writes a Hugging Face folder; of a model with adapters, PEFT's of the adapters alone. */
export async function saveModel(
  model: PretrainedModel,
  tokenizer: Tokenizer | undefined,
  folder: string,
): Promise<void> {
  if (!hasAdapters(model)) {
    await savePretrained(model, folder, { tokenizer });
    return;
  }
  await saveLora(model, folder);
  await tokenizer?.save(folder);
}

/** Writes both files into `folder`, which holds all others already. @param more tensors to keep besides, under names of their own */
export async function writeTraining<S extends object>(
  folder: string,
  { name, schema }: TrainingFormat<S>,
  { module, optimizer }: Trained,
  state: S,
  more: StateDict = new Map(),
): Promise<void> {
  const { moments, stepCount, learningRates, skipped } = optimizer.stateDict({ copy: false });
  const tensors = new Map<string, TensorToWrite>();
  const add = (entry: string, { shape, data }: StateEntry): void => {
    tensors.set(entry, { shape, dtype: 'F32', data: () => data as Float32Array });
  };
  for (const [parameter, { shape, storage }] of trainedParameters(module)) {
    add(`weights.${parameter}`, { shape, data: storage.data });
  }
  for (const [moment, entry] of moments) add(`moments.${moment}`, entry);
  for (const [entry, tensor] of more) add(entry, tensor);
  await writeSafetensorsFile(join(folder, TENSORS), tensors);
  const json: Omit<z.infer<typeof envelope>, 'seed'> = {
    format: name,
    formatVersion: FORMAT_VERSION,
    gymformer: packageVersion(),
    optimizer: { stepCount, learningRates: [...learningRates], skipped },
    files: checksumsOf(folder),
  };
  // No line end: then a file that lost its last byte is no JSON.
  await writeFile(join(folder, STATE), JSON.stringify({ ...json, ...schema.parse(state) }, null, 2));
}

/**
 * What training.json says in the folder `path`.
 *
 * @param plan what the run that goes on does; left out, it may be any
 * @throws CheckpointError naming the file and what is wrong with it, for anything but a checkpoint of this format and plan
 */
export function readTraining<S extends { readonly plan: Plan }>(
  path: string,
  format: TrainingFormat<S>,
  plan?: Plan,
): S {
  const file = join(path, STATE);
  const data = readJson(path, format.writer);
  const { format: found } = checked(file, envelope, data);
  if (found !== format.name) {
    throw new CheckpointError(path, `it is a checkpoint of ${found}. Give the folder that ${format.writer} wrote`);
  }
  const { format: _1, formatVersion: _2, gymformer: _3, optimizer: _4, files: _5, ...rest } = Object(data);
  const state = checked(file, format.schema, rest);
  if (plan !== undefined) checkPlan(path, state.plan, plan);
  return state;
}

/** @throws CheckpointError naming what a run does otherwise than the one that a checkpoint is of */
export function checkPlan(path: string, before: Plan, now: Plan): void {
  const changed = Object.keys({ ...now, ...before }).filter((key) => now[key] !== before[key]);
  if (changed.length === 0) return;
  const changes = changed.map((key) => `${key} was ${String(before[key])} and is ${String(now[key])}`);
  throw new OtherRunError(path, changes);
}

/**
 * Puts a checkpoint's weights into the module and its moments into the optimizer.
 *
 * @returns all tensors of the checkpoint
 * @throws CheckpointError if the files are not complete, or do not fit the module, which is then as before
 */
export function loadTrained(path: string, { module, optimizer }: Trained): StateDict {
  const { optimizer: rest, files } = checked(join(path, STATE), envelope, readJson(path, 'training'));
  checkFiles(path, files);
  const file = join(path, TENSORS);
  try {
    const { tensors } = readSafetensors(readFileSync(file));
    const weights = part(tensors, 'weights.');
    const lacking = [...trainedParameters(module).keys()].find((name) => !weights.has(name));
    if (lacking !== undefined) throw new Error(`it lacks ${lacking}, which is to be trained`);
    const before = optimizer.stateDict();
    optimizer.loadStateDict({ ...rest, moments: part(tensors, 'moments.') });
    try {
      module.loadStateDict(weights, { strict: false });
    } catch (error) {
      optimizer.loadStateDict(before);
      throw error;
    }
    return tensors;
  } catch (error) {
    throw new CheckpointError(file, (error as Error).message, { cause: error });
  }
}

function readJson(path: string, writer: string): unknown {
  const file = join(path, STATE);
  if (!existsSync(file)) {
    const problem = existsSync(path)
      ? `not a checkpoint to go on from: it has no ${STATE}`
      : 'there is no checkpoint here';
    throw new CheckpointError(path, `${problem}. Give the folder that ${writer} wrote`);
  }
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as unknown;
  } catch (error) {
    throw new CheckpointError(file, `not complete JSON: the checkpoint is damaged; use another one`, { cause: error });
  }
}

function checked<T>(file: string, schema: z.ZodType<T>, data: unknown): T {
  const parsed = schema.safeParse(data);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.slice(0, 5).map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new CheckpointError(file, `not what a checkpoint holds (${problems.join('; ')}); use another one`, {
    cause: parsed.error,
  });
}

/** The parameters that are not frozen, by name. */
export function trainedParameters(module: Module): Map<string, Parameter> {
  return new Map([...module.namedParameters()].filter(([, { frozen }]) => !frozen));
}

/** The tensors whose names begin with `prefix`, without it. */
export function part(tensors: ReadonlyMap<string, StateEntry>, prefix: string): StateDict {
  return new Map(
    [...tensors].filter(([name]) => name.startsWith(prefix)).map(([name, entry]) => [name.slice(prefix.length), entry]),
  );
}
