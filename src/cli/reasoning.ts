// `gymformer train` on a recipe of kind `reasoning`: a language model learns a format from worked solutions, then by rewards to reason
// to right answers; held-out problems are answered before and after.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CoTEnv } from '../env/text/index.ts';
import { fromConfig, hasAdapters, mergeLora } from '../lm/index.ts';
import { LMActorNetwork, LMCriticNetwork, TokenPolicy } from '../rl/index.ts';
import {
  type CallbackAnswer,
  evaluateText,
  latestCheckpoint,
  type RunStart,
  type TextEvaluation,
  trainAgent,
  trainSft,
  type TrainTextResult,
} from '../trainer/index.ts';
import { readRun } from '../tracking/index.ts';
import { EXIT_INTERRUPTED } from './cli-error.ts';
import { counted, figure, percent } from './format.ts';
import { parseOverrides } from './overrides.ts';
import { Looks } from './reasoning-looks.ts';
import {
  type Answers,
  beforeAndAfter,
  curveText,
  introduction,
  measured,
  type ReasoningResult,
  resultJson,
  rlSummary,
  sftNumbers,
  sftSummary,
  whereAndNext,
} from './reasoning-report.ts';
import { reasoningRecipeSchema } from './reasoning-schema.ts';
import { envFor, type ReasoningSetup, setUp } from './reasoning-setup.ts';
import { readRecipeOf } from './recipe.ts';
import { eachRow } from './run-rows.ts';
import { Screen, type ScreenFlags } from './screen.ts';
import { textLimit } from './text-limit.ts';
import { trackersFor } from './tracking-schema.ts';
import { countedProgress, exampleProgress, textProgress } from './progress.ts';

/** Trains, and returns the exit code. @param resumes whether to go on with the run in the recipe's directory */
export async function trainReasoning(
  path: string,
  words: readonly string[],
  flags: ScreenFlags,
  resumes = false,
): Promise<number> {
  const recipe = readRecipeOf(reasoningRecipeSchema, path, parseOverrides(words));
  const screen = new Screen(flags);
  try {
    const setup = await setUp(recipe, resumes);
    return await setup.run.directory.closedAfter(() => new ReasoningRun(setup, screen).train());
  } finally {
    screen.release();
  }
}

/** So many answers are enough to see that the accuracy is far from what is wanted. */
const GLANCED_AT = 32;

class ReasoningRun {
  readonly #setup: ReasoningSetup;
  readonly #screen: Screen;
  readonly #actor: LMActorNetwork;
  /** Answers problems; learning has a policy of its own. */
  readonly #policy: TokenPolicy;
  readonly #started = performance.now();

  constructor(setup: ReasoningSetup, screen: Screen) {
    this.#setup = setup;
    this.#screen = screen;
    const { model, tokenizer } = setup.language;
    this.#actor = new LMActorNetwork(model, { padTokenId: tokenizer.padTokenId });
    this.#policy = new TokenPolicy({ actor: this.#actor });
  }

  async train(): Promise<number> {
    const screen = this.#screen;
    const { recipe, language, run, trainEnv, heldOut } = this.#setup;
    screen.say(introduction(recipe, language.model, trainEnv.problems.length, heldOut));
    screen.tell('start', { kind: recipe.kind, seed: recipe.seed, runDirectory: run.path });
    const sft = await this.#teach().catch((error: unknown) => {
      if (!screen.isInterrupt(error)) throw error;
      return null;
    });
    const before = await this.#answer();
    if (before !== null) screen.say(measured(before));
    const rl = before === null ? null : await this.#reinforce();
    const after = rl === null ? null : await this.#answer();
    await run.saveModel('model', language.model, language.tokenizer);

    const interrupted = screen.signal.aborted;
    const result: ReasoningResult = {
      stoppedBy: interrupted ? 'signal' : 'end',
      seed: recipe.seed,
      seconds: (performance.now() - this.#started) / 1000,
      problems: heldOut,
      runDirectory: run.path,
      model: run.file('model'),
      goOn: run.goOn,
      sft,
      before,
      rl,
      after,
    };
    const summary = resultJson(result);
    run.directory.writeSummary(summary);
    this.#writeAnswers(before, after);
    if (before !== null && after !== null) {
      screen.say(beforeAndAfter(before, after, recipe.evaluation?.samples ?? 3));
      screen.say(curveText(await accuraciesOf(run.file('rl'))));
    }
    screen.say(whereAndNext(result, recipe, trainEnv.problems[0]!.question));
    screen.result(summary);
    return interrupted ? EXIT_INTERRUPTED : 0;
  }

  /** Learning by example. Null if the recipe has none of it. */
  async #teach(): Promise<ReasoningResult['sft']> {
    const { run, recipe, language } = this.#setup;
    const { sft } = recipe;
    if (sft == null || this.#setup.lessons === null || this.#screen.signal.aborted) return null;
    const { examples: _count, stopAtAccuracy, accuracyInterval = 10, ...options } = sft;
    const { examples, others } = this.#setup.lessons;
    const lookedAt = (): CoTEnv =>
      envFor({ ...this.#setup.envOptions, dataset: others, split: 'train', testSplit: 0 }, this.#setup.language);
    const looks = new Looks(run.file('sft/looks.jsonl'), stopAtAccuracy ?? 1, accuracyInterval);
    const screen = this.#screen;
    screen.say(`\n1. Learning by example: ${counted(examples.length, 'problem')} with worked solutions`);
    screen.begin('step', 'examples');
    const done = await run.model('models/sft');
    if (done !== undefined) {
      language.model.loadStateDict(done.stateDict());
      screen.say('   Finished before.');
      return sftNumbers((await readRun(run.file('sft'))).summary ?? {});
    }
    const warn = (message: string): void => screen.warn(message);
    const place = run.place('sft');
    const saved = place.resume === undefined ? undefined : latestCheckpoint(place.resume, { warn: () => {} });
    const enough = (): CallbackAnswer => ({ stop: `${percent(looks.accuracy!)} of answers are right` });
    const result = await trainSft({
      ...options,
      ...language,
      dataset: examples,
      seed: this.#setup.seeds.sft,
      ...place,
      trackers: trackersFor(this.#setup.recipe.tracking),
      signal: screen.signal,
      warn,
      callbacks: {
        ...screen.callbacks,
        onStart: async (start: RunStart): Promise<CallbackAnswer> => {
          screen.callbacks.onStart(start);
          return saved !== undefined && (await looks.hasEndedAt(stepOf(saved))) ? enough() : undefined;
        },
        onStep: async (progress) => {
          const { steps } = progress;
          screen.progress(exampleProgress(progress, looks.accuracy));
          if (stopAtAccuracy === undefined || !(await looks.isDue(steps))) return;
          for (const episodes of [GLANCED_AT, others.length]) {
            const { accuracy } = await evaluateText(this.#policy, lookedAt, { episodes, inOrder: true });
            looks.note(steps, accuracy!);
            if (accuracy! < stopAtAccuracy / (episodes === others.length ? 1 : 2)) return;
          }
          return enough();
        },
      },
    });
    screen.say(sftSummary(result, looks.accuracy));
    if (result.stoppedBy !== 'signal') {
      if (hasAdapters(language.model)) mergeLora(language.model);
      await run.saveModel('models/sft', language.model, language.tokenizer);
    }
    const { steps, tokens, seconds, trainLoss } = result;
    return sftNumbers({ steps, tokens, seconds, loss: trainLoss.at(-1) });
  }

  /** Learning from rewards. Null if the recipe has none of it. */
  async #reinforce(): Promise<TrainTextResult | null> {
    const { rl } = this.#setup.recipe;
    if (rl === null || this.#screen.signal.aborted) return null;
    const { critic = 'shared', algorithm = { name: 'ppo' as const }, ...options } = rl;
    const screen = this.#screen;
    screen.say(
      `\n2. Learning from rewards in CoTEnv-v0, by ${algorithm.name.toUpperCase()}: ${textLimit(options, algorithm)}`,
    );
    screen.begin('update', 'rewards');
    const warn = (message: string): void => screen.warn(message);
    const accuracies: number[] = [];
    const result = await trainAgent({
      ...options,
      envName: 'CoTEnv-v0',
      envOptions: { ...this.#setup.envOptions, split: 'train' },
      actor: this.#actor,
      algorithm,
      critic: algorithm.name === 'ppo' ? this.#critic(critic) : undefined,
      seed: this.#setup.seeds.rl,
      ...this.#setup.run.place('rl'),
      trackers: trackersFor(this.#setup.recipe.tracking),
      warn,
      signal: screen.signal,
      callbacks: {
        onCheckpoint: screen.callbacks.onCheckpoint,
        onStart: screen.callbacks.onStart,
        onUpdateEnd: (progress, { accuracy }) => {
          if (accuracy !== undefined) accuracies.push(accuracy);
          screen.progress(
            textProgress(progress, [
              ['right', accuracies.at(-1), percent],
              ['return', progress.meanReturn, figure],
              ['length', progress.meanLength, figure],
            ]),
          );
        },
      },
    });
    screen.say(rlSummary(result));
    return result;
  }

  #critic(kind: 'shared' | 'own'): LMCriticNetwork {
    const { model } = this.#setup.language;
    if (kind === 'shared') return new LMCriticNetwork(model, { seed: this.#setup.seeds.critic });
    const copy = fromConfig(model.config.raw, { seed: this.#setup.seeds.critic });
    copy.loadStateDict(model.stateDict());
    return new LMCriticNetwork(copy, { seed: this.#setup.seeds.critic });
  }

  /** Answers the held-out problems. Null after Ctrl-C. */
  async #answer(): Promise<Answers | null> {
    const { signal } = this.#screen;
    if (signal.aborted) return null;
    this.#screen.begin('text', 'held out');
    const env = (): CoTEnv => envFor({ ...this.#setup.envOptions, split: 'test' }, this.#setup.language);
    const started = performance.now();
    const answer = (deterministic: boolean, kind: string): Promise<TextEvaluation> => {
      let done = 0;
      return evaluateText(this.#policy, env, {
        episodes: this.#setup.heldOut,
        inOrder: true,
        deterministic,
        seed: this.#setup.seeds.evaluation,
        signal,
        onText: () => {
          done++;
          const seconds = (performance.now() - started) / 1000;
          this.#screen.progress(countedProgress(done, this.#setup.heldOut, `problems by ${kind} tokens`, seconds));
        },
      });
    };
    const greedy = await answer(true, 'likeliest');
    const sampled = this.#setup.recipe.evaluation?.sampled === false ? null : await answer(false, 'drawn');
    if (signal.aborted) return null;
    this.#screen.tell('evaluation', { accuracy: greedy.accuracy, sampledAccuracy: sampled?.accuracy ?? null });
    return { greedy, sampled };
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
    writeFileSync(this.#setup.run.file('evaluation.jsonl'), `${lines.join('\n')}\n`);
  }
}

/** The step of a checkpoint of learning by example, which its name says. */
function stepOf(checkpoint: string): number {
  return Number(/\d+$/.exec(checkpoint)?.[0] ?? 0);
}

/** The share of right answers in each update of the run in `directory`, whichever process made it. */
async function accuraciesOf(directory: string): Promise<readonly number[]> {
  const accuracies: number[] = [];
  await eachRow(join(directory, 'metrics.jsonl'), ({ accuracy }) => {
    if (typeof accuracy === 'number') accuracies.push(accuracy);
  });
  return accuracies;
}
