// TextEnv: an environment whose actions are tokens and whose observations are all tokens so far.
// Actions and spaces as in the Python original; its episodes end by termination at the token limit, these by truncation.

import { checkedRenderMode, invalidAction, resetFirst } from '../checks.ts';
import {
  Env,
  type EnvMetadata,
  type Info,
  type MaybePromise,
  type ResetOptions,
  type ResetResult,
  type StepResult,
} from '../env.ts';
import type { GeneratorState } from '../../random/index.ts';
import { EnvError, ResetNeeded } from '../errors.ts';
import { Discrete, Sequence, type Space } from '../spaces/index.ts';
import type { EpisodeRewarder } from './episode-rewarder.ts';
import { RewardError } from './rewards/reward-function.ts';
import { StopStrings } from './stop-strings.ts';
import { type FinishReason, GrowingEpisode, type SavedEpisode, type TextEpisode } from './text-episode.ts';
import { endTokensOf, type TextTokenizer } from './text-tokenizer.ts';

/** The space of token sequences: `Sequence(Discrete(vocabSize))`, whose values are Int32Arrays of any length. */
export type TokenSequence = Sequence<Discrete, true> & Space<Int32Array>;

/** Options of a {@link TextEnv}. */
export interface TextEnvOptions {
  readonly tokenizer: TextTokenizer;
  /** Tokens that the agent may write in one episode, over all turns; then it is truncated. Default 128. */
  readonly maxGeneration?: number | undefined;
  /** Texts that end a turn as soon as they are complete, however they are cut into tokens. Default none. */
  readonly stopStrings?: readonly string[] | undefined;
  /** Tokens that end a turn. Default: the tokenizer's end tokens. */
  readonly endTokens?: readonly number[] | undefined;
  readonly renderMode?: string | null | undefined;
}

/** How an episode begins. */
export interface TextPrompt<Context> {
  /** The first observation, as text or as ids. */
  readonly prompt: string | ArrayLike<number>;
  /** What the hooks need to know about this episode. */
  readonly context: Context;
  /** Whether the tokenizer puts its special tokens around a prompt of text. Default true; false for a rendered chat. */
  readonly addSpecialTokens?: boolean | undefined;
  /** Further facts for the info of `reset`. */
  readonly info?: Info | undefined;
}

/** A reward with facts for the info of the last step. */
export interface TextScore {
  readonly reward: number;
  readonly info: Info;
}

/** What {@link TextEnv.savedText} says. */
export interface TextState<Context> {
  readonly random: GeneratorState;
  readonly episode: SavedEpisode<Context> | null;
}

/**
 * The base of token environments. A subclass says how an episode begins (`prompt`) and what a finished text is worth
 * (`reward`); it may say when text is finished (`isFinished`) and what is answered to it (`respond`).
 *
 * - **Action** `Discrete(vocabSize)`: the next token.
 * - **Observation** a new Int32Array of all tokens so far: the one before, the action, and what the environment added.
 * - **Reward** 0, but for the last step, which gives what `reward` says.
 * - **Terminated** when the text is finished: an end token, a stop string or `isFinished`, and `respond` has nothing to
 *   say. **Truncated** when `maxGeneration` tokens came first, or the model's context is full; the text is rewarded all the same.
 * - **Reset options** `initialState` (text or ids) takes the place of the prompt.
 * - **Info** of a reset: `prompt`, and what `prompt` adds. Of the last step: `prompt`, `completion`, `finishReason`,
 *   `generatedTokens`, and what `reward` adds. `insertedTokens` (see {@link TextEpisode}) where the environment wrote any.
 */
export abstract class TextEnv<Context = unknown> extends Env<Int32Array, number> {
  static readonly metadata: EnvMetadata = { renderModes: ['ansi'], renderFps: 4 };

  readonly observationSpace: TokenSequence;
  readonly actionSpace: Discrete;
  override readonly metadata: EnvMetadata = TextEnv.metadata;
  override readonly renderMode: string | null;
  readonly tokenizer: TextTokenizer;
  readonly #vocabSize: number;
  readonly #endTokens: readonly number[];
  readonly #stopStrings: StopStrings | null;
  #episode: GrowingEpisode<Context> | undefined;
  #contextLength = Number.POSITIVE_INFINITY;
  #maxGeneration: number;

  constructor({ tokenizer, maxGeneration = 128, stopStrings = [], endTokens, renderMode }: TextEnvOptions) {
    super();
    if (!(Number.isSafeInteger(maxGeneration) && maxGeneration > 0)) {
      throw new RangeError(`maxGeneration is ${maxGeneration}, but must be a whole number of 1 or more tokens`);
    }
    this.tokenizer = tokenizer;
    this.#maxGeneration = maxGeneration;
    this.#vocabSize = tokenizer.vocabSize;
    this.#endTokens = endTokens ?? endTokensOf(tokenizer);
    this.#stopStrings = StopStrings.for(tokenizer, stopStrings);
    this.actionSpace = new Discrete(this.#vocabSize);
    this.observationSpace = new Sequence(new Discrete(this.#vocabSize), { stack: true }) as TokenSequence;
    this.renderMode = checkedRenderMode(new.target.name, renderMode, this.metadata);
  }

  /**
   * The most tokens that the model can read: an episode whose text has become so long is truncated, and a prompt that leaves no room
   * for a single token is an error of `reset`. Training sets it to the model's context.
   */
  get contextLength(): number {
    return this.#contextLength;
  }

  /** Lowers {@link contextLength} to `tokens`, if it is above. */
  limitContext(tokens: number): void {
    this.#contextLength = Math.min(this.#contextLength, tokens);
  }

  /** Tokens that the agent may write before an episode is truncated. */
  get maxGeneration(): number {
    return this.#maxGeneration;
  }

  /** Lowers {@link maxGeneration} to `tokens`, if it is above. */
  limitGeneration(tokens: number): void {
    this.#maxGeneration = Math.min(this.#maxGeneration, tokens);
  }

  /** The most tokens that a text may have, prompt and all. */
  get longestText(): number {
    const prompt = this.longestPrompt();
    return Math.min(this.#contextLength, prompt === undefined ? Infinity : prompt + this.maxGeneration);
  }

  /** About how many tokens the longest prompt has, for estimates of memory; undefined if nobody knows. Default undefined. */
  protected longestPrompt(): number | undefined {
    return undefined;
  }

  /**
   * Begins an episode. Random choices come from `this.npRandom`.
   *
   * @param options those of `reset`
   */
  protected abstract prompt(options: Readonly<Record<string, unknown>>): MaybePromise<TextPrompt<Context>>;

  /**
   * What a finished text is worth: a number, or a number and facts for `info`.
   *
   * @param completion all text after the prompt, without the end token
   */
  protected abstract reward(completion: string, episode: TextEpisode<Context>): MaybePromise<number | TextScore>;

  /** Whether the turn is finished; asked after every token that does not end it anyway. Default false. */
  protected isFinished(_episode: TextEpisode<Context>): boolean {
    return false;
  }

  /**
   * What the environment adds after a finished turn, as text or ids, for the agent to go on from; null ends the episode.
   * Text is encoded without special tokens. Default null.
   */
  protected respond(_turn: string, _episode: TextEpisode<Context>): MaybePromise<string | ArrayLike<number> | null> {
    return null;
  }

  /** Facts that `render` shows between the completion and the reward, by name. Default none. */
  protected renderedFacts(_episode: TextEpisode<Context>): Readonly<Record<string, string | number>> {
    return {};
  }

  /**
   * Leaves rewards to what is returned, which gives those of many finished episodes at once: from now on steps give 0. Null, if this
   * environment rewards each episode as it ends. Default null.
   */
  deferRewards(): EpisodeRewarder | null {
    return null;
  }

  /** The episode under way, or the one that ended last; undefined before the first. */
  protected get episode(): TextEpisode<Context> | undefined {
    return this.#episode;
  }

  /**
   * The random stream and the episode under way, or the one that ended last: `saveState` of a subclass whose contexts are plain data, and
   * that remembers nothing else.
   */
  protected savedText(): TextState<Context> {
    return { random: this.npRandom.state, episode: this.#episode?.saved() ?? null };
  }

  /** Goes on from what {@link savedText} said. */
  protected loadText({ random, episode }: TextState<Context>): void {
    this.npRandom.state = random;
    this.#episode = undefined;
    if (episode === null) return;
    const { ids, promptLength, promptText, context } = episode;
    this.#episode = this.#episodeOf({ prompt: ids.subarray(0, promptLength), promptText, context });
    this.#episode.goOn(episode);
  }

  override reset(options?: ResetOptions): MaybePromise<ResetResult<Int32Array>> {
    this.seedFrom(options);
    this.#episode = undefined;
    const given = options?.options ?? {};
    return after(this.prompt(given), (prompt) => this.#begin(prompt, given['initialState']));
  }

  override step(action: number): MaybePromise<StepResult<Int32Array>> {
    const episode = this.#episode;
    if (episode === undefined) throw resetFirst(this.constructor.name);
    if (episode.finishReason !== null) {
      throw new ResetNeeded(
        `${this}: the episode has ended (${episode.finishReason}); call reset before the next step`,
      );
    }
    if (!(Number.isInteger(action) && action >= 0 && action < this.#vocabSize)) {
      throw invalidAction(this.constructor.name, action, this.actionSpace);
    }
    episode.append(action);
    const ending = this.#endOfTurn(episode, action);
    if (ending !== null) return this.#endTurn(episode, ending);
    if (this.#isFull(episode)) return this.#end(episode, 'length');
    return [episode.observation(), 0, false, false, {}];
  }

  /** In mode `ansi`: prompt, completion, the environment's own facts, and the reward once there is one. */
  override render(): string | null {
    if (this.renderMode === null) return null;
    const episode = this.#episode;
    if (episode === undefined) throw resetFirst(this.constructor.name);
    const lines = [`Prompt: ${episode.prompt}`, `Completion: ${episode.completion}`];
    for (const [name, fact] of Object.entries(this.renderedFacts(episode))) lines.push(`${name}: ${fact}`);
    if (episode.reward !== null) lines.push(`Reward: ${episode.reward}`);
    return `${lines.join('\n')}\n`;
  }

  /**
   * The number of an example to begin with: `options.index` if it is given, else a random one.
   *
   * @throws RangeError if there is no example of that number
   */
  protected exampleIndex(count: number, options: Readonly<Record<string, unknown>>): number {
    const { index } = options;
    if (index === undefined) return this.npRandom.integers(count);
    if (typeof index === 'number' && Number.isInteger(index) && index >= 0 && index < count) return index;
    throw new RangeError(`${this}: reset option index is ${String(index)}, but examples are 0 to ${count - 1}`);
  }

  /** @throws EnvError if a prompt of so many tokens leaves no room in the model's context */
  protected checkRoom(tokens: number, prompt: string): void {
    if (tokens < this.#contextLength) return;
    const shown = prompt.length > 60 ? `${prompt.slice(0, 60)}...` : prompt;
    throw new EnvError(
      `${this}: a prompt of ${tokens} tokens leaves no room in the model's context of ${this.#contextLength} (${JSON.stringify(shown)}): ` +
        'make prompts shorter (fewShot, systemMessage, the dataset), or take a model with a longer context',
    );
  }

  #begin(
    { prompt, context, addSpecialTokens = true, info }: TextPrompt<Context>,
    initialState: unknown,
  ): ResetResult<Int32Array> {
    const start = initialState === undefined ? prompt : checkedState(initialState);
    const isText = typeof start === 'string';
    const ids = isText ? this.tokenizer.encode(start, { addSpecialTokens }) : start;
    this.#checkTokens(ids, 'prompt');
    if (ids.length === 0) throw new EnvError(`${this}: the prompt has no tokens; a model needs at least one`);
    this.checkRoom(ids.length, isText ? start : this.tokenizer.decode(ids));
    const episode = this.#episodeOf({ prompt: ids, promptText: isText ? start : undefined, context });
    this.#episode = episode;
    return [episode.observation(), { prompt: episode.prompt, ...info }];
  }

  #episodeOf(begin: ConstructorParameters<typeof GrowingEpisode<Context>>[2]): GrowingEpisode<Context> {
    return new GrowingEpisode(this.tokenizer, this.#endTokens, begin, Math.min(this.maxGeneration, 512));
  }

  #isFull(episode: GrowingEpisode<Context>): boolean {
    return episode.generatedTokens >= this.maxGeneration || episode.length >= this.#contextLength;
  }

  #endOfTurn(episode: GrowingEpisode<Context>, action: number): FinishReason | null {
    if (this.#endTokens.includes(action)) return 'eos';
    if (this.#stopStrings?.completedBy(episode.buffer, episode.turnStart, episode.length)) return 'stop';
    return this.isFinished(episode) ? 'finished' : null;
  }

  #endTurn(episode: GrowingEpisode<Context>, reason: FinishReason): MaybePromise<StepResult<Int32Array>> {
    if (this.respond === TextEnv.prototype.respond) return this.#end(episode, reason);
    return after(this.respond(episode.turn, episode), (answer) => {
      if (answer === null) return this.#end(episode, reason);
      if (this.#isFull(episode)) return this.#end(episode, 'length');
      const tokens = typeof answer === 'string' ? this.tokenizer.encode(answer, { addSpecialTokens: false }) : answer;
      this.#checkTokens(tokens, 'response');
      // Without room for the answer and a token after it, the text ends as it stands.
      if (episode.length + tokens.length >= this.#contextLength) return this.#end(episode, 'length');
      episode.insert(tokens);
      return [episode.observation(), 0, false, false, { insertedTokens: episode.insertedTokens }];
    });
  }

  #end(episode: GrowingEpisode<Context>, reason: FinishReason): MaybePromise<StepResult<Int32Array>> {
    episode.finishReason = reason;
    const { completion } = episode;
    return after(this.reward(completion, episode), (score) => {
      const { reward, info } = typeof score === 'number' ? { reward: score, info: {} } : score;
      if (!Number.isFinite(reward)) {
        throw new RewardError(`${this.constructor.name}.reward`, completion, `it gave ${String(reward)}`);
      }
      episode.reward = reward;
      const facts: Info = {
        prompt: episode.prompt,
        completion,
        finishReason: reason,
        generatedTokens: episode.generatedTokens,
        ...(episode.hasInserted ? { insertedTokens: episode.insertedTokens } : {}),
        ...info,
      };
      return [episode.observation(), reward, reason !== 'length', reason === 'length', facts];
    });
  }

  #checkTokens(ids: ArrayLike<number>, what: string): void {
    for (let i = 0; i < ids.length; i++) {
      const id = ids[i]!;
      if (!(Number.isInteger(id) && id >= 0 && id < this.#vocabSize)) {
        throw new EnvError(`${this}: token ${i} of the ${what} is ${id}, but ids are 0 to ${this.#vocabSize - 1}`);
      }
    }
  }
}

/** Goes on with a value now if it is there, else when it comes. */
export function after<T, U>(value: MaybePromise<T>, next: (value: T) => MaybePromise<U>): MaybePromise<U> {
  return value instanceof Promise ? value.then(next) : next(value);
}

function checkedState(state: unknown): string | ArrayLike<number> {
  if (typeof state === 'string') return state;
  if (Array.isArray(state) || (ArrayBuffer.isView(state) && 'length' in state)) return state as ArrayLike<number>;
  throw new TypeError(`reset option initialState must be text or an array of token ids, but is ${String(state)}`);
}
