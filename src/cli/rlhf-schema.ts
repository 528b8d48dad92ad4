// What a recipe of kind `rlhf` may say, and what is expected of it.

import * as z from 'zod';
import type { AdaptiveKl } from '../env/text/index.ts';
import { algorithmSchema } from './algorithm-schema.ts';
import { datasetSources, preferenceOptions } from './dataset-schema.ts';
import { dpoOptions } from './dpo-schema.ts';
import { aModel, newModelConfig } from './new-model.ts';
import { rewardOptions } from './reward-schema.ts';
import {
  envTroubleOptions,
  flag,
  fraction,
  natural,
  nonNegative,
  number,
  positive,
  positiveInteger,
  rewardErrors,
  text,
} from './schema-fields.ts';
import { sftOptions } from './sft-schema.ts';
import { trackingSchema } from './tracking-schema.ts';

const newModelSchema = z.strictObject({
  /** As in a config.json; the numbers of tokens are filled in. */
  config: newModelConfig,
  /** Tokens of a byte-level tokenizer that is trained on the examples. Default 512. */
  vocabSize: positiveInteger.optional(),
});
const modelSchema = z.union([text, newModelSchema], { error: aModel });

/** Made up, with `generator`; or one's own: `examples` and `queries`. */
const datasetSchema = z.strictObject(
  {
    /** Sentences of a small world, and the first words of others as queries. */
    generator: z.literal('scenes', { error: "'scenes'" }).optional(),
    /** Sentences that the model learns to write. */
    count: positiveInteger.optional(),
    /** Of the generator. Default: the run's. */
    seed: natural.optional(),
    /** A file or folder of examples for `sft`, in any form that `gymformer sft` takes. */
    examples: text.optional(),
    /**
     * With a generator: how many; default 2000. Else a file or folder with the field `query` or `prompt`; default: the prompts of the
     * preferences, each once.
     */
    queries: z.union([positiveInteger, text], { error: 'a file of queries, or with a generator how many' }).optional(),
  },
  { error: 'a mapping such as { generator: scenes, count: 12000 } or { examples: sft.jsonl, queries: queries.jsonl }' },
);

/** Made by a rule, with `count`; or one's own: `dataset`. */
const preferencesSchema = z.strictObject(
  {
    /** A file or folder of preferences: pairs, best of n, or OpenAI's labels. */
    dataset: text.optional(),
    ...preferenceOptions,
    /** Queries that are answered by the model and labelled by the rule: so many rows. */
    count: positiveInteger.optional(),
    /** Answers to choose the best from. Default 4, as in OpenAI's labels. */
    candidates: z.int().min(2, { error: 'a whole number of 2 or more' }).optional(),
    /** The share of rows where another one than the best is called best. Default 0. */
    noise: fraction.optional(),
  },
  { error: 'a mapping such as { dataset: preferences.jsonl } or { count: 2000, noise: 0.1 }' },
);

/** The stages that learn from a dataset; what the run settles itself is left out. */
const settled = { seed: true, runDirectory: true, savePath: true } as const;
const sftSchema = z
  .strictObject(sftOptions, { error: 'a mapping such as { maxSteps: 400, batchSize: 64 }' })
  .omit({ ...settled, format: true, resume: true });
const ofPreferences = { labelTokenizer: true, badRows: true, numSamples: true } as const;
const rewardSchema = z
  .strictObject(
    { ...rewardOptions, lora: datasetSources.lora },
    { error: 'a mapping such as { train: full, epochs: 2 }' },
  )
  .omit({ ...settled, ...ofPreferences, rewardModelPath: true, dryRun: true, mergeAdapters: true });
const dpoSchema = z
  .strictObject(dpoOptions, { error: 'a mapping such as { beta: 0.1, epochs: 1 }, or null to leave it out' })
  .omit({ ...settled, ...ofPreferences, resume: true });

const adaptive: z.ZodType<AdaptiveKl> = z.strictObject({ initial: positive, target: positive, horizon: positive });
const envSchema = z.strictObject(
  {
    klCoef: z
      .union([nonNegative, adaptive], { error: 'a number, or { initial: 0.2, target: 6, horizon: 1000 }' })
      .optional(),
    klEstimator: z.enum(['k1', 'k2', 'k3'], { error: "'k1', 'k2' or 'k3'" }).optional(),
    maxGeneration: positiveInteger.optional(),
    missingEosPenalty: number.optional(),
    truncateAt: z
      .strictObject(
        { token: text, after: natural.optional(), score: number.optional() },
        { error: "a mapping such as { token: '.', score: -1 }" },
      )
      .optional(),
    stopStrings: z.array(text, { error: "a list of texts, such as ['User:']" }).optional(),
    whitenRewards: flag.optional(),
    rewardTimeoutMs: positive.optional(),
    rewardRetries: natural.optional(),
    rewardErrors: rewardErrors.optional(),
  },
  { error: 'a mapping of options of RLHFEnv' },
);

const rlSchema = z.strictObject(
  {
    algorithm: algorithmSchema.optional(),
    numEnvs: positiveInteger.optional(),
    maxEpisodes: positiveInteger,
    updateInterval: positiveInteger.optional(),
    groupSize: positiveInteger.optional(),
    /** Of all texts that models write here: to be labelled, to be learned from, to be measured. Default 1. */
    temperature: positive.optional(),
    /** For PPO: whether the critic begins as a copy of the reward model, with a new head, or reads the policy's trunk. Default reward. */
    critic: z.enum(['reward', 'shared'], { error: "'reward' or 'shared'" }).optional(),
    /** Adapters alone are trained, and added to the weights in the end. */
    lora: datasetSources.lora,
    /** Episodes between checkpoints. Default: those of 10 updates. */
    saveInterval: positiveInteger.optional(),
    maxKl: positive.optional(),
    memoryCheck: flag.optional(),
    ...envTroubleOptions,
  },
  { error: 'a mapping such as { algorithm: { name: ppo }, maxEpisodes: 10000 }' },
);

const evaluationSchema = z.strictObject(
  {
    /** Texts of each model to measure, on queries of their own. Default 512. */
    texts: positiveInteger.optional(),
    /** How many to show. Default 4. */
    samples: natural.optional(),
  },
  { error: 'a mapping such as { texts: 512 }' },
);

const rlhfKeys = z.strictObject(
  {
    kind: z.literal('rlhf', { error: "'rlhf'" }),
    dataset: datasetSchema.optional(),
    /** A folder of Hugging Face's, a run's directory, a name on the Hub; or what to make one of. */
    model: modelSchema,
    /** Learning to write by example, before anything else. Left out or null: none. */
    sft: sftSchema.nullable().optional(),
    preferences: preferencesSchema,
    reward: rewardSchema.optional(),
    /** What texts are measured by besides, and labelled by where nobody else has; no model sees it. Default: that of the generator, or none. */
    rule: z.literal('descriptiveness', { error: "'descriptiveness', or null for none" }).nullable().optional(),
    envOptions: envSchema.optional(),
    rl: rlSchema,
    /** Null: none. */
    dpo: dpoSchema.nullable().optional(),
    evaluation: evaluationSchema.optional(),
    seed: natural.optional(),
    /** Where else its stages are shown. */
    tracking: trackingSchema.optional(),
    /** Where the run's files go. Default runs/rlhf-<date>-<seed>. */
    runDirectory: text.optional(),
  },
  { error: 'a mapping of keys, such as kind: rlhf' },
);

/** A recipe that goes the whole way: a language model, preferences, a reward model, reinforcement learning; DPO beside it. */
export const rlhfRecipeSchema = rlhfKeys.superRefine((recipe, context) => {
  for (const { path, error } of conflicts(recipe))
    context.addIssue({ code: 'custom', path: [...path], message: error });
});

interface Conflict {
  readonly path: readonly string[];
  /** What it must be. */
  readonly error: string;
}

/** What no two keys may say at once. */
function conflicts({ dataset = {}, model, sft, preferences, rule }: z.infer<typeof rlhfKeys>): Conflict[] {
  const found: Conflict[] = [];
  const unless = (holds: boolean, path: readonly string[], error: string): void => {
    if (!holds) found.push({ path, error });
  };
  const { generator, count, queries, examples, seed } = dataset;
  if (generator === undefined) {
    unless(count === undefined, ['dataset', 'count'], 'left out, for it is of a generator');
    unless(seed === undefined, ['dataset', 'seed'], 'left out, for it is of a generator');
    unless(typeof queries !== 'number', ['dataset', 'queries'], 'a file of queries, for there is no generator');
  } else {
    unless(count !== undefined, ['dataset', 'count'], 'a whole number of 1 or more');
    unless(examples === undefined, ['dataset', 'examples'], 'left out, for a generator makes them');
    unless(
      typeof queries !== 'string',
      ['dataset', 'queries'],
      'a whole number of 1 or more, for a generator makes them',
    );
  }
  const learns = generator !== undefined || examples !== undefined;
  unless(sft == null || learns, ['dataset', 'examples'], 'a file of examples, for sft learns from them');
  unless(
    sft != null || examples === undefined,
    ['sft'],
    'a mapping such as { epochs: 1 }, for there are examples to learn from',
  );
  unless(
    typeof model === 'string' || (sft != null && learns),
    ['sft'],
    'a mapping such as { epochs: 3 }, for a new model has learned nothing',
  );
  if (preferences.dataset === undefined) {
    unless(
      preferences.count !== undefined,
      ['preferences', 'dataset'],
      'a file of preferences; or give count, to have them made by the rule',
    );
    const hasRule = rule === undefined ? generator !== undefined : rule !== null;
    unless(hasRule, ['rule'], "'descriptiveness', for preferences are to be made by a rule");
    unless(
      generator !== undefined || queries !== undefined,
      ['dataset', 'queries'],
      'a file of queries, for there are no preferences to take them from',
    );
  } else {
    for (const name of ['count', 'candidates', 'noise'] as const) {
      unless(
        preferences[name] === undefined,
        ['preferences', name],
        'left out, for the preferences of a dataset are there already',
      );
    }
  }
  return found;
}

/** A recipe that has been checked. */
export type RlhfRecipe = z.infer<typeof rlhfRecipeSchema>;
