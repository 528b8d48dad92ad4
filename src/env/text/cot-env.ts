// CoTEnv: questions with checkable answers, to be reasoned to. Tags, rewards and info are the Python original's.

import type { MaybePromise } from '../env.ts';
import { EnvError } from '../errors.ts';
import { type Problem, type ProblemRow, ProblemsError, readProblems, sharedSplit } from './problems.ts';
import {
  DEFAULT_FEW_SHOT,
  DEFAULT_SYSTEM_MESSAGE,
  DEFAULT_TEMPLATE,
  type FormattedPrompt,
  promptFormatter,
} from './prompt-format.ts';
import { gradeAnswer, TAGS } from './rewards/answers.ts';
import { withTimeout } from './rewards/combine.ts';
import { needsNumbers, type RewardChoice, rewardOf } from './rewards/named-rewards.ts';
import { guardReward, type RewardErrorPolicy } from './rewards/reward-function.ts';
import { after, TextEnv, type TextPrompt, type TextScore, type TextState } from './text-env.ts';
import type { TextEpisode } from './text-episode.ts';
import type { TextMessage, TextTokenizer } from './text-tokenizer.ts';
import { tokenizerOf } from './tokenizer-folder.ts';

/** Options of {@link CoTEnv}. */
export interface CoTEnvOptions {
  /** A tokenizer, or the folder of a model that has one. */
  readonly tokenizer: TextTokenizer | string;
  /** A JSON file `[{ "question", "answer" }, ...]`, or such rows. A file is read once for all environments. */
  readonly dataset: string | readonly ProblemRow[];
  /** Which part of the data to ask from. Default `train`. */
  readonly split?: 'train' | 'test' | undefined;
  /** The share of the data that is kept back as `test`. Default 0.1. */
  readonly testSplit?: number | undefined;
  /** Decides which rows those are. Default 42. */
  readonly splitSeed?: number | undefined;
  /** Tokens that the agent may write; then the episode is truncated. Default 128. */
  readonly maxGeneration?: number | undefined;
  /** Whether a question becomes a conversation in the tokenizer's chat template, or fills in `template`. Default `chat`. */
  readonly promptFormat?: 'chat' | 'plain' | undefined;
  /** For format `plain`: text with the places `{system}`, `{examples}` and `{question}`. */
  readonly template?: string | undefined;
  /** What the model is told first; '' for nothing. Default: to reason and answer between the tags. */
  readonly systemMessage?: string | undefined;
  /** Questions with worked answers to show before the question. Default two; `[]` for none. */
  readonly fewShot?: readonly Problem[] | undefined;
  /** What a finished text is worth: a name, a function, or a list of these with weights. Default `distance`. */
  readonly reward?: RewardChoice | undefined;
  /** Milliseconds after which a reward function counts as failed. Default: never. */
  readonly rewardTimeoutMs?: number | undefined;
  /** What to do when a reward function fails. Default `throw`. */
  readonly rewardErrors?: RewardErrorPolicy | undefined;
  /** Times that a reward function is asked again before it counts as failed. Default 0. */
  readonly rewardRetries?: number | undefined;
  readonly renderMode?: string | null | undefined;
}

/** A problem's prompt and its worked solution, in a form that supervised fine-tuning reads. */
export type WorkedExample =
  | { readonly prompt: string; readonly completion: string }
  | { readonly messages: readonly TextMessage[] };

/** One episode's problem. */
interface AskedProblem extends Problem {
  /** Its place in the split; -1 for one that was given to `reset`. */
  readonly index: number;
}

/**
 * Answer a question after thinking about it: `<think>reasoning</think><final_answer>answer</final_answer>`.
 *
 * - **Action** `Discrete(vocabSize)`: the next token. **Observation**: all tokens so far, see {@link TextEnv}.
 * - **Reward** at the end only, by default `distance`: minus the distance to the right answer, -10 if there is no answer,
 *   -5 if it is no number.
 * - **Terminated** at `</final_answer>` or an end token, **truncated** after `maxGeneration` tokens.
 * - **Reset options** `index`: which problem of the split; or `question` and `answer` of one's own; `initialState` (text or
 *   ids) in place of the prompt, with one of the former.
 * - **Info** of a reset: `prompt`, `question`, `index`. Of the last step also `correctAnswer`, `correctAnswerNumber`,
 *   `generatedAnswer` (text or null), `generatedAnswerNumber`, `difference`, `parseError` (`missing`, `invalid` or
 *   null), `finalText`, `correct`; numbers that there are not are NaN.
 */
export class CoTEnv extends TextEnv<AskedProblem> {
  /** The problems that are asked, in the order of the data. */
  readonly problems: readonly Problem[];
  readonly #format: (question: string) => FormattedPrompt;
  readonly #reward: ReturnType<typeof guardReward>;
  /** Whether a reward that fails does not end the run. */
  readonly #mayFail: boolean;

  constructor(options: CoTEnvOptions) {
    const {
      split = 'train',
      testSplit = 0.1,
      splitSeed: seed = 42,
      promptFormat = 'chat',
      template = DEFAULT_TEMPLATE,
      systemMessage = DEFAULT_SYSTEM_MESSAGE,
      fewShot = DEFAULT_FEW_SHOT,
      reward = 'distance',
      rewardTimeoutMs,
      rewardErrors = 'throw',
      rewardRetries,
    } = options;
    for (const name of ['tokenizer', 'dataset'] as const) {
      if (options[name] === undefined) throw new EnvError(`CoTEnv needs ${name}: ${NEEDED[name]}`);
    }
    const tokenizer = typeof options.tokenizer === 'string' ? tokenizerOf(options.tokenizer) : options.tokenizer;
    super({
      tokenizer,
      maxGeneration: options.maxGeneration,
      stopStrings: [TAGS.answerClose],
      renderMode: options.renderMode,
    });
    const all = readProblems(options.dataset, { numeric: needsNumbers(reward) });
    this.problems = sharedSplit(all, { split, testSplit, seed });
    this.#format = promptFormatter(tokenizer, { promptFormat, template, systemMessage, fewShot });
    const rate = rewardOf(reward);
    const limited = rewardTimeoutMs === undefined ? rate : withTimeout(rate, rewardTimeoutMs);
    this.#reward = guardReward(limited, { errors: rewardErrors, retries: rewardRetries });
    this.#mayFail = rewardErrors !== 'throw';
  }

  /** Also makes sure that the longest problems leave room for an answer, rather than let a run find out after hours. */
  override limitContext(tokens: number): void {
    super.limitContext(tokens);
    const prompts = this.problems.map(({ question }) => this.#format(question));
    // A token has a byte or more: shorter prompts need no counting. That of most bytes need not be that of most tokens, but is near it.
    const long = prompts.filter(({ text }) => Buffer.byteLength(text) >= tokens - MOST_SPECIAL_TOKENS);
    long.sort((a, b) => b.text.length - a.text.length);
    for (const { text, addSpecialTokens } of long.slice(0, PROMPTS_TO_COUNT)) {
      this.checkRoom(this.tokenizer.encode(text, { addSpecialTokens }).length, text);
    }
  }

  /**
   * The problems with their solutions, to teach the format by example (`trainSft`) before it is rewarded: the very prompts of this
   * environment, as `prompt` and `completion`, or as `messages` where it chats.
   *
   * @param count the first so many. Default: all.
   * @throws ProblemsError for a problem without a solution, by its question
   */
  workedExamples(count: number = this.problems.length): WorkedExample[] {
    return this.problems.slice(0, count).map(({ question, solution }) => {
      if (solution === undefined) {
        throw new ProblemsError(
          `the problem ${JSON.stringify(question)} has no solution, which learning by example needs`,
        );
      }
      const { text, messages } = this.#format(question);
      if (messages === undefined) return { prompt: text, completion: solution };
      return { messages: [...messages, { role: 'assistant', content: solution }] };
    });
  }

  override saveState(): TextState<AskedProblem> {
    return this.savedText();
  }

  override loadState(state: TextState<AskedProblem>): void {
    this.loadText(state);
  }

  protected override longestPrompt(): number {
    const longest = this.problems.reduce((a, b) => (b.question.length > a.question.length ? b : a), this.problems[0]!);
    const { text, addSpecialTokens } = this.#format(longest.question);
    return this.tokenizer.encode(text, { addSpecialTokens }).length;
  }

  protected override prompt(options: Readonly<Record<string, unknown>>): TextPrompt<AskedProblem> {
    const problem = this.#ask(options);
    const { text, addSpecialTokens } = this.#format(problem.question);
    const { question, index } = problem;
    return { prompt: text, addSpecialTokens, context: problem, info: { question, index } };
  }

  protected override reward(completion: string, episode: TextEpisode<AskedProblem>): MaybePromise<TextScore> {
    const { question, answer } = episode.context;
    const grade = gradeAnswer(completion, answer);
    const reward = this.#reward(completion, {
      question,
      answer,
      prompt: episode.prompt,
      generatedTokens: episode.generatedTokens,
      maxGeneration: this.maxGeneration,
      truncated: episode.finishReason === 'length',
    });
    return after(reward, ({ reward: value, failed }) => ({
      reward: value,
      info: {
        ...(this.#mayFail ? { rewardFailed: failed } : {}),
        question,
        correctAnswer: answer,
        correctAnswerNumber: grade.correctNumber,
        generatedAnswer: grade.generatedAnswer,
        generatedAnswerNumber: grade.generatedNumber,
        difference: grade.difference,
        parseError: grade.parseError,
        finalText: completion,
        correct: grade.correct,
      },
    }));
  }

  protected override renderedFacts({ context }: TextEpisode<AskedProblem>): Readonly<Record<string, string>> {
    return { Answer: context.answer };
  }

  #ask(options: Readonly<Record<string, unknown>>): AskedProblem {
    const { question, answer, initialState } = options;
    if (question === undefined && answer === undefined) {
      if (initialState !== undefined && options['index'] === undefined) {
        throw new EnvError(
          `${this}: reset option initialState needs the problem that it belongs to: give index, or question and answer`,
        );
      }
      const index = this.exampleIndex(this.problems.length, options);
      return { ...this.problems[index]!, index };
    }
    if (typeof question !== 'string' || !(typeof answer === 'string' || typeof answer === 'number')) {
      throw new EnvError(
        `${this}: reset options question and answer go together, but are ${String(question)} and ${String(answer)}`,
      );
    }
    return { question, answer: String(answer), index: -1 };
  }
}

const NEEDED = {
  tokenizer: 'a Tokenizer, or the folder of a model',
  dataset: 'a JSON file of [{ question, answer }], or such rows; arithmeticProblems() makes some',
} as const;

/** What a tokenizer may put around a text. */
const MOST_SPECIAL_TOKENS = 8;

const PROMPTS_TO_COUNT = 16;
