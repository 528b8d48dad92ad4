// What a recipe of kind `rlhf` begins with: examples, queries, preferences, a rule, a tokenizer, a model.

import { descriptiveness, isScene, sceneSentences } from '../env/text/index.ts';
import { readQueries } from '../env/text/rlhf/queries.ts';
import {
  type CausalLM,
  DatasetError,
  recordsOf,
  type SftExample,
  sftExample,
  splitRecords,
  type Tokenizer,
  trainByteLevelTokenizer,
} from '../lm/index.ts';
import { SeedSequence } from '../random/index.ts';
import { labelText, labelTokenizerOf, type PreferenceSource, readPreferenceSplit } from '../trainer/reward-data.ts';
import { CliError } from './cli-error.ts';
import { loadLanguageModel } from './generate-text.ts';
import { newModel, SPECIAL_TOKENS } from './new-model.ts';
import type { RlhfRecipe } from './rlhf-schema.ts';
import { seedsFor, StagedRun } from './staged-run.ts';

/** What texts are measured by that no model sees. */
export interface Rule {
  score(text: string): number;
  /** Whether a text is one of the world that the examples are from. */
  readonly belongs?: ((text: string) => boolean) | undefined;
}

/** All that a run begins with. */
export interface RlhfSetup {
  readonly recipe: RlhfRecipe & { readonly seed: number };
  readonly seeds: Readonly<Record<(typeof USES)[number], number>>;
  readonly run: StagedRun;
  readonly rule: Rule | null;
  /** What the model learns to write; null for nothing. */
  readonly examples: string | readonly object[] | null;
  /** To train with, and others to measure by. */
  readonly queries: { readonly train: readonly string[]; readonly heldOut: readonly string[] };
  /** Where preferences come from; null if the rule is to make them. */
  readonly preferences: Omit<PreferenceSource, 'seed' | 'tokenizer'> | null;
  readonly model: CausalLM;
  readonly tokenizer: Tokenizer;
  readonly maxGeneration: number;
}

const USES = ['model', 'sft', 'labels', 'reward', 'critic', 'rl', 'dpo', 'evaluation'] as const;

/**
 * Makes or loads everything, so that mistakes are told before anything is trained; then the run's directory.
 *
 * @param resumes whether the directory holds a run to go on with
 */
export async function setUp(
  { runDirectory, ...given }: RlhfRecipe,
  warn: (message: string) => void,
  resumes: boolean,
): Promise<RlhfSetup> {
  const seed = given.seed ?? new SeedSequence().generateState(1)[0]!;
  const recipe = { ...given, seed };
  const seeds = seedsFor(seed, USES);
  const { dataset = {}, rule = dataset.generator === undefined ? null : 'descriptiveness' } = recipe;
  const made = dataset.generator === undefined ? null : scenesOf(recipe);
  const examples = made === null ? (dataset.examples ?? null) : made.sentences.map((text) => ({ text }));
  const { model, tokenizer } = await modelOf(recipe, examples, seeds.model);
  const preferences = preferencesOf(recipe, warn);
  const queries = made ?? (await queriesOf(recipe, preferences, tokenizer));
  for (const query of [...queries.train, ...queries.heldOut]) checkRoom(query, tokenizer, model);
  return {
    recipe,
    seeds,
    rule: rule === null ? null : { score: descriptiveness, ...(made === null ? {} : { belongs: isScene }) },
    examples,
    queries,
    preferences,
    model,
    tokenizer,
    maxGeneration: recipe.envOptions?.maxGeneration ?? 64,
    // When nothing can be wrong any more.
    run: new StagedRun(recipe, runDirectory, resumes),
  };
}

function checkRoom(query: string, tokenizer: Tokenizer, { config }: CausalLM): void {
  const { length } = tokenizer.encode(query);
  if (length < config.maxPositions) return;
  throw new CliError(
    `A query of ${length} tokens leaves no room in the model's context of ${config.maxPositions}: ${JSON.stringify(query.slice(0, 60))}`,
  );
}

type SeededRecipe = RlhfSetup['recipe'];

/** Sentences to learn, and the beginnings of others as queries: one to three words. */
function scenesOf({ dataset = {}, evaluation, seed: own }: SeededRecipe): {
  readonly sentences: readonly string[];
  readonly train: readonly string[];
  readonly heldOut: readonly string[];
} {
  const { count = 0, seed = own } = dataset;
  const queries = typeof dataset.queries === 'number' ? dataset.queries : 2000;
  const heldOut = evaluation?.texts ?? 512;
  const all = sceneSentences({ count: count + queries + heldOut, seed });
  const beginnings = all.slice(count).map((text, i) =>
    text
      .split(' ')
      .slice(0, 1 + (i % 3))
      .join(' '),
  );
  return { sentences: all.slice(0, count), train: beginnings.slice(0, queries), heldOut: beginnings.slice(queries) };
}

/** The model that a recipe names or describes. */
async function modelOf(
  { model, rl }: SeededRecipe,
  examples: RlhfSetup['examples'],
  seed: number,
): Promise<Pick<RlhfSetup, 'model' | 'tokenizer'>> {
  if (typeof model === 'string') return loadLanguageModel(model, (rl.memoryCheck ?? true) ? 'text' : undefined);
  const { config, vocabSize = 512 } = model;
  const texts = (await recordsOf(examples!, 'dataset.examples')).flatMap((record) => textsOf(sftExample(record)));
  const tokenizer = trainByteLevelTokenizer(texts, { vocabSize, specialTokens: SPECIAL_TOKENS });
  return { model: newModel(config, tokenizer, seed), tokenizer };
}

function textsOf(example: SftExample): string[] {
  switch (example.kind) {
    case 'text':
      return [example.text];
    case 'prompt-completion':
      return [example.prompt, example.completion];
    case 'chat':
      return example.messages.flatMap(({ content }) => (typeof content === 'string' ? content : []));
  }
}

function preferencesOf({ preferences }: SeededRecipe, warn: (message: string) => void): RlhfSetup['preferences'] {
  const { dataset, labelTokenizer, badRows, numSamples } = preferences;
  return dataset === undefined ? null : { dataset, labelTokenizer, badRows, numSamples, warn };
}

/** The most queries that are kept to measure by, if the recipe does not say how many. */
const HELD_OUT = 512;

/** Queries of a file, or those of the preferences, each once. Preferences are read in any case: a bad row is told now. */
async function queriesOf(
  recipe: SeededRecipe,
  preferences: RlhfSetup['preferences'],
  tokenizer: Tokenizer,
): Promise<RlhfSetup['queries']> {
  const { dataset = {}, evaluation, seed } = recipe;
  const answered = preferences === null ? [] : (await readPreferenceSplit({ ...preferences, tokenizer, seed })).train;
  const { queries: named } = dataset;
  let queries: readonly string[];
  if (typeof named === 'string') queries = await textsOfQueries(named, recipe.preferences.labelTokenizer, tokenizer);
  else {
    queries = [...new Set(answered.map(({ prompt }) => prompt))].map((prompt) => {
      if (typeof prompt === 'string') return prompt;
      const what = prompt === undefined ? 'have no prompts' : 'are conversations';
      throw new CliError(
        `The preferences ${what}, of which no queries can be made: name a file of texts as dataset.queries`,
      );
    });
  }
  const texts = evaluation?.texts ?? Math.min(HELD_OUT, Math.ceil(queries.length / 10));
  try {
    const { train, test } = splitRecords(queries, { testSize: texts, seed });
    return { train, heldOut: test };
  } catch (error) {
    if (!(error instanceof DatasetError)) throw error;
    throw new CliError(
      `evaluation.texts is ${texts}, but there are ${queries.length} queries, of which some must be left to train with`,
      undefined,
      { cause: error },
    );
  }
}

/** The queries of a file. Token ids, as OpenAI's label files have them, are what the labels' tokenizer says; else the model's own. */
async function textsOfQueries(
  path: string,
  labelTokenizer: string | undefined,
  tokenizer: Tokenizer,
): Promise<readonly string[]> {
  const queries = await readQueries(path);
  const labels = (await labelTokenizerOf({ labelTokenizer, tokenizer })) ?? tokenizer;
  return queries.map((query, i) => {
    if (typeof query === 'string') return query;
    let said: string;
    try {
      said = labelText(labels, query);
    } catch (error) {
      throw new CliError(`${path}: query ${i + 1} ${(error as Error).message}`, undefined, { cause: error });
    }
    if (said === '') throw new CliError(`${path}: query ${i + 1} is nothing but padding`);
    return said;
  });
}
