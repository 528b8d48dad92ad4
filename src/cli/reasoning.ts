// `gymformer train` on a recipe of kind `reasoning`: a language model learns a format from worked solutions, then by rewards to reason
// to right answers; held-out problems are answered before and after.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { CoTEnv, type Problem, writeProblems } from '../env/text/index.ts';
import { fromConfig, savePretrained } from '../lm/index.ts';
import { SeedSequence } from '../random/index.ts';
import { LMActorNetwork, LMCriticNetwork, TokenPolicy } from '../rl/index.ts';
import {
  defaultRunDirectory,
  evaluateText,
  RunDirectory,
  type SftResult,
  type TextEvaluation,
  trainAgent,
  trainSft,
  type TrainTextResult,
} from '../trainer/index.ts';
import { EXIT_INTERRUPTED } from './cli-error.ts';
import { percent } from './format.ts';
import type { LanguageModel } from './generate-text.ts';
import { parseOverrides } from './overrides.ts';
import {
  type Answers,
  beforeAndAfter,
  curveText,
  introduction,
  measured,
  type ReasoningResult,
  resultJson,
  rlProgressText,
  rlSummary,
  sftSummary,
  whereAndNext,
} from './reasoning-report.ts';
import { type ReasoningRecipe, reasoningRecipeSchema } from './reasoning-schema.ts';
import {
  envFor,
  type EnvOptions,
  heldOutProblems,
  type Lessons,
  lessonsOf,
  modelOf,
  problemsFile,
  problemsOf,
} from './reasoning-setup.ts';
import { readRecipeOf } from './recipe.ts';
import { Screen, type ScreenFlags } from './screen.ts';
import { progressText } from './dataset-run.ts';

/** Trains, and returns the exit code. */
export async function trainReasoning(path: string, words: readonly string[], flags: ScreenFlags): Promise<number> {
  const recipe = readRecipeOf(reasoningRecipeSchema, path, parseOverrides(words));
  const screen = new Screen(flags);
  try {
    return await (await ReasoningRun.prepare(recipe, screen)).train();
  } finally {
    screen.release();
  }
}

/** So many answers are enough to see that the accuracy is far from what is wanted. */
const GLANCED_AT = 32;

class ReasoningRun {
  readonly #recipe: ReasoningRecipe & { readonly seed: number };
  readonly #screen: Screen;
  readonly #directory: RunDirectory;
  readonly #language: Omit<LanguageModel, 'folder'>;
  readonly #envOptions: EnvOptions;
  readonly #trainEnv: CoTEnv;
  readonly #lessons: Lessons | null;
  readonly #actor: LMActorNetwork;
  /** Answers problems; learning has a policy of its own. */
  readonly #policy: TokenPolicy;
  /** Held-out problems to answer before and after. */
  readonly #problems: number;
  readonly #seeds: RunSeeds;
  readonly #started = performance.now();

  /** Makes or loads everything, so that mistakes are told before anything is trained. */
  static async prepare({ runDirectory, ...given }: ReasoningRecipe, screen: Screen): Promise<ReasoningRun> {
    const seed = given.seed ?? new SeedSequence().generateState(1)[0]!;
    const recipe = { ...given, seed };
    const problems = problemsOf(recipe, seed);
    const seeds = seedsOf(seed);
    const language = await modelOf(recipe, problems, seeds.model);
    const env = (dataset: string | readonly Problem[]): EnvOptions => ({
      ...recipe.envOptions,
      tokenizer: language.tokenizer,
      dataset,
    });
    const trainEnv = envFor(env(problems), language);
    const lessons = lessonsOf(recipe, trainEnv);
    const heldOut = heldOutProblems(recipe, env(problems));

    const directory = new RunDirectory(runDirectory ?? defaultRunDirectory('reasoning', seed));
    directory.writeConfig({ kind: 'reasoning', seed, recipe });
    // With the seed in it, this recipe is the run.
    writeFileSync(join(directory.path, 'recipe.yaml'), stringify(recipe));
    // A file of its own, which environments read once for all of them.
    const file = typeof recipe.dataset === 'string' ? recipe.dataset : problemsFile(directory.path);
    if (file !== recipe.dataset) await writeProblems(file, problems);
    return new ReasoningRun(recipe, screen, directory, {
      language,
      seeds,
      lessons,
      envOptions: env(file),
      trainEnv,
      heldOut,
    });
  }

  private constructor(
    recipe: ReasoningRecipe & { readonly seed: number },
    screen: Screen,
    directory: RunDirectory,
    made: {
      readonly language: Omit<LanguageModel, 'folder'>;
      readonly seeds: RunSeeds;
      readonly lessons: Lessons | null;
      readonly envOptions: EnvOptions;
      readonly trainEnv: CoTEnv;
      readonly heldOut: number;
    },
  ) {
    this.#recipe = recipe;
    this.#screen = screen;
    this.#directory = directory;
    this.#language = made.language;
    this.#seeds = made.seeds;
    this.#lessons = made.lessons;
    this.#envOptions = made.envOptions;
    this.#trainEnv = made.trainEnv;
    this.#problems = made.heldOut;
    const { model, tokenizer } = made.language;
    this.#actor = new LMActorNetwork(model, { padTokenId: tokenizer.padTokenId });
    this.#policy = new TokenPolicy({ actor: this.#actor });
  }

  async train(): Promise<number> {
    const { screen, recipe } = { screen: this.#screen, recipe: this.#recipe };
    screen.say(introduction(recipe, this.#language.model, this.#trainEnv.problems.length, this.#problems));
    const sft = await this.#teach();
    const before = await this.#answer();
    if (before !== null) screen.say(measured(before));
    const rl = before === null ? null : await this.#reinforce();
    const after = rl === null ? null : await this.#answer();
    const model = join(this.#directory.path, 'model');
    await savePretrained(this.#language.model, model, { tokenizer: this.#language.tokenizer });

    const interrupted = screen.signal.aborted;
    const run: ReasoningResult = {
      stoppedBy: interrupted ? 'signal' : 'end',
      seed: recipe.seed,
      seconds: (performance.now() - this.#started) / 1000,
      problems: this.#problems,
      runDirectory: this.#directory.path,
      model,
      sft,
      before,
      rl,
      after,
    };
    const summary = resultJson(run);
    this.#directory.writeSummary(summary);
    this.#writeAnswers(before, after);
    if (before !== null && after !== null) {
      screen.say(beforeAndAfter(before, after, recipe.evaluation?.samples ?? 3));
      screen.say(curveText(rl!));
    }
    screen.say(whereAndNext(run, recipe, this.#trainEnv.problems[0]!.question));
    screen.result(summary);
    return interrupted ? EXIT_INTERRUPTED : 0;
  }

  /** Learning by example. Null if the recipe has none of it. */
  async #teach(): Promise<SftResult | null> {
    const { sft } = this.#recipe;
    if (sft == null || this.#lessons === null || this.#screen.signal.aborted) return null;
    const { examples: _count, stopAtAccuracy, accuracyInterval = 10, ...options } = sft;
    const { examples, others } = this.#lessons;
    const lookedAt = (): CoTEnv =>
      envFor({ ...this.#envOptions, dataset: others, split: 'train', testSplit: 0 }, this.#language);
    let accuracy: number | null = null;
    const screen = this.#screen;
    screen.say(`\n1. Learning by example: ${examples.length} problems with worked solutions`);
    screen.begin('step');
    const result = await trainSft({
      ...options,
      ...this.#language,
      dataset: examples,
      seed: this.#seeds.sft,
      runDirectory: join(this.#directory.path, 'sft'),
      signal: screen.signal,
      warn: (message) => screen.warn(message),
      callbacks: {
        onStep: async (progress) => {
          screen.progress(progress.seconds, () => progressText(progress, accuracy));
          if (stopAtAccuracy === undefined || progress.steps % accuracyInterval !== 0) return;
          for (const episodes of [GLANCED_AT, others.length]) {
            ({ accuracy } = await evaluateText(this.#policy, lookedAt, { episodes, inOrder: true }));
            if (accuracy! < stopAtAccuracy / (episodes === others.length ? 1 : 2)) return;
          }
          return { stop: `${percent(accuracy!)} of answers are right` };
        },
      },
    });
    screen.say(sftSummary(result, accuracy));
    return result;
  }

  /** Learning from rewards. Null if the recipe has none of it. */
  async #reinforce(): Promise<TrainTextResult | null> {
    const { rl } = this.#recipe;
    if (rl === null || this.#screen.signal.aborted) return null;
    const { critic = 'shared', algorithm = { name: 'ppo' as const }, ...options } = rl;
    const screen = this.#screen;
    screen.say(`\n2. Learning from rewards in CoTEnv-v0, by ${algorithm.name.toUpperCase()}`);
    screen.begin('update');
    const accuracies: number[] = [];
    const result = await trainAgent({
      ...options,
      envName: 'CoTEnv-v0',
      envOptions: { ...this.#envOptions, split: 'train' },
      actor: this.#actor,
      algorithm,
      critic: algorithm.name === 'ppo' ? this.#critic(critic) : undefined,
      seed: this.#seeds.rl,
      runDirectory: join(this.#directory.path, 'rl'),
      signal: screen.signal,
      callbacks: {
        onUpdateEnd: (progress, { accuracy }) => {
          if (accuracy !== undefined) accuracies.push(accuracy);
          screen.progress(progress.seconds, (isTTY) => rlProgressText(progress, accuracies, isTTY));
        },
      },
    });
    screen.say(rlSummary(result));
    return result;
  }

  #critic(kind: 'shared' | 'own'): LMCriticNetwork {
    const { model } = this.#language;
    if (kind === 'shared') return new LMCriticNetwork(model, { seed: this.#seeds.critic });
    const copy = fromConfig(model.config.raw, { seed: this.#seeds.critic });
    copy.loadStateDict(model.stateDict());
    return new LMCriticNetwork(copy, { seed: this.#seeds.critic });
  }

  /** Answers the held-out problems. Null after Ctrl-C. */
  async #answer(): Promise<Answers | null> {
    const { signal } = this.#screen;
    if (signal.aborted) return null;
    this.#screen.begin('text');
    const env = (): CoTEnv => envFor({ ...this.#envOptions, split: 'test' }, this.#language);
    const started = performance.now();
    const answer = (deterministic: boolean, kind: string): Promise<TextEvaluation> => {
      let done = 0;
      return evaluateText(this.#policy, env, {
        episodes: this.#problems,
        inOrder: true,
        deterministic,
        seed: this.#seeds.evaluation,
        signal,
        onText: () => {
          done++;
          const seconds = (performance.now() - started) / 1000;
          this.#screen.progress(seconds, () => `${done}/${this.#problems} held-out problems answered, ${kind} tokens`);
        },
      });
    };
    const greedy = await answer(true, 'likeliest');
    const sampled = this.#recipe.evaluation?.sampled === false ? null : await answer(false, 'drawn');
    return signal.aborted ? null : { greedy, sampled };
  }

  /** evaluation.jsonl: a held-out problem a line, and what was written before and after. */
  #writeAnswers(before: Answers | null, after: Answers | null): void {
    if (before === null) return;
    const lines = before.greedy.texts.map(({ info, completion, correct }, i) => {
      const later = after?.greedy.texts[i];
      return JSON.stringify({
        question: info['question'],
        answer: info['correctAnswer'],
        before: { completion, correct },
        after: later && { completion: later.completion, correct: later.correct },
      });
    });
    writeFileSync(join(this.#directory.path, 'evaluation.jsonl'), `${lines.join('\n')}\n`);
  }
}

/** A seed for each use. */
type RunSeeds = Readonly<Record<'model' | 'sft' | 'critic' | 'rl' | 'evaluation', number>>;

function seedsOf(seed: number): RunSeeds {
  const [model, sft, critic, rl, evaluation] = new SeedSequence(seed).generateState(5) as Iterable<number>;
  return { model: model!, sft: sft!, critic: critic!, rl: rl!, evaluation: evaluation! };
}
