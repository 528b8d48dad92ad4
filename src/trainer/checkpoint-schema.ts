// What trainer.json holds: everything about an agent and its training but the tensors.

import * as z from 'zod';
import { checksumsSchema } from './checksums.ts';
import { spaceSchema } from './space-json.ts';

/** What trainer.json says it is. */
export const FORMAT = 'gymformer-ppo';

/** The version of the format that this code writes; it reads no other. */
export const FORMAT_VERSION = 1;

const finite = z.number();
const count = z.int().min(0);
/** Any number: JSON has none that are not finite, so those are texts. A run that diverged may have met some. */
const real: z.ZodType<number> = z.union([finite, z.literal(['NaN', 'Infinity', '-Infinity']).transform(Number)]);
const numbers = z.array(real).readonly();

const seedSequence = z.strictObject({
  entropy: z.union([z.string().regex(/^\d+$/), z.array(z.string().regex(/^\d+$/)).readonly()]),
  spawnKey: z.array(count).readonly(),
  childrenSpawned: count,
});

/** The state of a random stream. */
export const generatorState = z.strictObject({
  bitGenerator: z.literal('PCG64'),
  state: z.strictObject({ state: z.string().regex(/^\d+$/), inc: z.string().regex(/^\d+$/) }),
  hasUint32: z.union([z.literal(0), z.literal(1)]),
  uinteger: count,
  seedSequence: seedSequence.optional(),
});

const runningMeanStd = z.strictObject({ mean: numbers, var: numbers, count: finite });

const network = z.strictObject({
  inputDim: z.int().min(1),
  hiddenDim: z.int().min(1),
  hiddenLayers: count,
  outputDim: z.int().min(1),
  activation: z.string(),
});

const counters = z.strictObject({
  /** Steps of all environments together. */
  steps: count,
  episodes: count,
  updates: count,
  runningReward: real,
  /** Of the latest 100 episodes, oldest first. */
  recentReturns: numbers,
  recentLengths: z.array(count).readonly(),
});

/** Validates trainer.json. */
export const trainerSchema = z.strictObject({
  format: z.literal(FORMAT),
  formatVersion: z.literal(FORMAT_VERSION),
  /** The version of this package that wrote it. */
  gymformer: z.string(),
  env: z.strictObject({
    /** The id, or the class name of an environment that was passed as an object. */
    name: z.string(),
    /** Null if `make` cannot make it. */
    id: z.string().nullable(),
    /** Its arguments, and `maxEpisodeSteps` if the run set it. */
    options: z.record(z.string(), z.unknown()),
    numEnvs: z.int().min(1),
  }),
  observationSpace: spaceSchema,
  actionSpace: spaceSchema,
  /** What it was trained with: `grpo`, `rloo`, `reinforce`, or an algorithm of the user's; without it, PPO. */
  algorithm: z.string().optional(),
  /** The algorithm's settings: for PPO, the resolved PPOConfig; for the user's own, nothing. */
  ppoConfig: z.record(z.string(), z.union([finite, z.string(), z.boolean(), z.null()])),
  /** How to build our own networks again; null for others, which `loadPPOAgent` must then be given, and for a critic that there is not. */
  networks: z.strictObject({ actor: network.nullable(), critic: network.nullable() }),
  counters: counters.nullable(),
  random: z
    .strictObject({
      seed: count,
      actions: generatorState,
      shuffling: generatorState,
      /** Of each sub-environment, or the one of a natively vectorised environment. */
      environments: z.array(generatorState),
    })
    .nullable(),
  normalizers: z.strictObject({
    observation: z.strictObject({ epsilon: finite, rms: runningMeanStd }).nullable(),
    reward: z
      .strictObject({
        returnRms: runningMeanStd,
        accumulatedReward: numbers,
        ended: numbers,
      })
      .nullable(),
  }),
  /** What the optimizer's state has besides tensors; null for an agent that was saved without. */
  optimizer: z.strictObject({ stepCount: count, learningRates: numbers, skipped: count.optional() }).nullable(),
  /** The other files: their lengths in bytes and CRC-32 checksums. */
  files: checksumsSchema,
});

/** The text of trainer.json. */
export function trainerToJson(trainer: TrainerState): string {
  const spell = (_key: string, value: unknown): unknown =>
    typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
  // No line end: then a file that lost its last byte is no JSON.
  return JSON.stringify(trainer, spell, 2);
}

/** What trainer.json holds. */
export type TrainerState = z.infer<typeof trainerSchema>;

/** How a network of ours was built. */
export type NetworkJson = z.infer<typeof network>;
