// What a recipe of kind `reasoning` may say, and what is expected of it.

import * as z from 'zod';
import { type AdditionOptions, type ArithmeticOptions, type CoTEnvOptions, REWARD_NAMES } from '../env/text/index.ts';
import type { TrainTextOptions } from '../trainer/index.ts';
import { algorithmSchema } from './algorithm-schema.ts';
import { aModel, newModelConfig } from './new-model.ts';
import {
  envTroubleOptions,
  flag,
  fraction,
  natural,
  number,
  positive,
  positiveInteger,
  rewardErrors,
  text,
} from './schema-fields.ts';
import { sftOptions } from './sft-schema.ts';
import { trackingSchema } from './tracking-schema.ts';

const either = (names: readonly string[]): string => `'${names.slice(0, -1).join("', '")}' or '${names.at(-1)}'`;

const tokenizerSchema = z.strictObject(
  {
    /** `characters`: one token each, of those that occur; `bytes`: any text, common sequences merged up to `vocabSize`. Default characters. */
    type: z.enum(['characters', 'bytes'], { error: "'characters' or 'bytes'" }).optional(),
    /** For `bytes`. Default: nothing merged. */
    vocabSize: positiveInteger.optional(),
    /** Texts that are one token each. Default: the four tags of CoTEnv. */
    addedTokens: z.array(text, { error: "a list such as ['<think>', '</think>']" }).optional(),
  },
  { error: 'a mapping such as { type: characters }' },
);

const newModelSchema = z.strictObject({
  config: newModelConfig,
  tokenizer: tokenizerSchema.optional(),
});

const additionFields = {
  digits: positiveInteger,
  count: positiveInteger,
  seed: natural.optional(),
} satisfies { readonly [K in keyof AdditionOptions]-?: z.ZodType<AdditionOptions[K]> };

const arithmeticFields = {
  count: positiveInteger,
  seed: natural.optional(),
  operations: z
    .array(z.enum(['+', '-', '*', '/'], { error: "'+', '-', '*' or '/'" }), { error: "a list such as ['+', '-']" })
    .optional(),
  depth: positiveInteger.optional(),
  maxOperand: positiveInteger.optional(),
  parentheses: flag.optional(),
  division: z.literal('exact', { error: "'exact'" }).optional(),
} satisfies { readonly [K in keyof ArithmeticOptions]-?: z.ZodType<ArithmeticOptions[K]> };

const aDataset = 'a JSON file of problems, or a mapping such as { generator: addition, digits: 3, count: 20000 }';
const datasetSchema = z.union(
  [
    text,
    z.discriminatedUnion(
      'generator',
      [
        z.strictObject({ generator: z.literal('addition'), ...additionFields }),
        z.strictObject({ generator: z.literal('arithmetic'), ...arithmeticFields }),
      ],
      { error: ({ code }) => (code === 'invalid_union' ? "'addition' or 'arithmetic'" : aDataset) },
    ),
  ],
  { error: aDataset },
);

const problemSchema = z.strictObject(
  { question: text, answer: text, solution: text.optional() },
  { error: 'a mapping of question, answer and, if there is one, solution' },
);

/** What the run settles itself, and a recipe does not. */
type CoTEnvOfRun = 'tokenizer' | 'dataset' | 'split' | 'renderMode';

const rewardName = z.enum(REWARD_NAMES, { error: either(REWARD_NAMES) });
const aReward = 'a name such as exactMatch, or a list of names with weights such as [[exactMatch, 1], [format, 0.2]]';
const envFields = {
  testSplit: fraction.optional(),
  splitSeed: natural.optional(),
  maxGeneration: positiveInteger.optional(),
  promptFormat: z.enum(['chat', 'plain'], { error: "'chat' or 'plain'" }).optional(),
  template: text.optional(),
  systemMessage: z.string({ error: 'a text' }).optional(),
  fewShot: z.array(problemSchema, { error: 'a list of problems with solutions; [] for none' }).optional(),
  reward: z.union([rewardName, z.array(z.tuple([rewardName, number])).min(1)], { error: aReward }).optional(),
  rewardTimeoutMs: positive.optional(),
  rewardRetries: natural.optional(),
  rewardErrors: rewardErrors.optional(),
} satisfies { readonly [K in Exclude<keyof CoTEnvOptions, CoTEnvOfRun>]-?: z.ZodType<CoTEnvOptions[K]> };

/** What a recipe of this kind settles by its other parts. */
type SftOfRun = 'seed' | 'runDirectory' | 'savePath' | 'format' | 'resume';
const {
  seed: _seed,
  runDirectory: _directory,
  savePath: _path,
  format: _format,
  resume: _resume,
  ...sftFields
} = sftOptions;

const sftSchema = z
  .strictObject(
    {
      /** The first so many training problems, with their solutions, are the examples. Default: all. */
      examples: positiveInteger.optional(),
      /** Ends the stage as soon as so large a share of training problems that are no examples is answered rightly. */
      stopAtAccuracy: fraction.optional(),
      /** Steps between looks at the accuracy; a fifth of it from a quarter of that share on. Default 10. */
      accuracyInterval: positiveInteger.optional(),
      ...(sftFields satisfies Omit<typeof sftOptions, SftOfRun>),
    },
    { error: 'a mapping such as { maxSteps: 300, batchSize: 64 }, or null to leave it out' },
  )
  .refine(({ epochs, maxSteps }) => epochs === undefined || maxSteps === undefined, {
    path: ['maxSteps'],
    error: 'left out, for epochs is given and only one of the two may end a run',
  });

/** What the run gives, and a recipe does not. */
type RlOfRun =
  | 'envName'
  | 'env'
  | 'envOptions'
  | 'actor'
  | 'critic'
  | 'ppoConfig'
  | 'reference'
  | 'tokenizer'
  | 'callbacks'
  | 'trackers'
  | 'warn'
  | 'log'
  | 'logInterval'
  | 'seed'
  | 'savePath'
  | 'signal'
  | 'runDirectory'
  | 'resume'
  | 'warn'
  | 'notes';

const rlFields = {
  algorithm: algorithmSchema.optional(),
  temperature: positive.optional(),
  numEnvs: positiveInteger.optional(),
  maxEpisodes: positiveInteger.optional(),
  totalSteps: positiveInteger.optional(),
  updateInterval: positiveInteger.optional(),
  groupSize: positiveInteger.optional(),
  saveInterval: positiveInteger.optional(),
  keepCheckpoints: positiveInteger.nullable().optional(),
  maxTimesteps: positiveInteger.optional(),
  stopAtMeanReturn: number.optional(),
  maxKl: positive.optional(),
  memoryCheck: flag.optional(),
  ...envTroubleOptions,
} satisfies { readonly [K in Exclude<keyof TrainTextOptions, RlOfRun>]-?: z.ZodType<TrainTextOptions[K]> };

const rlSchema = z
  .strictObject(
    {
      ...rlFields,
      /** For PPO: whether the critic reads the actor's trunk or has a copy of its own. Default shared. */
      critic: z.enum(['shared', 'own'], { error: "'shared' or 'own'" }).optional(),
    },
    { error: 'a mapping such as { algorithm: { name: ppo }, maxEpisodes: 10000 }' },
  )
  .refine(({ totalSteps, maxEpisodes }) => totalSteps === undefined || maxEpisodes === undefined, {
    path: ['maxEpisodes'],
    error: 'left out, for totalSteps is given and only one of the two may end a run',
  });

const evaluationSchema = z.strictObject(
  {
    /** Held-out problems to answer before and after, each once. Default 500, or as many as there are. */
    problems: positiveInteger.optional(),
    /** How many of them to show. Default 3. */
    samples: natural.optional(),
    /** Whether to answer them by drawing tokens too, besides taking the likeliest. Default true. */
    sampled: flag.optional(),
  },
  { error: 'a mapping such as { problems: 500, samples: 3 }' },
);

/** A recipe that teaches a language model to reason to checkable answers. */
export const reasoningRecipeSchema = z.strictObject(
  {
    kind: z.literal('reasoning', { error: "'reasoning'" }),
    /** A folder of Hugging Face's, a run's directory, a name on the Hub; or what to make one of. */
    model: z.union([text, newModelSchema], { error: aModel }),
    /** Problems with answers. A generator's seed is by default the run's. */
    dataset: datasetSchema,
    /** Options of CoTEnv. */
    envOptions: z.strictObject(envFields, { error: 'a mapping of options of CoTEnv' }).optional(),
    /** Learning from worked solutions, before rewards. Left out or null: none. */
    sft: sftSchema.nullable().optional(),
    /** Learning from rewards. Null: none. */
    rl: rlSchema.nullable(),
    evaluation: evaluationSchema.optional(),
    seed: natural.optional(),
    /** Where else its stages are shown. */
    tracking: trackingSchema.optional(),
    /** Where the run's files go. Default runs/<recipe>-<date>-<seed>. */
    runDirectory: text.optional(),
  },
  { error: 'a mapping of keys, such as model: models/tiny' },
);

/** A recipe that has been checked. */
export type ReasoningRecipe = z.infer<typeof reasoningRecipeSchema>;
