// What a recipe of kind `reasoning` begins with: problems, a tokenizer, a model, and an environment of its own.

import { join } from 'node:path';
import {
  additionProblems,
  arithmeticProblems,
  CoTEnv,
  type CoTEnvOptions,
  DEFAULT_FEW_SHOT,
  DEFAULT_SYSTEM_MESSAGE,
  DEFAULT_TEMPLATE,
  type Problem,
  readProblems,
  TAGS,
  type WorkedExample,
  writeProblems,
} from '../env/text/index.ts';
import { characterTokenizer, type Tokenizer, trainByteLevelTokenizer } from '../lm/index.ts';
import { SeedSequence } from '../random/index.ts';
import { CliError } from './cli-error.ts';
import { type LanguageModel, loadLanguageModel } from './generate-text.ts';
import { newModel, SPECIAL_TOKENS } from './new-model.ts';
import type { ReasoningRecipe } from './reasoning-schema.ts';
import { seedsFor, StagedRun } from './staged-run.ts';

/** What environments of both parts of the problems are made with. */
type EnvOptions = Omit<CoTEnvOptions, 'split' | 'renderMode'>;

/** All that a run begins with. */
export interface ReasoningSetup {
  readonly recipe: ReasoningRecipe & { readonly seed: number };
  readonly seeds: Readonly<Record<(typeof USES)[number], number>>;
  readonly run: StagedRun;
  readonly language: Omit<LanguageModel, 'folder'>;
  readonly envOptions: EnvOptions;
  /** Asks the problems to learn from. */
  readonly trainEnv: CoTEnv;
  readonly lessons: Lessons | null;
  /** Held-out problems to answer before and after. */
  readonly heldOut: number;
}

/**
 * Makes or loads everything, so that mistakes are told before anything is trained; then the run's directory.
 *
 * @param resumes whether the directory holds a run to go on with
 */
export async function setUp({ runDirectory, ...given }: ReasoningRecipe, resumes: boolean): Promise<ReasoningSetup> {
  const seed = given.seed ?? new SeedSequence().generateState(1)[0]!;
  const recipe = { ...given, seed };
  const problems = problemsOf(recipe, seed);
  const seeds = seedsFor(seed, USES);
  const language = await modelOf(recipe, problems, seeds.model);
  const envOptions = { ...recipe.envOptions, tokenizer: language.tokenizer };
  const trainEnv = envFor({ ...envOptions, dataset: problems }, language);
  const lessons = lessonsOf(recipe, trainEnv);
  const heldOut = heldOutProblems(recipe, { ...envOptions, dataset: problems });

  const run = new StagedRun(recipe, runDirectory, resumes);
  // A file of its own, which environments read once for all of them.
  const dataset = typeof recipe.dataset === 'string' ? recipe.dataset : problemsFile(run.path);
  if (dataset !== recipe.dataset) await writeProblems(dataset, problems);
  return { recipe, seeds, run, language, envOptions: { ...envOptions, dataset }, trainEnv, lessons, heldOut };
}

const USES = ['model', 'sft', 'critic', 'rl', 'evaluation'] as const;

type NewModel = Exclude<ReasoningRecipe['model'], string>;
type Settings = NonNullable<ReasoningRecipe['envOptions']>;

/** The problems that a recipe names or makes. */
export function problemsOf({ dataset }: ReasoningRecipe, seed: number): readonly Problem[] {
  if (typeof dataset === 'string') return readProblems(dataset);
  if (dataset.generator === 'addition') {
    const { generator: _, ...options } = dataset;
    return additionProblems({ seed, ...options });
  }
  const { generator: _, ...options } = dataset;
  return arithmeticProblems({ seed, ...options });
}

/** Where a run keeps problems that it made itself. */
export function problemsFile(runDirectory: string): string {
  return join(runDirectory, 'problems.json');
}

/** The model that a recipe names or describes. */
async function modelOf(
  { model, envOptions = {}, rl }: ReasoningRecipe,
  problems: readonly Problem[],
  seed: number,
): Promise<Omit<LanguageModel, 'folder'>> {
  if (typeof model === 'string') return loadLanguageModel(model, (rl?.memoryCheck ?? true) ? 'text' : undefined);
  const tokenizer = newTokenizer(model.tokenizer ?? {}, problems, envOptions);
  return { model: newModel(model.config, tokenizer, seed), tokenizer };
}

function newTokenizer(
  { type = 'characters', vocabSize, addedTokens = Object.values(TAGS) }: NonNullable<NewModel['tokenizer']>,
  problems: readonly Problem[],
  { template = DEFAULT_TEMPLATE, systemMessage = DEFAULT_SYSTEM_MESSAGE, fewShot }: Settings,
): Tokenizer {
  const shown: readonly Problem[] = fewShot ?? DEFAULT_FEW_SHOT;
  const pieces = [template.replace(/\{(system|examples|question)\}/g, ''), systemMessage];
  for (const { question, answer, solution = '' } of [...shown, ...problems]) pieces.push(question, answer, solution);
  if (shown.length > 0) pieces.push('Question: \n');
  // What is a token of its own is not made of characters.
  const texts = pieces.map((piece) => addedTokens.reduce((rest, token) => rest.replaceAll(token, ''), piece));
  const options = { specialTokens: SPECIAL_TOKENS, addedTokens };
  return type === 'characters'
    ? characterTokenizer(texts, options)
    : trainByteLevelTokenizer(texts, { ...options, ...(vocabSize === undefined ? {} : { vocabSize }) });
}

/** An environment of one part of the problems, which knows how much the model can read. */
export function envFor(options: CoTEnvOptions, { model }: Omit<LanguageModel, 'folder'>): CoTEnv {
  const env = new CoTEnv(options);
  env.limitContext(model.config.maxPositions);
  return env;
}

/** How many held-out problems to answer. */
export function heldOutProblems({ evaluation }: Pick<ReasoningRecipe, 'evaluation'>, options: EnvOptions): number {
  const { length } = new CoTEnv({ ...options, split: 'test' }).problems;
  const { problems = Math.min(500, length) } = evaluation ?? {};
  if (problems <= length) return problems;
  throw new CliError(
    `evaluation.problems is ${problems}, but only ${length} problems are held out: raise envOptions.testSplit, or the ` +
      'number of problems',
  );
}

/** What the stage of learning by example has to do with. */
interface Lessons {
  readonly examples: readonly WorkedExample[];
  /** Training problems that are no examples, to look at the accuracy with; none if nobody looks. */
  readonly others: readonly Problem[];
}

/** Training problems that the accuracy is looked at with. */
const LOOKED_AT = 256;

/** Examples and other training problems. Null if the recipe has no stage of learning by example. */
function lessonsOf({ sft }: ReasoningRecipe, env: CoTEnv): Lessons | null {
  if (sft == null) return null;
  const examples = env.workedExamples(sft.examples);
  if (sft.stopAtAccuracy === undefined) return { examples, others: [] };
  const others = env.problems.slice(examples.length, examples.length + LOOKED_AT);
  if (others.length === LOOKED_AT) return { examples, others };
  const most = env.problems.length - LOOKED_AT;
  throw new CliError(
    `sft.stopAtAccuracy looks at ${LOOKED_AT} training problems that are no examples, but there are ${others.length}: ` +
      (most > 0 ? `set sft.examples to at most ${most}` : 'the dataset is too small for it'),
  );
}
