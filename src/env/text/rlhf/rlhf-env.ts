// RLHFEnv: go on from a query, to be judged at the end and held close to a reference on the way.
// The name, the keyword arguments and most of info are the Python original's; its divergence compares the policy with the reference.

import type { MaybePromise, ResetOptions, ResetResult, StepResult } from '../../env.ts';
import { withoutLabelPadding } from '../../../lm/datasets/preferences.ts';
import { EnvError } from '../../errors.ts';
import type { EpisodeRewarder } from '../episode-rewarder.ts';
import type { RewardErrorPolicy } from '../rewards/reward-function.ts';
import { after, TextEnv, type TextPrompt, type TextScore, type TextState } from '../text-env.ts';
import type { TextEpisode } from '../text-episode.ts';
import type { TextTokenizer } from '../text-tokenizer.ts';
import { tokenizerOf } from '../tokenizer-folder.ts';
import { type AdaptiveKl, KlController, type KlEstimator, klEstimators } from './kl.ts';
import { type Query, type QueryRow, readQueries } from './queries.ts';
import { Reference, type ReferenceModel } from './reference.ts';
import { ReferenceSlots } from './reference-slots.ts';
import { type BatchReward, batchReward, type TextReward } from './reward-source.ts';
import { type EndOfText, RlhfRewarder } from './rewarder.ts';

/** Where a text ends although it has not said so, as in Ziegler et al. 2019: "at the first full stop after 16 tokens". */
export interface TruncateAt {
  /** The token to end at: an id, or the text of one token, such as `.`. */
  readonly token: number | string;
  /** Tokens that are written before it counts. Default 0. */
  readonly after?: number | undefined;
  /** The score of a text without it, in place of what the reward says. Default -1. */
  readonly score?: number | undefined;
}

/** Options of {@link RLHFEnv}. */
export interface RLHFEnvOptions {
  /** The policy's tokenizer, or the folder of a model that has one. */
  readonly tokenizer: TextTokenizer | string;
  /** Queries: a JSON, JSON lines, CSV or Parquet file (field `query` or `prompt`) or folder, or rows. Text, or ids of the tokenizer. */
  readonly dataset: string | readonly QueryRow[];
  /** What a finished text is worth. A reward model reads query and response, by its own tokenizer. */
  readonly reward: TextReward;
  /** What the policy should stay close to. Default `initial`: itself, when training began. */
  readonly refModel?: ReferenceModel | undefined;
  /** The weight of the divergence, fixed or adaptive; a {@link KlController} may be shared by several environments. Default 0.05, as in TRL. */
  readonly klCoef?: number | AdaptiveKl | KlController | undefined;
  /** Default `k1`. */
  readonly klEstimator?: KlEstimator | undefined;
  /** Tokens that the agent may write; then the episode is truncated. Default 64. */
  readonly maxGeneration?: number | undefined;
  /** Scales the rewards of a rollout to deviation 1, leaving their mean. Steps of a single environment are not scaled. Default false. */
  readonly whitenRewards?: boolean | undefined;
  /** Taken from the score of a text that was cut off at `maxGeneration`. Default 0. */
  readonly missingEosPenalty?: number | undefined;
  /** Ends texts at a token. Default: they end as the policy ends them. */
  readonly truncateAt?: TruncateAt | undefined;
  /** Texts that end a response. Default none. */
  readonly stopStrings?: readonly string[] | undefined;
  /** What the policy's scores are divided by, and so the reference's. Default: told by the trainer, else 1. */
  readonly temperature?: number | undefined;
  /** Milliseconds after which a reward counts as failed. Default: never; for a server 30 000 a request. */
  readonly rewardTimeoutMs?: number | undefined;
  /** What to do when a reward fails. Default `throw`. */
  readonly rewardErrors?: RewardErrorPolicy | undefined;
  /** Times that a reward is asked again before it counts as failed. Default 0; a server's own `retries` come first. */
  readonly rewardRetries?: number | undefined;
  readonly renderMode?: string | null | undefined;
}

/** One episode's query. */
interface AskedQuery {
  /** Its row. */
  readonly index: number;
}

/**
 * Write on from a query; a reward model (or whatever else rates texts) says at the end what it was worth.
 *
 * - **Action** `Discrete(vocabSize)`: the next token. **Observation**: all tokens so far, see {@link TextEnv}.
 * - **Reward** minus `klCoef` times the divergence of each token from the reference, and the score, once, with the last. The policy's
 *   log-probability is the actor's to tell, see {@link observePolicy}; nobody else knows it. Trainers have all episodes of a rollout
 *   rewarded at once instead ({@link deferRewards}), which gives the same rewards.
 * - **Terminated** at an end token, a stop string or `truncateAt`, **truncated** after `maxGeneration` tokens.
 * - **Reset options** `index`: which query; `initialState` (text or ids) in its place.
 * - **Info** of a reset: `prompt`, `index`. Of each step that the policy was observed at: `tokenKl`, `referenceLogProb`. Of the last
 *   step also `prompt`, `completion`, `finishReason`, `rawReward` (what the reward said), `score` (after penalties), `kl` (the sum),
 *   `klCoef`, and a list for the tokens each of `completionIds`, `logProbs`, `referenceLogProbs`, `tokenKls`, `tokenRewards`.
 */
export class RLHFEnv extends TextEnv<AskedQuery> {
  /** What rewards the texts. */
  readonly rewarder: RlhfRewarder;
  readonly #queries: MaybePromise<readonly Query[]>;
  readonly #truncateAt: { readonly token: number; readonly after: number } | null;
  #deferred = false;
  /** The policy's log-probability of the token to come. */
  #observed: number | undefined;
  #logProbs: number[] = [];
  #referenceLogProbs: number[] = [];
  readonly #slots: ReferenceSlots;
  readonly #slot: number;

  /** @param shared what environments of a vector have in common. Default: all its own */
  constructor(options: RLHFEnvOptions, shared?: SharedParts) {
    for (const name of ['tokenizer', 'dataset', 'reward'] as const) {
      if (options[name] === undefined) throw new EnvError(`RLHFEnv needs ${name}: ${NEEDED[name]}`);
    }
    const { maxGeneration = MAX_GENERATION, truncateAt, stopStrings, renderMode } = options;
    const tokenizer = tokenizerFor(options);
    super({ tokenizer, maxGeneration, stopStrings, renderMode });
    this.#queries = readQueries(options.dataset);
    this.#truncateAt =
      truncateAt === undefined ? null : { token: tokenId(tokenizer, truncateAt.token), after: truncateAt.after ?? 0 };
    this.rewarder = shared?.rewarder ?? rewarderOf(options);
    this.#slots = shared?.slots ?? new ReferenceSlots(this.rewarder.reference, 1);
    this.#slot = shared?.slot ?? 0;
  }

  /** The weight of the divergence, which may adapt. */
  get klController(): KlController {
    return this.rewarder.klController;
  }

  /**
   * Tells the policy's log-probability of the token that the next step takes, in nats, at the temperature that it was drawn at.
   * Told before every step of an episode, steps are rewarded for closeness to the reference; told before none, they are not.
   */
  observePolicy(logProb: number): void {
    if (!(logProb <= 0 && logProb > -Infinity)) {
      throw new EnvError(`observePolicy: a log-probability is finite and at most 0, but this is ${logProb}`);
    }
    this.#observed = logProb;
  }

  override limitGeneration(tokens: number): void {
    super.limitGeneration(tokens);
    this.rewarder.maxGeneration = this.maxGeneration;
  }

  /** Whether an episode has ended and the next has not begun. */
  get ended(): boolean {
    return this.episode?.finishReason != null;
  }

  /** From now on steps give 0, and info only says how texts ended: what is returned rewards whole rollouts. */
  override deferRewards(): EpisodeRewarder {
    this.#deferred = true;
    return this.rewarder;
  }

  /** Null where steps are rewarded one by one: what the reference remembers of a text, and a weight that adapts, are not kept. */
  override saveState(): TextState<AskedQuery> | null {
    return this.#deferred ? this.savedText() : null;
  }

  override loadState(state: TextState<AskedQuery>): void {
    this.loadText(state);
  }

  override reset(options?: ResetOptions): MaybePromise<ResetResult<Int32Array>> {
    this.#observed = undefined;
    this.#logProbs = [];
    this.#referenceLogProbs = [];
    this.#slots.reset(this.#slot);
    return super.reset(options);
  }

  override step(action: number): MaybePromise<StepResult<Int32Array>> {
    const { episode } = this;
    const observed = this.#observed;
    this.#observed = undefined;
    if (
      observed === undefined ||
      this.#deferred ||
      episode?.finishReason !== null ||
      !this.actionSpace.contains(action)
    ) {
      return super.step(action);
    }
    if (this.#logProbs.length !== episode.generatedTokens) {
      throw new EnvError(
        `${this}: the policy was observed at ${this.#logProbs.length} of ${episode.generatedTokens} tokens; ` +
          'call observePolicy before every step of an episode, or before none',
      );
    }
    // Only what is new of the text is read.
    return after(this.#slots.logProb(this.#slot, episode.ids, action), (referenceLogProb) => {
      this.#logProbs.push(observed);
      this.#referenceLogProbs.push(referenceLogProb);
      const tokenKl = this.rewarder.klOf(observed, referenceLogProb);
      // With the last token the hook below has counted it already.
      const cost = this.rewarder.costOf(tokenKl);
      return after(super.step(action), ([observation, reward, terminated, truncated, info]) => [
        observation,
        terminated || truncated ? reward : cost,
        terminated,
        truncated,
        { ...info, tokenKl, referenceLogProb },
      ]);
    });
  }

  protected override longestPrompt(): number | undefined {
    if (this.#queries instanceof Promise) return undefined;
    const longest = this.#queries.reduce((a, b) => (b.length > a.length ? b : a));
    return typeof longest === 'string' ? this.tokenizer.encode(longest).length : longest.length;
  }

  protected override prompt(options: Readonly<Record<string, unknown>>): MaybePromise<TextPrompt<AskedQuery>> {
    return after(this.#queries, (queries) => {
      const index = this.exampleIndex(queries.length, options);
      const query = queries[index]!;
      const prompt = typeof query === 'string' ? query : withoutLabelPadding(query, this.tokenizer.vocabSize);
      return { prompt, context: { index }, info: { index } };
    });
  }

  protected override isFinished(episode: TextEpisode<AskedQuery>): boolean {
    if (this.#truncateAt === null) return false;
    const { token, after: count } = this.#truncateAt;
    return episode.generatedTokens > count && episode.ids.at(-1) === token;
  }

  protected override reward(completion: string, episode: TextEpisode<AskedQuery>): MaybePromise<TextScore> {
    if (this.#deferred) return { reward: 0, info: {} };
    const { prompt, finishReason, generatedTokens } = episode;
    const observed = this.#logProbs.length;
    if (observed !== 0 && observed !== generatedTokens) {
      throw new EnvError(`${this}: the policy was observed at ${observed} of ${generatedTokens} tokens`);
    }
    const end: EndOfText = { prompt, completion, finishReason: finishReason!, generatedTokens };
    return this.rewarder.scores([end]).then(([scores]) => {
      if (observed === 0) return { reward: scores!.score, info: { ...scores } };
      const ids = episode.completionIds.slice();
      const { rewards, info } = this.rewarder.rewardOf(scores!, ids, this.#logProbs, this.#referenceLogProbs);
      this.rewarder.adapt([info['kl'] as number]);
      return { reward: rewards.at(-1)!, info };
    });
  }
}

/** What environments of a vector share. */
export interface SharedParts {
  readonly rewarder: RlhfRewarder;
  readonly slots: ReferenceSlots;
  readonly slot: number;
}

const MAX_GENERATION = 64;

/**
 * What rewards the texts of environments with these options.
 *
 * @param through what stands around the reward
 */
export function rewarderOf(
  options: RLHFEnvOptions,
  through = (reward: BatchReward): BatchReward => reward,
): RlhfRewarder {
  const { klCoef = 0.05, klEstimator = 'k1', missingEosPenalty = 0, refModel = 'initial', temperature } = options;
  if (!Object.hasOwn(klEstimators, klEstimator)) {
    throw new EnvError(`klEstimator is ${JSON.stringify(klEstimator)}, but must be k1, k2 or k3`);
  }
  if (!Number.isFinite(missingEosPenalty)) throw new EnvError(`missingEosPenalty is ${missingEosPenalty}`);
  if (temperature !== undefined && !(temperature > 0)) {
    throw new EnvError(`temperature is ${temperature}, but must be above 0`);
  }
  const klController = klCoef instanceof KlController ? klCoef : new KlController(klCoef);
  if (refModel === null && klController.coef !== 0) {
    throw new EnvError(
      `refModel is null, so there is no divergence that klCoef ${klController.coef} could weigh: set it to 0`,
    );
  }
  const { truncateAt, rewardTimeoutMs: timeoutMs, rewardErrors: errors, rewardRetries: retries } = options;
  return new RlhfRewarder({
    reward: through(batchReward(options.reward, { timeoutMs, errors, retries })),
    reference: new Reference(refModel, { numTokens: tokenizerFor(options).vocabSize, temperature }),
    klController,
    klEstimator,
    whitenRewards: options.whitenRewards ?? false,
    missingEosPenalty,
    truncationScore: truncateAt === undefined ? null : (truncateAt.score ?? -1),
    maxGeneration: options.maxGeneration ?? MAX_GENERATION,
    rewardMayFail: errors !== undefined && errors !== 'throw',
  });
}

function tokenizerFor({ tokenizer }: RLHFEnvOptions): TextTokenizer {
  return typeof tokenizer === 'string' ? tokenizerOf(tokenizer) : tokenizer;
}

const NEEDED = {
  tokenizer: 'a Tokenizer, or the folder of a model',
  dataset: 'queries, as a list of texts or a file with the field query',
  reward: 'a reward model or its folder, a function of the text, or the address of a server',
} as const;

function tokenId(tokenizer: TextTokenizer, token: number | string): number {
  if (typeof token === 'number') {
    if (Number.isInteger(token) && token >= 0 && token < tokenizer.vocabSize) return token;
    throw new EnvError(`truncateAt.token is ${token}, but ids are 0 to ${tokenizer.vocabSize - 1}`);
  }
  const ids = tokenizer.encode(token, { addSpecialTokens: false });
  if (ids.length === 1) return ids[0]!;
  throw new EnvError(
    `truncateAt.token ${JSON.stringify(token)} is ${ids.length} tokens of this tokenizer, but must be one: give its id`,
  );
}
