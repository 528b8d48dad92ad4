// Checkpoints of supervised fine-tuning: a Hugging Face folder, in which two files more say how to go on.
//
//   config.json, model.safetensors, tokenizer.json, ...   the model, for whoever loads it
//   training.safetensors   the weights that are trained, and the optimizer's moments
//   training.json          all else

import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { type CausalLM, savePretrained } from '../lm/index.ts';
import { LoraLinear, saveLora } from '../lm/lora.ts';
import type { Tokenizer } from '../lm/index.ts';
import {
  type Module,
  type Optimizer,
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
const FORMAT = 'gymformer-sft';
const FORMAT_VERSION = 1;

const count = z.int().min(0);
const evaluation = z.strictObject({ step: count, loss: z.number() });

const schema = z.strictObject({
  format: z.literal(FORMAT),
  formatVersion: z.literal(FORMAT_VERSION),
  /** The version of this package that wrote it. */
  gymformer: z.string(),
  seed: count,
  /** What decides which rows a step is made of; a run that goes on must agree. */
  plan: z.record(z.string(), z.union([z.number(), z.boolean()])),
  step: count,
  /** Tokens read so far. */
  tokens: count,
  /** Of each step so far. */
  losses: z.array(z.number()),
  evaluations: z.array(evaluation),
  optimizer: z.strictObject({ stepCount: count, learningRates: z.array(z.number()) }),
});

/** Where a run stands, as JSON. */
export type SftState = Omit<z.infer<typeof schema>, 'format' | 'formatVersion' | 'gymformer' | 'optimizer'>;

/** What a checkpoint is made of. */
export interface SftCheckpoint {
  readonly model: CausalLM;
  readonly tokenizer: Tokenizer;
  readonly optimizer: Optimizer;
  readonly state: SftState;
}

/** Writes a checkpoint at `path`, over one that is there; that one stays if writing fails. */
export async function writeSftCheckpoint(path: string, checkpoint: SftCheckpoint): Promise<void> {
  const { model, tokenizer, optimizer, state } = checkpoint;
  await fillDirectory(path, async (folder) => {
    await saveModel(model, tokenizer, folder);
    const { moments, ...rest } = optimizer.stateDict();
    const tensors = new Map<string, TensorToWrite>();
    for (const [name, { shape, storage }] of trainedParameters(model)) {
      tensors.set(`weights.${name}`, { shape, dtype: 'F32', data: () => storage.data });
    }
    for (const [name, { shape, data }] of moments) {
      tensors.set(`moments.${name}`, { shape, dtype: 'F32', data: () => data as Float32Array });
    }
    await writeSafetensorsFile(join(folder, TENSORS), tensors);
    const json: z.infer<typeof schema> = {
      format: FORMAT,
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
async function saveModel(model: CausalLM, tokenizer: Tokenizer, folder: string): Promise<void> {
  if (!model.modules().some((module) => module instanceof LoraLinear)) {
    await savePretrained(model, folder, { tokenizer });
    return;
  }
  await saveLora(model, folder);
  await tokenizer.save(folder);
}

/**
 * Puts a checkpoint's weights into the model and its moments into the optimizer.
 *
 * @returns where its run stood
 * @throws CheckpointError naming the file and what is wrong with it, for anything but a complete checkpoint of ours, of a model
 *   of this shape and of a run of this plan
 */
export function readSftCheckpoint(
  path: string,
  { model, optimizer }: Pick<SftCheckpoint, 'model' | 'optimizer'>,
  plan: SftState['plan'],
): SftState {
  const { format: _format, formatVersion: _version, gymformer: _writer, optimizer: rest, ...state } = readState(path);
  const changed = Object.keys({ ...plan, ...state.plan }).filter((key) => plan[key] !== state.plan[key]);
  if (changed.length > 0) {
    const changes = changed.map((key) => `${key} was ${String(state.plan[key])} and is ${String(plan[key])}`);
    throw new CheckpointError(path, `it is of another run: ${changes.join(', ')}. Go on with what it was trained with`);
  }
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
  } catch (error) {
    throw new CheckpointError(file, (error as Error).message, { cause: error });
  }
  return state;
}

/** The seed of the run that a checkpoint is of. @throws CheckpointError as {@link readSftCheckpoint} */
export function seedOfCheckpoint(path: string): number {
  return readState(path).seed;
}

function readState(path: string): z.infer<typeof schema> {
  const file = join(path, STATE);
  if (!existsSync(file)) {
    const problem = existsSync(path)
      ? `not a checkpoint to go on from: it has no ${STATE}`
      : 'there is no checkpoint here';
    throw new CheckpointError(path, `${problem}. Give the folder that trainSft wrote`);
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

function trainedParameters(model: Module) {
  return new Map([...model.namedParameters()].filter(([, { frozen }]) => !frozen));
}

function part(tensors: ReadonlyMap<string, StateEntry>, prefix: string): StateDict {
  return new Map(
    [...tensors].filter(([name]) => name.startsWith(prefix)).map(([name, entry]) => [name.slice(prefix.length), entry]),
  );
}
