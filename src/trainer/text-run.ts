// Training a language model in a token environment: play whole episodes, update, write down, until something ends it.

import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Env, make, type MakeOptions } from '../env/index.ts';
import { hasAdapters, saveLora, savePretrained } from '../lm/index.ts';
import { writeSafetensors } from '../nn/index.ts';
import { Generator, SeedSequence } from '../random/index.ts';
import {
  type CollectedEpisode,
  EpisodeCollector,
  GRPO,
  type GRPOConfig,
  type LMActorNetwork,
  type LMCriticNetwork,
  NonFiniteError,
  PPO,
  type PPOConfig,
  REINFORCE,
  type REINFORCEConfig,
  resolvePPOConfig,
  RLOO,
  type RLOOConfig,
  TokenPolicy,
  type TokenRollout,
} from '../rl/index.ts';
import { fillDirectory } from './atomic-directory.ts';
import { type CallbackAnswer, type EpisodeEnd, stopReason, type TrainProgress } from './callbacks.ts';
import { checkPositiveInteger } from './environments.ts';
import { EpisodeLog, WINDOW } from './episode-log.ts';
import { TrainingDivergedError } from './errors.ts';
import { rlhfColumns, rlhfMetrics } from './rlhf-metrics.ts';
import { defaultRunDirectory, fileName, type MetricsRow, RunDirectory } from './run-directory.ts';
import type { StoppedBy } from './train-agent.ts';

/** An algorithm and its settings. */
export type TextAlgorithm =
  | ({ readonly name: 'ppo' } & PPOConfig)
  | ({ readonly name: 'grpo' } & GRPOConfig)
  | ({ readonly name: 'rloo' } & RLOOConfig)
  | ({ readonly name: 'reinforce' } & REINFORCEConfig);

/** What to call when; any may end the run. */
export interface TextCallbacks {
  onEpisodeEnd?(episode: EpisodeEnd & Pick<CollectedEpisode, 'info' | 'group' | 'seed'>): CallbackAnswer;
  onUpdateEnd?(
    progress: TrainProgress,
    metrics: Readonly<Record<string, number>>,
  ): CallbackAnswer | Promise<CallbackAnswer>;
  onCheckpoint?(path: string, progress: TrainProgress): CallbackAnswer | Promise<CallbackAnswer>;
}

/** Options of `trainAgent` for language models. Names are those of the Python original, in camelCase. */
export interface TrainTextOptions {
  /** The id of a registered token environment, such as CoTEnv-v0. Give this or `env`. */
  readonly envName?: string | undefined;
  /** A function that makes a token environment; called `numEnvs` times. */
  readonly env?: (() => Env) | undefined;
  /** Arguments of the environment that `envName` names. */
  readonly envOptions?: MakeOptions | undefined;
  /** The language model. Trained in place. */
  readonly actor: LMActorNetwork;
  /** Needed by PPO. Made from the actor's model, it shares its trunk. */
  readonly critic?: LMCriticNetwork | undefined;
  /** Settings of PPO. For another algorithm use `algorithm`. */
  readonly ppoConfig?: PPOConfig | undefined;
  /** Default PPO with `ppoConfig`. */
  readonly algorithm?: TextAlgorithm | undefined;
  /** Divides the scores of tokens, in acting and in learning. Default 1. */
  readonly temperature?: number | undefined;
  /** Environments played side by side, one token each at a time. Default 32. */
  readonly numEnvs?: number | undefined;
  /** Episodes to train for. Default 1000, if `totalSteps` is not given. */
  readonly maxEpisodes?: number | undefined;
  /** Tokens to train for, in place of `maxEpisodes`. Rollouts are finished, so it may be a few more. */
  readonly totalSteps?: number | undefined;
  /** Episodes between updates. Default: 4 times `numEnvs`. */
  readonly updateInterval?: number | undefined;
  /** Episodes that begin from one prompt, for algorithms that compare them. Default 8 for GRPO and RLOO, else 1. */
  readonly groupSize?: number | undefined;
  /** Episodes between checkpoints. Default: only a last one. */
  readonly saveInterval?: number | undefined;
  /** Where checkpoints go. Default: `checkpoints/` of the run directory, or `models/` without one. */
  readonly savePath?: string | undefined;
  /** Called as the run goes on; any may end it. */
  readonly callbacks?: TextCallbacks | readonly TextCallbacks[] | undefined;
  /** Everything drawn in this run comes from it (but the networks' first weights). Default: from the operating system. */
  readonly seed?: number | undefined;
  /** Ends the run when the mean return of the latest 100 episodes reaches this. Default: never. */
  readonly stopAtMeanReturn?: number | undefined;
  /** Ends the run, with a checkpoint, after the update under way. */
  readonly signal?: AbortSignal | undefined;
  /** Where config, metrics, completions and checkpoints go; null for nowhere. Default `runs/<env>-<date>-<seed>`. */
  readonly runDirectory?: string | null | undefined;
  /** Anything that shall stand in config.json too, such as the recipe. */
  readonly notes?: Readonly<Record<string, unknown>> | undefined;
}

/** What a run with a language model came to. */
export interface TrainTextResult {
  /** After each episode: 0.95 times the one before (0 at first) plus 0.05 times the return. */
  readonly runningRewards: readonly number[];
  readonly episodeReturns: readonly number[];
  /** In tokens. */
  readonly episodeLengths: readonly number[];
  readonly policy: TokenPolicy;
  /** One row an update, as in metrics.jsonl. */
  readonly metrics: readonly MetricsRow[];
  readonly steps: number;
  readonly updates: number;
  readonly seconds: number;
  readonly seed: number;
  readonly runDirectory: string | null;
  /** The last checkpoint: a model folder that `fromPretrained` and Python's transformers open; of a model with adapters, these alone, as PEFT saves them. */
  readonly checkpoint: string;
  readonly stoppedBy: StoppedBy;
  readonly stopReason?: string;
}

interface Learner {
  update(rollout: TokenRollout, options: { readonly progress: number }): Promise<object>;
}

export async function trainText(options: TrainTextOptions): Promise<TrainTextResult> {
  const run = new TextRun(options);
  try {
    return await run.train();
  } finally {
    await run.close();
  }
}

class TextRun {
  readonly #options: TrainTextOptions;
  readonly #callbacks: readonly TextCallbacks[];
  readonly #name: string;
  readonly #envs: readonly Env[];
  readonly #policy: TokenPolicy;
  readonly #collector: EpisodeCollector<TokenRollout>;
  readonly #learner: Learner;
  readonly #seed: number;
  readonly #directory: RunDirectory | null;
  readonly #savePath: string;
  readonly #episodesPerUpdate: number;
  readonly #groupSize: number;
  readonly #log = new EpisodeLog();
  readonly #metrics: MetricsRow[] = [];
  #steps = 0;
  #updates = 0;
  #started = performance.now();
  #checkpoint = '';
  #stop: { readonly by: StoppedBy; readonly reason?: string } | undefined;

  constructor(options: TrainTextOptions) {
    this.#options = options;
    const { envName, env, envOptions = {}, numEnvs = 32, callbacks = [], actor, critic, temperature } = options;
    if ((envName === undefined) === (env === undefined)) {
      throw new TypeError('give envName (an id) or env (a function that makes a token environment), and not both');
    }
    checkPositiveInteger('numEnvs', numEnvs);
    this.#callbacks = Array.isArray(callbacks) ? callbacks : [callbacks as TextCallbacks];
    this.#seed = options.seed ?? new SeedSequence().generateState(1)[0]!;
    this.#envs = Array.from({ length: numEnvs }, () => (env === undefined ? make(envName!, envOptions) : env()));
    this.#name = envName ?? this.#envs[0]!.unwrapped.constructor.name;
    this.#policy = new TokenPolicy({ actor, critic, temperature });
    const streams = new SeedSequence(this.#seed).spawn(3).map((sequence) => new Generator(sequence));
    const [generator, seeds, shuffling] = streams as [Generator, Generator, Generator];
    this.#collector = new EpisodeCollector(this.#envs, this.#policy, { generator, seeds });
    const algorithm = options.algorithm ?? { name: 'ppo', ...options.ppoConfig };
    this.#groupSize = options.groupSize ?? (algorithm.name === 'grpo' || algorithm.name === 'rloo' ? 8 : 1);
    this.#episodesPerUpdate = this.#groupSize * Math.ceil((options.updateInterval ?? 4 * numEnvs) / this.#groupSize);
    this.#learner = learnerFor(algorithm, this.#policy, numEnvs, shuffling);

    const { runDirectory = defaultRunDirectory(this.#name, this.#seed) } = options;
    this.#directory = runDirectory === null ? null : new RunDirectory(runDirectory);
    this.#savePath = options.savePath ?? this.#directory?.checkpoints ?? 'models';
    this.#directory?.writeConfig({
      env: { name: this.#name },
      seed: this.#seed,
      numEnvs,
      algorithm,
      groupSize: this.#groupSize,
      updateInterval: this.#episodesPerUpdate,
      temperature: this.#policy.temperature,
      maxEpisodes: options.maxEpisodes,
      totalSteps: options.totalSteps,
      model: actor.model.config,
      ...options.notes,
    });
  }

  async train(): Promise<TrainTextResult> {
    const { saveInterval, signal, stopAtMeanReturn } = this.#options;
    let saved = 0;
    this.#started = performance.now();
    while (this.#stop === undefined) {
      const progress = this.#fraction();
      const rollout = await this.#collector.collect({
        episodes: this.#episodesPerUpdate,
        groupSize: this.#groupSize,
        onEpisode: (episode) => this.#note(episode),
      });
      this.#steps += rollout.rows;
      if (this.#stop !== undefined) break;
      await this.#update(rollout, progress);
      if (this.#fraction() >= 1) {
        this.#stop ??= { by: this.#options.totalSteps === undefined ? 'maxEpisodes' : 'totalSteps' };
      }
      if (stopAtMeanReturn !== undefined && this.#log.count >= WINDOW && this.#log.meanReturn! >= stopAtMeanReturn) {
        this.#stop ??= { by: 'stopAtMeanReturn' };
      }
      if (signal?.aborted) this.#stop ??= { by: 'signal' };
      if (saveInterval !== undefined && this.#stop === undefined) {
        const due = Math.floor(this.#log.count / saveInterval);
        if (due > saved) await this.#save();
        saved = due;
      }
    }
    await this.#save();
    return this.#finish(this.#stop);
  }

  async close(): Promise<void> {
    this.#directory?.close();
    await Promise.all(this.#envs.map((env) => env.close()));
  }

  #note(episode: CollectedEpisode): boolean {
    this.#log.add(episode);
    const { count, runningReward } = this.#log;
    for (const { onEpisodeEnd } of this.#callbacks) {
      const reason = stopReason(onEpisodeEnd?.({ ...episode, episode: count, runningReward }), 'onEpisodeEnd');
      if (reason !== undefined) this.#stop ??= { by: 'callback', reason };
    }
    if (this.#directory !== null) {
      const { prompt, completion, finishReason, correct } = episode.info;
      const row = { update: this.#updates + 1, episode: count, prompt, completion, finishReason, correct };
      const { return: total, length: tokens, group } = episode;
      const line = JSON.stringify({ ...row, return: total, tokens, group, ...rlhfColumns(episode) });
      appendFileSync(join(this.#directory.path, 'completions.jsonl'), `${line}\n`);
    }
    return this.#stop === undefined;
  }

  async #update(rollout: TokenRollout, fraction: number): Promise<void> {
    let metrics: Readonly<Record<string, number>>;
    try {
      metrics = (await this.#learner.update(rollout, { progress: fraction })) as typeof metrics;
    } catch (error) {
      if (!(error instanceof NonFiniteError)) throw error;
      await this.#save();
      throw new TrainingDivergedError(error, this.#updates + 1, this.#checkpoint);
    }
    this.#updates++;
    const { steps, episodes, meanReturn, meanLength, seconds, stepsPerSecond } = this.#progress();
    const correct = rollout.episodes.map(({ info }) => info['correct']).filter((c) => typeof c === 'boolean');
    const row: MetricsRow = {
      update: this.#updates,
      globalStep: steps,
      episodes,
      episodicReturn: meanReturn,
      episodicLength: meanLength,
      ...(correct.length > 0 ? { accuracy: correct.filter(Boolean).length / correct.length } : {}),
      ...rlhfMetrics(rollout.episodes),
      ...metrics,
      seconds,
      stepsPerSecond,
    };
    this.#metrics.push(row);
    this.#directory?.appendMetrics(row);
    for (const { onUpdateEnd } of this.#callbacks) {
      const reason = stopReason(await onUpdateEnd?.(this.#progress(), row as Record<string, number>), 'onUpdateEnd');
      if (reason !== undefined) this.#stop ??= { by: 'callback', reason };
    }
  }

  async #save(): Promise<void> {
    const { name = 'ppo' } = this.#options.algorithm ?? {};
    this.#checkpoint = join(this.#savePath, `${name}_${fileName(this.#name)}_episode_${this.#log.count}`);
    const { actor, critic } = this.#policy;
    await fillDirectory(this.#checkpoint, async (folder) => {
      if (hasAdapters(actor.model)) await saveLora(actor.model, folder);
      else await savePretrained(actor.model, folder);
      if (critic === undefined) return;
      // A trunk that the actor's model shares stands in its own file already.
      const shared = critic.model === actor.model;
      const state = [...critic.stateDict()].filter(([key]) => !shared || !key.startsWith('model.'));
      writeFileSync(join(folder, 'critic.safetensors'), writeSafetensors(new Map(state)));
    });
    for (const { onCheckpoint } of this.#callbacks) await onCheckpoint?.(this.#checkpoint, this.#progress());
  }

  #finish(stop: { readonly by: StoppedBy; readonly reason?: string }): TrainTextResult {
    const { seconds } = this.#progress();
    const summary = { stoppedBy: stop.by, stopReason: stop.reason, ...this.#progress(), checkpoint: this.#checkpoint };
    this.#directory?.writeSummary(summary);
    return {
      runningRewards: this.#log.runningRewards,
      episodeReturns: this.#log.returns,
      episodeLengths: this.#log.lengths,
      policy: this.#policy,
      metrics: this.#metrics,
      steps: this.#steps,
      updates: this.#updates,
      seconds,
      seed: this.#seed,
      runDirectory: this.#directory?.path ?? null,
      checkpoint: this.#checkpoint,
      stoppedBy: stop.by,
      ...(stop.reason === undefined ? {} : { stopReason: stop.reason }),
    };
  }

  #fraction(): number {
    const { totalSteps, maxEpisodes = 1000 } = this.#options;
    return Math.min(1, totalSteps === undefined ? this.#log.count / maxEpisodes : this.#steps / totalSteps);
  }

  #progress(): TrainProgress {
    const seconds = (performance.now() - this.#started) / 1000;
    return {
      steps: this.#steps,
      episodes: this.#log.count,
      updates: this.#updates,
      fraction: this.#fraction(),
      seconds,
      stepsPerSecond: seconds > 0 ? this.#steps / seconds : 0,
      meanReturn: this.#log.meanReturn,
      meanLength: this.#log.meanLength,
      runningReward: this.#log.runningReward,
    };
  }
}

function learnerFor(algorithm: TextAlgorithm, policy: TokenPolicy, numEnvs: number, generator: Generator): Learner {
  const { name, ...config } = algorithm;
  switch (name) {
    case 'ppo':
      return new PPO<TokenRollout>(policy, resolvePPOConfig(config as PPOConfig, numEnvs), { generator });
    case 'grpo':
      return new GRPO(policy, config as GRPOConfig, { generator });
    case 'rloo':
      return new RLOO(policy, config as RLOOConfig, { generator });
    case 'reinforce':
      return new REINFORCE(policy, config as REINFORCEConfig, { generator });
    default:
      throw new TypeError(`there is no algorithm '${String(name)}'; there are ppo, grpo, rloo and reinforce`);
  }
}
