// Training a language model in a token environment: whole episodes are played side by side, one token each at a time.

import { Discrete, type Env, type MakeOptions } from '../env/index.ts';
import { type ReferenceModel, TextEnv, type TextTokenizer } from '../env/text/index.ts';
import { Reference } from '../env/text/rlhf/reference.ts';
import { Tokenizer } from '../lm/index.ts';
import {
  type LMActorNetwork,
  type LMCriticNetwork,
  type PPOConfig,
  TokenPolicy,
  type TokenRollout,
} from '../rl/index.ts';
import { type EpisodeAlgorithm, needsReference, type TextAlgorithm } from './algorithms.ts';
import { makeSingleEnvironments, type SingleEnvironments } from './environments.ts';
import { completionRows } from './completion-rows.ts';
import { type CustomAlgorithm, isCustom, nameOf } from './custom-algorithm.ts';
import { type EpisodeCallbacks, EpisodeRun, type EpisodeRunOptions } from './episode-run.ts';
import type { MemoryBudget } from './memory-budget.ts';
import { resumed } from './resume.ts';
import { rlhfMetrics } from './rlhf-metrics.ts';
import { randomSeed, type RunResult } from './run-options.ts';
import { loadTextCheckpoint, writeTextCheckpoint } from './text-checkpoint.ts';
import { textBudget } from './text-budget.ts';
import { TokenTexts } from './token-texts.ts';
import type { Plan } from './training-files.ts';

type OwnOrOurs = EpisodeAlgorithm<TokenRollout, TokenPolicy>;

/** What to call when; any may end the run. */
export type TextCallbacks = EpisodeCallbacks<TokenRollout>;

/** Options of `trainAgent` for language models. Names are those of the Python original, in camelCase. */
export interface TrainTextOptions extends EpisodeRunOptions {
  /** The id of a registered token environment, such as CoTEnv-v0. Give this or `env`. */
  readonly envName?: string | undefined;
  /** A token environment, or a function that makes one (needed for `numEnvs` above 1). */
  readonly env?: Env | (() => Env) | undefined;
  /** Arguments of the environment that `envName` names. */
  readonly envOptions?: MakeOptions | undefined;
  /** The language model. Trained in place. */
  readonly actor: LMActorNetwork;
  /** Needed by PPO. Made from the actor's model, it shares its trunk. */
  readonly critic?: LMCriticNetwork | undefined;
  /** Settings of PPO. For another algorithm use `algorithm`. */
  readonly ppoConfig?: PPOConfig | undefined;
  /** Default PPO with `ppoConfig`. */
  readonly algorithm?: TextAlgorithm | CustomAlgorithm<TokenRollout, TokenPolicy> | undefined;
  /** Divides the scores of tokens, in acting and in learning. Default 1. */
  readonly temperature?: number | undefined;
  /** Environments played side by side, one token each at a time. Default 32, or 1 if `env` is an environment. */
  readonly numEnvs?: number | undefined;
  /** Tokens after which a text is cut off, and rewarded as it stands, if the environment does not do so earlier. Default: never. */
  readonly maxTimesteps?: number | undefined;
  /** Episodes between checkpoints; they are written after the update that follows. Default: those of 10 updates. */
  readonly saveInterval?: number | undefined;
  /** Saved in the checkpoints, so that their folders can be talked to. Default: the environment's, if it is a `TextEnv`. */
  readonly tokenizer?: Tokenizer | undefined;
  /** What an algorithm's `klCoef` keeps the actor close to. Default `initial`: the actor as it was when training began. */
  readonly reference?: ReferenceModel | undefined;
  /**
   * Ends the run, with a checkpoint, when the texts of a rollout have gone further than this from the reference of RLHFEnv: the mean of
   * their divergence (metric `kl`), in nats a text. They are not learned from. Default: never.
   */
  readonly maxKl?: number | undefined;
  /** Called as the run goes on; any may end it. */
  readonly callbacks?: TextCallbacks | readonly TextCallbacks[] | undefined;
}

/** What a run with a language model came to. */
export interface TrainTextResult extends RunResult {
  readonly policy: TokenPolicy;
  /** The last checkpoint: a model folder that `fromPretrained` and Python's transformers open; of a model with adapters, these alone, as PEFT saves them. */
  readonly checkpoint: string;
}

/** A run, set up by the constructor. */
export class TextRun extends EpisodeRun<TokenRollout> {
  readonly #policy: TokenPolicy;
  readonly #tokenizer: Tokenizer | undefined;
  readonly #tokenTexts: TokenTexts | undefined;
  readonly #seed: number;
  readonly #plan: Plan;
  readonly #reference: Reference;
  readonly #maxKl: number | undefined;
  protected override readonly memory: MemoryBudget;
  protected override readonly budgetKind = 'text';

  constructor(options: TrainTextOptions) {
    const { actor, critic, temperature, callbacks, saveInterval } = options;
    const from = resumed(options);
    const { numEnvs = typeof options.env === 'object' ? 1 : 32, maxTimesteps } = options;
    const seed = options.seed ?? from.seed ?? randomSeed();
    const algorithm: OwnOrOurs = options.algorithm ?? { name: 'ppo', ...options.ppoConfig };
    if (options.maxKl !== undefined && !(options.maxKl > 0)) {
      throw new RangeError(`maxKl is ${options.maxKl}, but must be above 0`);
    }
    if (algorithm.name === 'ppo' && critic === undefined) {
      throw new TypeError('this run has no critic, which PPO needs: give it an LMCriticNetwork, or another algorithm');
    }
    const environments = makeSingleEnvironments({ ...options, numEnvs });
    const numTokens = fitToModel(environments, actor);
    const policy = new TokenPolicy({ actor, critic, temperature, numTokens });
    const memory = textBudget(options, { envs: environments.envs, policy, algorithm });
    super(options, { environments, policy, algorithm, seed, callbacks, saveInterval, resumed: from });
    this.memory = memory;
    this.#policy = policy;
    this.#maxKl = options.maxKl;
    const tokenizer = options.tokenizer ?? tokenizerOf(environments);
    this.#tokenizer = tokenizer instanceof Tokenizer ? tokenizer : undefined;
    this.#tokenTexts = tokenizer && new TokenTexts(tokenizer);
    this.#seed = seed;
    // Before weights of a checkpoint come in.
    this.#reference = referenceFor(options, algorithm, policy);
    this.#plan = {
      reference: this.#reference.fingerprint,
      env: environments.name,
      algorithm: nameOf(algorithm),
      seed,
      numEnvs,
      groupSize: this.groupSize,
      updateInterval: this.episodesPerUpdate,
      temperature: policy.temperature,
      maxTimesteps: maxTimesteps ?? null,
    };
    if (from.checkpoint !== undefined) {
      const { plan: _plan, seed: _seed, ...state } = loadTextCheckpoint(from.checkpoint, this.trained, this.#plan);
      this.restore(state);
    }
    const { name, ...settings } = isCustom(algorithm) ? { name: algorithm.custom } : algorithm;
    this.open(() => ({
      ...this.#plan,
      env: { name: environments.name },
      algorithm: { name, ...settings },
      model: actor.model.config.raw,
      ...this.settings,
    }));
  }

  async train(): Promise<TrainTextResult> {
    return Object.assign(await this.run(), { policy: this.#policy });
  }

  protected override async collect(): Promise<TokenRollout> {
    const rollout = await super.collect();
    const { kl } = rlhfMetrics(rollout.episodes);
    if (this.#maxKl !== undefined && kl !== undefined && !(kl <= this.#maxKl)) {
      const reason =
        `the texts' divergence from the reference is ${kl.toFixed(1)} nats, above maxKl ${this.#maxKl}: often a klCoef that is too ` +
        'low, or a learning rate that is too high';
      this.end({ by: 'maxKl', reason });
    }
    return rollout;
  }

  /** So that saving costs little beside learning, however large the model. */
  protected override get defaultSaveInterval(): number {
    return 10 * this.episodesPerUpdate;
  }

  protected override get episodeFile(): 'completions' {
    return 'completions';
  }

  /** Texts have lines of their own, which say more. */
  protected override writeEpisode(): void {}

  protected override writeTexts(rollout: TokenRollout, referenceLogProbs: Float32Array | undefined): void {
    const firstEpisode = this.log.count - rollout.episodes.length + 1;
    const facts = { update: this.updates + 1, firstEpisode, tokenTexts: this.#tokenTexts, referenceLogProbs };
    for (const row of completionRows(rollout, facts)) this.written.append('completions', row);
  }

  protected override async referenceLogProbs({ rows, sequences }: TokenRollout): Promise<Float32Array | undefined> {
    if (!this.#reference.exists) return undefined;
    const said = await (await this.#reference.scorer()).of(sequences, { signal: this.signal });
    const logProbs = new Float32Array(rows);
    sequences.forEach(({ firstRow }, i) => logProbs.set(said[i]!, firstRow));
    return logProbs;
  }

  override async close(): Promise<void> {
    this.#reference.release();
    await super.close();
  }

  protected override async write(path: string): Promise<void> {
    const { optimizer } = this.trained;
    const state = { seed: this.#seed, plan: this.#plan, ...this.state };
    await writeTextCheckpoint(path, { policy: this.#policy, optimizer, tokenizer: this.#tokenizer, state });
  }

  protected override howToGoOn(path: string): string {
    return `Go on with trainAgent({ ..., resume: '${path}' })`;
  }
}

/**
 * Tells environments how long a text the model can read.
 *
 * @returns how many tokens they know: the model may know a few more
 * @throws TypeError or RangeError if they speak of tokens that the model does not know; EnvError if it cannot read their prompts
 */
function fitToModel({ envs }: SingleEnvironments, { model }: LMActorNetwork): number {
  const { vocabSize, maxPositions } = model.config;
  const [first] = envs;
  const { actionSpace } = first!;
  if (!(actionSpace instanceof Discrete)) {
    throw new TypeError(`a language model's actions are tokens, Discrete(n), but those of ${first} are ${actionSpace}`);
  }
  if (actionSpace.n > vocabSize) {
    throw new RangeError(
      `${first} has ${actionSpace.n} tokens, but the model knows ${vocabSize}: give it the model's own tokenizer, or, where tokens were ` +
        'added to that, call model.resizeTokenEmbeddings(tokenizer.vocabSize)',
    );
  }
  for (const { unwrapped } of envs) if (unwrapped instanceof TextEnv) unwrapped.limitContext(maxPositions);
  return actionSpace.n;
}

/** @throws TypeError or EnvError for a reference that nothing asks, or that is needed and cannot be */
function referenceFor({ reference }: TrainTextOptions, algorithm: OwnOrOurs, policy: TokenPolicy): Reference {
  const compares = needsReference(algorithm);
  if (reference !== undefined && compares !== (reference !== null)) {
    throw new TypeError(
      "a reference is for an algorithm with a klCoef, such as { name: 'grpo', klCoef: 0.04 }, which needs one",
    );
  }
  const chosen = new Reference(compares ? (reference ?? 'initial') : null, policy);
  if (compares) chosen.connect(policy);
  return chosen;
}

function tokenizerOf({ envs }: SingleEnvironments): TextTokenizer | undefined {
  const { unwrapped } = envs[0]!;
  return unwrapped instanceof TextEnv ? unwrapped.tokenizer : undefined;
}
