// Checkpoints: an agent and its training as a directory that is complete or not there.
//
//   model.safetensors      the policy's parameters: actor.*, critic.*, and head.* where the action space has its own
//   optimizer.safetensors  the optimizer's moments; absent for an agent that is not being trained
//   trainer.json           all else that an agent is; see checkpoint-schema.ts
//   training.json          where its run stood, to go on from there; see agent-training.ts

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type * as z from 'zod';
import { readSafetensors, type StateDict, writeSafetensors } from '../nn/index.ts';
import { leftBehind, writeDirectory } from './atomic-directory.ts';
import { FORMAT, FORMAT_VERSION, type TrainerState, trainerSchema, trainerToJson } from './checkpoint-schema.ts';
import { checkFiles } from './checksums.ts';
import { CheckpointError } from './errors.ts';
import { packageVersion } from '../tracking/version.ts';

const MODEL = 'model.safetensors';
const OPTIMIZER = 'optimizer.safetensors';
const TRAINER = 'trainer.json';
const TRAINING = 'training.json';

/** What a checkpoint says besides tensors and what it says of its own files. */
export type CheckpointDetails = Omit<TrainerState, 'format' | 'formatVersion' | 'gymformer' | 'files'>;

/** A checkpoint in memory. */
export interface Checkpoint {
  readonly details: CheckpointDetails;
  readonly model: StateDict;
  /** The optimizer's moments; null for an agent that is not being trained. */
  readonly moments: StateDict | null;
}

/** A checkpoint that is written. */
export interface CheckpointToWrite extends Checkpoint {
  /** The text of training.json, for a run that may go on. */
  readonly training?: string | undefined;
}

/** Writes a checkpoint at `path`, over one that is there; that one stays if writing fails. Its directory is created. */
export function writeCheckpoint(path: string, { details, model, moments, training }: CheckpointToWrite): void {
  const files = new Map<string, Uint8Array | string>([[MODEL, writeSafetensors(model)]]);
  if (moments !== null) files.set(OPTIMIZER, writeSafetensors(moments));
  if (training !== undefined) files.set(TRAINING, training);
  const sums = [...files].map(([name, content]) => {
    return [name, { bytes: Buffer.byteLength(content), crc32: crc32(content) }] as const;
  });
  const trainer: TrainerState = {
    format: FORMAT,
    formatVersion: FORMAT_VERSION,
    gymformer: packageVersion(),
    ...details,
    files: Object.fromEntries(sums),
  };
  files.set(TRAINER, trainerToJson(trainer));
  writeDirectory(path, files);
}

/**
 * Reads a checkpoint.
 *
 * @throws CheckpointError naming the file and what is wrong with it, for anything but a complete checkpoint of ours
 */
export function readCheckpoint(path: string): Checkpoint {
  const trainer = readTrainer(path);
  const { format: _format, formatVersion: _version, gymformer: _gymformer, files, ...details } = trainer;
  checkFiles(path, files);
  const model = readTensors(path, MODEL, files);
  const moments = details.optimizer === null ? null : readTensors(path, OPTIMIZER, files);
  return { details, model, moments };
}

function readTrainer(path: string): TrainerState {
  if (!existsSync(path)) {
    const previous = leftBehind(path);
    const hint = previous === undefined ? '' : `; ${previous} is the one before it, complete: rename it to use it`;
    throw new CheckpointError(path, `there is no checkpoint here${hint}`);
  }
  const file = join(path, TRAINER);
  if (!existsSync(file)) {
    throw new CheckpointError(path, `not a checkpoint: it has no ${TRAINER}. Give the directory that trainAgent wrote`);
  }
  let data: unknown;
  try {
    data = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    const problem = `not complete JSON (${(error as Error).message}): the checkpoint is damaged; use another one`;
    throw new CheckpointError(file, problem, { cause: error });
  }
  checkFormat(file, data);
  const parsed = trainerSchema.safeParse(data);
  if (!parsed.success) throw new CheckpointError(file, describe(parsed.error.issues), { cause: parsed.error });
  return parsed.data;
}

/** Another format or version is told before its fields are. */
function checkFormat(file: string, data: unknown): void {
  const { format, formatVersion, gymformer } = Object(data) as Readonly<Record<string, unknown>>;
  if (format !== FORMAT) {
    throw new CheckpointError(file, `format is ${JSON.stringify(format)}, but a checkpoint of ours says '${FORMAT}'`);
  }
  if (formatVersion !== FORMAT_VERSION) {
    throw new CheckpointError(
      file,
      `format version ${JSON.stringify(formatVersion)}, written by gymformer ${JSON.stringify(gymformer)}, cannot be read: ` +
        `this gymformer (${packageVersion()}) reads version ${FORMAT_VERSION}. Load it with the version that wrote it`,
    );
  }
}

function describe(issues: readonly z.core.$ZodIssue[]): string {
  const problems = issues.slice(0, 5).map(({ path, message }) => `${path.join('.') || 'the file'}: ${message}`);
  const more = issues.length > 5 ? `; and ${issues.length - 5} more` : '';
  return `not what a checkpoint holds (${problems.join('; ')}${more}). It was changed or damaged; use another one`;
}

function readTensors(path: string, name: string, files: TrainerState['files']): StateDict {
  const file = join(path, name);
  if (files[name] === undefined) throw new CheckpointError(join(path, TRAINER), `files does not list ${name}`);
  try {
    return readSafetensors(readFileSync(file)).tensors;
  } catch (error) {
    throw new CheckpointError(file, (error as Error).message, { cause: error });
  }
}
