// training.json in the checkpoint of a classic agent: what its run needs to go on, beside weights, moments and normalisers.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import type { Module } from '../nn/index.ts';
import type { GeneratorState } from '../random/index.ts';
import { packageVersion } from '../tracking/version.ts';
import { type CheckpointDetails, readCheckpoint } from './checkpoint.ts';
import { generatorState } from './checkpoint-schema.ts';
import { CheckpointError } from './errors.ts';
import { fromJson, toJson } from './plain-data.ts';
import { anyNumber, runStateShape } from './run-state.ts';
import { checkPlan, type Plan, type Trained } from './training-files.ts';

const FORMAT = 'gymformer-agent';
const FORMAT_VERSION = 2;
const FILE = 'training.json';

const schema = z.strictObject({
  format: z.literal(FORMAT),
  formatVersion: z.literal(FORMAT_VERSION),
  /** The version of this package that wrote it. */
  gymformer: z.string(),
  seed: z.int().min(0),
  plan: z.record(z.string(), z.union([z.number(), z.boolean(), z.string(), z.null()])),
  ...runStateShape,
  random: z.record(z.string(), generatorState as z.ZodType<GeneratorState>),
  /** REINFORCE's running mean of returns. */
  baseline: z.number().nullable(),
  /** Of what collects experience; null if it keeps nothing between two updates. */
  collector: z
    .strictObject({
      observations: z.instanceof(Float32Array) as z.ZodType<Float32Array>,
      returns: z.array(anyNumber).readonly(),
      lengths: z.array(z.int()).readonly(),
      resetting: z.array(z.int()).readonly(),
    })
    .nullable(),
  /** What the environments' `saveState` said; null if it cannot say. */
  environments: z.array(z.unknown()).readonly(),
});

/** Where a classic agent's run stands between two updates. */
export type AgentTraining = Omit<z.infer<typeof schema>, 'format' | 'formatVersion' | 'gymformer'>;

/** The text of training.json. */
export function agentTrainingToJson(training: AgentTraining): string {
  const file: z.infer<typeof schema> = {
    format: FORMAT,
    formatVersion: FORMAT_VERSION,
    gymformer: packageVersion(),
    ...training,
  };
  // No line end: then a file that lost its last byte is no JSON.
  return JSON.stringify(toJson(file, FILE));
}

/**
 * What training.json says in the folder `path`.
 *
 * @throws CheckpointError if there is none, it is damaged, or the run that goes on has another plan
 */
export function readAgentTraining(path: string, plan: Plan): AgentTraining {
  const file = join(path, FILE);
  if (!existsSync(file)) {
    const problem = existsSync(path)
      ? `not a checkpoint to go on from: it has no ${FILE}`
      : 'there is no checkpoint here';
    throw new CheckpointError(path, `${problem}. Give the folder that trainAgent wrote`);
  }
  let data: unknown;
  try {
    data = fromJson(JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    throw new CheckpointError(file, 'not complete JSON: the checkpoint is damaged; use another one', { cause: error });
  }
  const { format } = Object(data) as { readonly format?: unknown };
  if (format !== FORMAT)
    throw new CheckpointError(path, `it is a checkpoint of ${String(format)}, not of a classic agent`);
  const parsed = schema.safeParse(data);
  if (!parsed.success) {
    const problems = parsed.error.issues.slice(0, 5).map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw new CheckpointError(file, `not what a checkpoint holds (${problems.join('; ')}); use another one`);
  }
  const { format: _format, formatVersion: _version, gymformer: _gymformer, ...training } = parsed.data;
  checkPlan(path, training.plan, plan);
  return training;
}

/** Puts a checkpoint's weights into the policy and its moments into the optimizer. @returns what the checkpoint says of the agent */
export function loadAgent(
  path: string,
  policy: Module,
  optimizer: Pick<Trained['optimizer'], 'loadStateDict'>,
): CheckpointDetails {
  const { details, model, moments } = readCheckpoint(path);
  if (details.optimizer === null || moments === null) {
    throw new CheckpointError(path, 'not a checkpoint to go on from: it has no moments of an optimizer');
  }
  try {
    policy.loadStateDict(model);
    optimizer.loadStateDict({ ...details.optimizer, moments });
  } catch (error) {
    throw new CheckpointError(path, `it does not fit these networks: ${(error as Error).message}`, { cause: error });
  }
  return details;
}
