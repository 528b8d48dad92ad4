// A run that learns from whole episodes: so many, in groups that begin alike, then an update.

import { Generator, type GeneratorState, SeedSequence } from '../random/index.ts';
import { type CollectedEpisode, EpisodeCollector, type EpisodeSteps, type EpisodicPolicy } from '../rl/index.ts';
import { comparesGroups, type EpisodeAlgorithm, learnerFor } from './algorithms.ts';
import type { EpisodeEnd, RunCallbacks, UpdateMetrics } from './callbacks.ts';
import { nameOf, type StatefulLearner } from './custom-algorithm.ts';
import { checkPositiveInteger, FailureCount, type SingleEnvironments } from './environments.ts';
import { rlhfMetrics } from './rlhf-metrics.ts';
import { fromJson, toJson } from './plain-data.ts';
import type { Resumed } from './resume.ts';
import { Run } from './run.ts';
import { limitOf, type RunOptions } from './run-options.ts';
import type { RunState } from './run-state.ts';
import type { Trained } from './training-files.ts';

/** Options of runs that learn from whole episodes. */
export interface EpisodeRunOptions extends RunOptions {
  /** Episodes between updates, made a multiple of `groupSize`. Default: 4 times `numEnvs`, or all if they are fewer. */
  readonly updateInterval?: number | undefined;
  /** Episodes that begin from one reset seed, for algorithms that compare them. Default 8 for GRPO and RLOO, else 1. */
  readonly groupSize?: number | undefined;
}

/** Where such a run stands between two updates; together with weights and moments, all that is needed to go on. */
export interface EpisodeRunState extends RunState {
  /** REINFORCE's running mean of returns. */
  readonly baseline: number | null;
  /** Of what rewards episodes after they were played, such as a weight that adapts; null if nothing changes. */
  readonly judge: unknown;
  readonly random: {
    readonly actions: GeneratorState;
    readonly seeds: GeneratorState;
    readonly shuffling: GeneratorState;
  };
  /** What each environment remembers from one episode to the next, as JSON; null for one that cannot say. */
  readonly environments: readonly unknown[];
}

/** What callbacks are told of an episode. */
export type EpisodeFacts = EpisodeEnd & Pick<CollectedEpisode, 'info' | 'group' | 'seed'>;

/** What to call when; any may end the run. */
export type EpisodeCallbacks<R> = RunCallbacks<R, UpdateMetrics, EpisodeFacts>;

/** What an {@link EpisodeRun} is made of. */
export interface EpisodeRunParts<R extends EpisodeSteps> {
  readonly environments: SingleEnvironments;
  readonly policy: EpisodicPolicy<R>;
  readonly algorithm: EpisodeAlgorithm<R, EpisodicPolicy<R>>;
  readonly seed: number;
  readonly callbacks: EpisodeCallbacks<R> | readonly EpisodeCallbacks<R>[] | undefined;
  readonly saveInterval: number | undefined;
  readonly resumed: Resumed;
}

/** How many episodes a rollout has. @throws RangeError for numbers that cannot be */
export function rolloutSize(
  options: EpisodeRunOptions,
  algorithm: { readonly name?: string | undefined },
  numEnvs: number,
) {
  const { unit, count } = limitOf(options);
  const most = unit === 'episodes' ? count : Number.POSITIVE_INFINITY;
  const { updateInterval = Math.min(4 * numEnvs, most), groupSize = comparesGroups(algorithm) ? 8 : 1 } = options;
  checkPositiveInteger('updateInterval', updateInterval);
  checkPositiveInteger('groupSize', groupSize);
  return { groupSize, episodesPerUpdate: groupSize * Math.ceil(updateInterval / groupSize) };
}

/** A run over whole episodes, set up by the constructor. */
export abstract class EpisodeRun<R extends EpisodeSteps> extends Run<R, UpdateMetrics, EpisodeFacts> {
  protected readonly environments: SingleEnvironments;
  protected readonly policy: EpisodicPolicy<R>;
  protected readonly learner: StatefulLearner<R>;
  protected readonly groupSize: number;
  protected readonly episodesPerUpdate: number;
  readonly #collector: EpisodeCollector<R>;
  /** What the reference says of the rollout that is learned from next. */
  #referenceLogProbs: Float32Array | undefined;
  /** Of this rollout. */
  readonly #failures: FailureCount;
  /** Between two updates. */
  #marked: Omit<EpisodeRunState, keyof RunState> | undefined;
  readonly #streams: { readonly actions: Generator; readonly seeds: Generator; readonly shuffling: Generator };

  constructor(options: EpisodeRunOptions, parts: EpisodeRunParts<R>) {
    const { environments, policy, algorithm, ...facts } = parts;
    super(options, { ...facts, name: environments.name, algorithm: nameOf(algorithm) });
    const { seed } = facts;
    const numEnvs = environments.envs.length;
    const { groupSize, episodesPerUpdate } = rolloutSize(options, algorithm, numEnvs);
    this.environments = environments;
    this.#failures = new FailureCount(environments.envs);
    this.policy = policy;
    this.groupSize = groupSize;
    this.episodesPerUpdate = episodesPerUpdate;
    const streams = new SeedSequence(seed).spawn(3).map((sequence) => new Generator(sequence));
    const [actions, seeds, shuffling] = streams as [Generator, Generator, Generator];
    this.#streams = { actions, seeds, shuffling };
    this.#collector = new EpisodeCollector(environments.envs, policy, { generator: actions, seeds });
    this.learner = learnerFor(algorithm, policy, numEnvs, shuffling);
  }

  async close(): Promise<void> {
    await this.written.close();
    await this.environments.close();
  }

  protected override mark(): void {
    const { actions, seeds, shuffling } = this.#streams;
    this.#marked = {
      baseline: this.learner.baseline ?? null,
      judge: this.#collector.judgeState ?? null,
      random: { actions: actions.state, seeds: seeds.state, shuffling: shuffling.state },
      environments: this.environments.envs.map((env) => toJson(env.saveState(), `the state of ${env}`)),
    };
  }

  /** Between the last two updates. */
  protected get state(): EpisodeRunState {
    return { ...this.runState, ...this.#marked! };
  }

  protected override get trained(): Trained {
    return { module: this.policy, optimizer: this.learner };
  }

  /** Goes on from a state that {@link mark} has kept. */
  protected restore(state: EpisodeRunState): void {
    const { baseline, judge, random, environments } = state;
    this.goOnFrom(state);
    this.environments.envs.forEach((env, i) => {
      const saved = fromJson(environments[i] ?? null);
      if (saved !== null) env.loadState(saved);
    });
    if (baseline !== null) this.learner.baseline = baseline;
    if (judge !== null) this.#collector.judgeState = judge;
    for (const name of ['actions', 'seeds', 'shuffling'] as const) this.#streams[name].state = random[name];
  }

  protected override async collect(): Promise<R> {
    this.#failures.begin();
    const rollout = await this.#collector.collect({
      episodes: this.episodesPerUpdate,
      groupSize: this.groupSize,
      signal: this.signal,
      onEpisode: (episode) => {
        this.note(episode);
        return !this.stopped;
      },
    });
    this.steps += rollout.rows;
    this.signal?.throwIfAborted();
    this.#referenceLogProbs = await this.referenceLogProbs(rollout);
    this.signal?.throwIfAborted();
    this.writeTexts(rollout, this.#referenceLogProbs);
    return rollout;
  }

  /** Writes down what a rollout of texts is; nothing for other episodes. */
  protected writeTexts(_rollout: R, _referenceLogProbs: Float32Array | undefined): void {}

  protected override async learn(rollout: R, fraction: number, signal?: AbortSignal): Promise<UpdateMetrics> {
    const referenceLogProbs = this.#referenceLogProbs;
    const metrics = await this.learner.update(rollout, { progress: fraction, referenceLogProbs, signal });
    const correct = rollout.episodes.map(({ info }) => info['correct']).filter((c) => typeof c === 'boolean');
    const failed = rollout.episodes.map(({ info }) => info['rewardFailed']).filter((f) => typeof f === 'boolean');
    return {
      ...(failed.length > 0 ? { rewardFailures: failed.filter(Boolean).length } : {}),
      ...this.#failures.metrics,
      ...(correct.length > 0 ? { accuracy: correct.filter(Boolean).length / correct.length } : {}),
      ...(rlhfMetrics(rollout.episodes) as UpdateMetrics),
      ...(metrics as UpdateMetrics),
    };
  }

  /** What the policy is to stay close to says of a rollout's rows; undefined if there is no such thing. */
  protected async referenceLogProbs(_rollout: R): Promise<Float32Array | undefined> {
    return undefined;
  }

  protected override rowOf(metrics: UpdateMetrics): UpdateMetrics {
    return metrics;
  }
}
