// One training run: collect, update, write down, until something ends it.

import { join } from 'node:path';
import { Generator, SeedSequence } from '../random/index.ts';
import {
  ActorCriticPolicy,
  type Episode,
  NonFiniteError,
  PPO,
  type PPOMetrics,
  resolvePPOConfig,
  type Rollout,
  RolloutCollector,
  type StepListener,
} from '../rl/index.ts';
import { type CallbackAnswer, stopReason, type TrainCallbacks, type TrainProgress } from './callbacks.ts';
import { type Checkpoint, type CheckpointDetails, writeCheckpoint } from './checkpoint.ts';
import {
  checkPositiveInteger,
  environmentStreams,
  type Environments,
  makeEnvironments,
  normalize,
  type NormalizedEnvironments,
  OBSERVATION_EPSILON,
} from './environments.ts';
import { EpisodeLog, WINDOW } from './episode-log.ts';
import { TrainingDivergedError } from './errors.ts';
import { describeNetwork } from './networks.ts';
import { PPOAgent } from './ppo-agent.ts';
import { defaultRunDirectory, fileName, type MetricsRow, RunDirectory } from './run-directory.ts';
import { spaceToJson } from './space-json.ts';
import { StepCallbacks } from './step-callbacks.ts';
import type { StoppedBy, TrainAgentOptions, TrainResult } from './train-agent.ts';

/** Why a run ends. */
interface Stop {
  readonly by: StoppedBy;
  readonly reason?: string;
}

/** A run, set up by the constructor. */
export class TrainingRun {
  readonly #options: TrainAgentOptions;
  readonly #callbacks: readonly TrainCallbacks[];
  readonly #environments: Environments;
  readonly #normalized: NormalizedEnvironments;
  readonly #agent: PPOAgent;
  readonly #ppo: PPO;
  readonly #collector: RolloutCollector;
  readonly #seed: number;
  readonly #streams: { readonly actions: Generator; readonly shuffling: Generator };
  readonly #directory: RunDirectory | null;
  readonly #savePath: string;
  readonly #limit: { readonly unit: 'steps' | 'episodes'; readonly count: number };
  readonly #saveInterval: number;
  readonly #networks: CheckpointDetails['networks'];
  readonly #log = new EpisodeLog();
  readonly #metrics: MetricsRow[] = [];
  readonly #onStep: StepListener | undefined;
  #steps = 0;
  #updates = 0;
  #started = performance.now();
  #checkpoint = '';
  #stop: Stop | undefined;

  constructor(options: TrainAgentOptions) {
    this.#options = options;
    const { numEnvs = 1, seed = randomSeed(), saveInterval = 100, callbacks = [] } = options;
    this.#limit = limitOf(options);
    this.#saveInterval = saveInterval;
    checkPositiveInteger('saveInterval', saveInterval);
    if (options.updateInterval !== undefined) checkPositiveInteger('updateInterval', options.updateInterval);
    this.#callbacks = Array.isArray(callbacks) ? callbacks : [callbacks as TrainCallbacks];
    this.#seed = seed;
    const config = resolvePPOConfig(options.ppoConfig ?? {}, numEnvs);

    this.#environments = makeEnvironments({ ...options, numEnvs });
    const { vectorEnv } = this.#environments;
    this.#normalized = normalize(vectorEnv, {
      observation: options.normalizeObservation ?? false,
      reward: options.normalizeReward ?? false,
      gamma: config.gamma,
    });
    // One root seed, a stream for each use, so that one use more does not change the others.
    const [environmentSeed, actions, shuffling, acting] = new SeedSequence(seed).spawn(4) as [
      SeedSequence,
      SeedSequence,
      SeedSequence,
      SeedSequence,
    ];
    this.#streams = { actions: new Generator(actions), shuffling: new Generator(shuffling) };

    const { env } = this.#normalized;
    const { actor, critic } = options;
    const { singleObservationSpace: observationSpace, singleActionSpace: actionSpace } = env;
    const policy = new ActorCriticPolicy({ observationSpace, actionSpace, actor, critic });
    this.#collector = new RolloutCollector(env, policy, {
      generator: this.#streams.actions,
      seed: environmentSeed.generateState(1)[0]!,
    });
    this.#ppo = new PPO(policy, config, { generator: this.#streams.shuffling });
    const { observation } = this.#normalized;
    this.#agent = new PPOAgent({
      policy,
      observationSpace: vectorEnv.singleObservationSpace,
      actionSpace,
      details: () => this.#details(),
      observationNormalizer: observation && { rms: observation.obsRms, epsilon: OBSERVATION_EPSILON },
      generator: new Generator(acting),
    });
    this.#networks = { actor: describeNetwork(actor), critic: describeNetwork(critic) };
    this.#onStep = this.#listener();

    const { name } = this.#environments;
    const { runDirectory = defaultRunDirectory(name, seed) } = options;
    this.#directory = runDirectory === null ? null : new RunDirectory(runDirectory);
    this.#savePath = options.savePath ?? this.#directory?.checkpoints ?? 'models';
    this.#directory?.writeConfig(this.#config());
  }

  async train(): Promise<TrainResult> {
    const { updateInterval } = this.#options;
    const { rolloutSteps } = this.#ppo.config;
    let saved = 0;
    this.#started = performance.now();
    while (this.#stop === undefined) {
      const fraction = this.#fraction();
      await this.#call('onRolloutStart', (callbacks) => callbacks.onRolloutStart?.(this.#progress()));
      if (this.#stop !== undefined) break;
      const rollout = await this.#collect(
        updateInterval === undefined ? { steps: rolloutSteps } : { episodes: updateInterval },
      );
      await this.#call('onRolloutEnd', (callbacks) => callbacks.onRolloutEnd?.(this.#progress(), rollout));
      if (this.#stop !== undefined) break;
      await this.#update(rollout, fraction);
      this.#checkLimits();
      const due = Math.floor(this.#log.count / this.#saveInterval);
      if (due > saved && this.#stop === undefined) {
        saved = due;
        await this.#save();
      }
      if (this.#options.signal?.aborted) this.#stop ??= { by: 'signal' };
    }
    await this.#save();
    return this.#finish(this.#stop);
  }

  async close(): Promise<void> {
    this.#directory?.close();
    await this.#environments.close();
  }

  async #collect(howLong: { steps: number } | { episodes: number }): Promise<Rollout> {
    const rollout = await this.#collector.collect({ ...howLong, onStep: this.#onStep });
    for (let row = 0; row < rollout.rows; row++) this.#steps += rollout.valid[row]!;
    if (this.#onStep === undefined) for (const episode of rollout.episodes) this.#note(episode);
    return rollout;
  }

  /** Writes an episode down. Those that end with or after the last one wanted are not part of the run. */
  #note(episode: Episode): void {
    const raw = this.#normalized.episodes?.returnQueue.shift() ?? episode.return;
    if (this.#limit.unit === 'episodes' && this.#log.count >= this.#limit.count) return;
    this.#log.add({ return: raw, length: episode.length });
    const { count, runningReward } = this.#log;
    for (const { onEpisodeEnd } of this.#callbacks) {
      const end = { episode: count, return: raw, length: episode.length, envIndex: episode.envIndex, runningReward };
      this.#answer(onEpisodeEnd?.(end), 'onEpisodeEnd');
    }
    const { logInterval, log = console.log } = this.#options;
    if (logInterval !== undefined && count % logInterval === 0) {
      log(
        `episode ${count}: running reward ${runningReward.toFixed(2)}, return ${raw.toFixed(2)}, ${episode.length} steps`,
      );
    }
  }

  async #update(rollout: Rollout, fraction: number): Promise<void> {
    await this.#call('onUpdateStart', (callbacks) => callbacks.onUpdateStart?.(this.#progress()));
    if (this.#stop !== undefined) return;
    let metrics: PPOMetrics;
    try {
      metrics = await this.#ppo.update(rollout, { progress: fraction });
    } catch (error) {
      if (!(error instanceof NonFiniteError)) throw error;
      await this.#save();
      this.#writeSummary('diverged', error.message);
      throw new TrainingDivergedError(error, this.#updates + 1, this.#checkpoint);
    }
    this.#updates++;
    const row = this.#row(metrics);
    this.#metrics.push(row);
    this.#directory?.appendMetrics(row);
    await this.#call('onUpdateEnd', (callbacks) => callbacks.onUpdateEnd?.(this.#progress(), metrics));
  }

  #checkLimits(): void {
    const { stopAtMeanReturn } = this.#options;
    if (this.#fraction() >= 1) this.#stop ??= { by: this.#limit.unit === 'steps' ? 'totalSteps' : 'maxEpisodes' };
    if (stopAtMeanReturn === undefined || this.#log.count < WINDOW) return;
    if (this.#log.meanReturn! >= stopAtMeanReturn) this.#stop ??= { by: 'stopAtMeanReturn' };
  }

  async #save(): Promise<void> {
    const name = `ppo_${fileName(this.#environments.name)}_episode_${this.#log.count}`;
    this.#checkpoint = join(this.#savePath, name);
    const model = this.#agent.policy.stateDict();
    writeCheckpoint(this.#checkpoint, { ...this.#details(), model });
    await this.#call('onCheckpoint', (callbacks) => callbacks.onCheckpoint?.(this.#checkpoint, this.#progress()));
  }

  #finish(stop: Stop): TrainResult {
    this.#writeSummary(stop.by, stop.reason);
    return {
      runningRewards: this.#log.runningRewards,
      episodeReturns: this.#log.returns,
      episodeLengths: this.#log.lengths,
      agent: this.#agent,
      metrics: this.#metrics,
      steps: this.#steps,
      updates: this.#updates,
      seconds: this.#progress().seconds,
      seed: this.#seed,
      runDirectory: this.#directory?.path ?? null,
      checkpoint: this.#checkpoint,
      stoppedBy: stop.by,
      ...(stop.reason === undefined ? {} : { stopReason: stop.reason }),
    };
  }

  #writeSummary(stoppedBy: StoppedBy | 'diverged', reason?: string): void {
    const { fraction: _fraction, ...progress } = this.#progress();
    this.#directory?.writeSummary({
      stoppedBy,
      stopReason: reason,
      ...progress,
      seed: this.#seed,
      checkpoint: this.#checkpoint,
    });
  }

  // Callbacks, and what they answer.

  async #call(name: keyof TrainCallbacks, invoke: (callbacks: TrainCallbacks) => unknown): Promise<void> {
    for (const callbacks of this.#callbacks) {
      const answer = invoke(callbacks);
      this.#answer((answer instanceof Promise ? await answer : answer) as CallbackAnswer, name);
    }
  }

  #answer(answer: CallbackAnswer, name: string): void {
    const reason = stopReason(answer, name);
    if (reason !== undefined) this.#stop ??= { by: 'callback', reason };
  }

  /** The collector's listener; none if nobody listens to steps or episodes, so that a step costs nothing more. */
  #listener(): StepListener | undefined {
    const { callback } = this.#options;
    const listeners = this.#callbacks.flatMap(({ onStep }) => onStep ?? []);
    if (callback === undefined && listeners.length === 0 && !this.#callbacks.some(({ onEpisodeEnd }) => onEpisodeEnd)) {
      return undefined;
    }
    const { numEnvs, metadata } = this.#environments.vectorEnv;
    const perStep = callback && new StepCallbacks(callback, numEnvs, metadata.autoresetMode === 'next-step');
    return (step) => {
      if (perStep) this.#answer(perStep.call(step, this.#log.count + 1, this.#log.runningReward), 'callback');
      for (const listener of listeners) this.#answer(listener(step), 'onStep');
      for (const episode of step.episodes) this.#note(episode);
      return this.#stop === undefined;
    };
  }

  // What is told and saved.

  #fraction(): number {
    const done = this.#limit.unit === 'steps' ? this.#steps : this.#log.count;
    return Math.min(1, done / this.#limit.count);
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

  #row(metrics: PPOMetrics): MetricsRow {
    const { steps, episodes, meanReturn, meanLength, runningReward, seconds, stepsPerSecond } = this.#progress();
    return {
      update: this.#updates,
      globalStep: steps,
      episodes,
      episodicReturn: meanReturn,
      episodicLength: meanLength,
      runningReward,
      ...metrics,
      seconds,
      stepsPerSecond,
    };
  }

  #details(): Pick<Checkpoint, 'details' | 'moments'> {
    const { vectorEnv, name, id, options } = this.#environments;
    const { observation, reward } = this.#normalized;
    const { moments, ...optimizer } = this.#ppo.stateDict();
    return {
      moments,
      details: {
        env: { name, id, options: { ...options }, numEnvs: vectorEnv.numEnvs },
        observationSpace: spaceToJson(vectorEnv.singleObservationSpace),
        actionSpace: spaceToJson(vectorEnv.singleActionSpace),
        ppoConfig: { ...this.#ppo.config },
        networks: this.#networks,
        counters: {
          steps: this.#steps,
          episodes: this.#log.count,
          updates: this.#updates,
          runningReward: this.#log.runningReward,
          recentReturns: this.#log.returns.slice(-WINDOW),
          recentLengths: this.#log.lengths.slice(-WINDOW),
        },
        random: {
          seed: this.#seed,
          actions: this.#streams.actions.state,
          shuffling: this.#streams.shuffling.state,
          environments: environmentStreams(vectorEnv),
        },
        normalizers: {
          observation: observation && { epsilon: OBSERVATION_EPSILON, rms: observation.state },
          reward: reward && reward.state,
        },
        optimizer,
      },
    };
  }

  #config(): object {
    const { maxTimesteps, updateInterval, savePath, stopAtMeanReturn, notes } = this.#options;
    const { normalizeObservation = false, normalizeReward = false } = this.#options;
    const { details } = this.#details();
    return {
      env: details.env,
      seed: this.#seed,
      [this.#limit.unit === 'steps' ? 'totalSteps' : 'maxEpisodes']: this.#limit.count,
      maxTimesteps,
      updateInterval,
      saveInterval: this.#saveInterval,
      savePath,
      stopAtMeanReturn,
      normalizeObservation,
      normalizeReward,
      networks: details.networks,
      ppoConfig: details.ppoConfig,
      ...notes,
    };
  }
}

function limitOf({ maxEpisodes, totalSteps }: TrainAgentOptions): { unit: 'steps' | 'episodes'; count: number } {
  if (totalSteps !== undefined) {
    if (maxEpisodes !== undefined)
      throw new TypeError('give maxEpisodes or totalSteps, not both: only one can end a run');
    checkPositiveInteger('totalSteps', totalSteps);
    return { unit: 'steps', count: totalSteps };
  }
  checkPositiveInteger('maxEpisodes', maxEpisodes ?? 1000);
  return { unit: 'episodes', count: maxEpisodes ?? 1000 };
}

function randomSeed(): number {
  return new SeedSequence().generateState(1)[0]!;
}
