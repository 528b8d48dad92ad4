// A run of PPO on observations of fixed size: so many steps, or episodes, in a vector of environments, then an update.

import { type Env, SyncVectorEnv } from '../env/index.ts';
import { Generator, SeedSequence } from '../random/index.ts';
import {
  ActorCriticPolicy,
  type Episode,
  PPO,
  type PPOMetrics,
  resolvePPOConfig,
  type Rollout,
  RolloutCollector,
  type StepListener,
} from '../rl/index.ts';
import { type AgentTraining, agentTrainingToJson, loadAgent, readAgentTraining } from './agent-training.ts';
import type { TrainCallbacks } from './callbacks.ts';
import { type Checkpoint, type CheckpointDetails, writeCheckpoint } from './checkpoint.ts';
import {
  checkPositiveInteger,
  environmentStreams,
  failuresOf,
  type Environments,
  makeEnvironments,
  normalize,
  type NormalizedEnvironments,
  OBSERVATION_EPSILON,
} from './environments.ts';
import { describeNetwork } from './networks.ts';
import { PPOAgent } from './ppo-agent.ts';
import { fromJson, toJson } from './plain-data.ts';
import { resumed } from './resume.ts';
import { Run } from './run.ts';
import { randomSeed } from './run-options.ts';
import { snapshotOf } from './snapshot.ts';
import { spaceToJson } from './space-json.ts';
import { StepCallbacks } from './step-callbacks.ts';
import type { Plan } from './training-files.ts';
import type { TrainAgentOptions, TrainResult } from './train-agent.ts';

/** A run, set up by the constructor. */
export class TrainingRun extends Run<Rollout, PPOMetrics> {
  readonly #options: TrainAgentOptions;
  readonly #environments: Environments;
  readonly #normalized: NormalizedEnvironments;
  readonly #agent: PPOAgent;
  readonly #ppo: PPO;
  readonly #collector: RolloutCollector;
  readonly #seed: number;
  readonly #streams: { readonly actions: Generator; readonly shuffling: Generator };
  readonly #plan: Plan;
  /** Steps of environments that had failed before this rollout; undefined where failures end the run. */
  #failuresBefore: number | undefined;
  /** What holds between two updates. */
  #marked: Pick<AgentTraining, 'random' | 'collector' | 'environments'> | undefined;
  #normalizers: CheckpointDetails['normalizers'] = { observation: null, reward: null };
  readonly #networks: CheckpointDetails['networks'];
  readonly #onStep: StepListener | undefined;

  constructor(options: TrainAgentOptions) {
    const { numEnvs = 1, saveInterval, callbacks, algorithm, ppoConfig } = options;
    const from = resumed(options);
    const seed = options.seed ?? from.seed ?? randomSeed();
    if (options.updateInterval !== undefined) checkPositiveInteger('updateInterval', options.updateInterval);
    const { name: _ppo, ...settings } = algorithm ?? { name: 'ppo', ...ppoConfig };
    const config = resolvePPOConfig(settings, numEnvs);
    const environments = makeEnvironments({ ...options, numEnvs });
    super(options, { name: environments.name, algorithm: 'ppo', seed, callbacks, saveInterval, resumed: from });
    this.#options = options;
    this.#seed = seed;
    this.#environments = environments;
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

    this.#plan = {
      env: environments.name,
      envOptions: JSON.stringify(environments.options),
      algorithm: 'ppo',
      seed,
      numEnvs,
      updateInterval: options.updateInterval ?? null,
      maxTimesteps: options.maxTimesteps ?? null,
      normalizeObservation: options.normalizeObservation ?? false,
      normalizeReward: options.normalizeReward ?? false,
    };
    if (from.checkpoint !== undefined) this.#restore(from.checkpoint);
    this.open(() => this.#config());
    if (options.recordEpisodes ?? true) this.recordEpisodes(this.#agent, environments.makeOne);
  }

  async train(): Promise<TrainResult> {
    return { ...(await this.run()), agent: this.#agent };
  }

  async close(): Promise<void> {
    await this.written.close();
    await this.#environments.close();
  }

  protected override async collect(): Promise<Rollout> {
    this.#failuresBefore = this.#failures;
    const { updateInterval } = this.#options;
    const howLong =
      updateInterval === undefined ? { steps: this.#ppo.config.rolloutSteps } : { episodes: updateInterval };
    const rollout = await this.#collector.collect({ ...howLong, onStep: this.#onStep, signal: this.signal });
    if (this.#onStep === undefined) for (const episode of rollout.episodes) this.#noteEpisode(episode);
    for (let row = 0; row < rollout.rows; row++) this.steps += rollout.valid[row]!;
    return rollout;
  }

  /** Undefined where failures end the run. */
  get #failures(): number | undefined {
    const { unwrapped } = this.#environments.vectorEnv;
    return unwrapped instanceof SyncVectorEnv ? failuresOf(unwrapped.envs as readonly Env[]) : undefined;
  }

  /** Writes an episode down. Those that end with or after the last one wanted are not part of the run. */
  #noteEpisode({ return: scaled, length, envIndex, endedAt }: Episode): void {
    const raw = this.#normalized.episodes?.returnQueue.shift() ?? scaled;
    if (this.limit.unit === 'episodes' && this.log.count >= this.limit.count) return;
    this.note({ return: raw, length, envIndex, endedAt });
  }

  protected override learn(rollout: Rollout, fraction: number, signal?: AbortSignal): Promise<PPOMetrics> {
    return this.#ppo.update(rollout, { progress: fraction, signal });
  }

  protected override snapshot(): (() => void) | undefined {
    return snapshotOf(this.#agent.policy, this.#ppo);
  }

  protected override mark(): void {
    const { env, observation, reward } = this.#normalized;
    const { actions, shuffling } = this.#streams;
    this.#marked = {
      random: { actions: actions.state, shuffling: shuffling.state },
      collector: this.#collector.state ?? null,
      environments: [toJson(env.saveState(), `the state of ${env}`)],
    };
    this.#normalizers = {
      observation: observation && { epsilon: OBSERVATION_EPSILON, rms: observation.state },
      reward: reward && reward.state,
    };
  }

  #restore(checkpoint: string): void {
    const training = readAgentTraining(checkpoint, this.#plan);
    const { normalizers } = loadAgent(checkpoint, this.#agent.policy, this.#ppo);
    const { env, observation, reward } = this.#normalized;
    const { actions, shuffling } = this.#streams;
    if (normalizers.observation !== null) observation!.state = normalizers.observation.rms;
    if (normalizers.reward !== null) reward!.state = normalizers.reward;
    actions.state = training.random['actions']!;
    shuffling.state = training.random['shuffling']!;
    const saved = fromJson(training.environments[0] ?? null);
    if (training.collector !== null && saved !== null) {
      env.loadState(saved);
      this.#collector.state = training.collector;
    } else if (training.updates > 0) {
      this.#collector.restart(this.#seedAfter(training.updates));
    }
    this.goOnFrom(checkpoint, training);
  }

  /** Of the episodes that begin after a checkpoint, where environments cannot say where they stand. */
  #seedAfter(updates: number): number {
    return new SeedSequence(this.#seed, { spawnKey: [0, updates] }).generateState(1)[0]!;
  }

  protected override rowOf(metrics: PPOMetrics): Readonly<Record<string, number>> {
    const before = this.#failuresBefore;
    return { ...metrics, ...(before === undefined ? {} : { envFailures: this.#failures! - before }) };
  }

  protected override async write(path: string): Promise<void> {
    const marked = this.#marked!;
    const training = agentTrainingToJson({
      seed: this.#seed,
      plan: this.#plan,
      baseline: null,
      ...this.runState,
      ...marked,
    });
    writeCheckpoint(path, { ...this.#details(), model: this.#agent.policy.stateDict(), training });
    // So that a run that goes on from here is the same as this one.
    if (marked.environments[0] === null && this.updates > 0) this.#collector.restart(this.#seedAfter(this.updates));
  }

  protected override howToGoOn(path: string): string {
    return `Go on with trainAgent({ ..., resume: '${path}' }), or load the agent with loadPPOAgent('${path}')`;
  }

  /** The collector's listener; none if nobody listens to steps or episodes, so that a step costs nothing more. */
  #listener(): StepListener | undefined {
    const { callback } = this.#options;
    const listeners = (this.callbacks as readonly TrainCallbacks[]).flatMap(({ onStep }) => onStep ?? []);
    if (callback === undefined && listeners.length === 0 && !this.callbacks.some(({ onEpisodeEnd }) => onEpisodeEnd)) {
      return undefined;
    }
    const { numEnvs, metadata } = this.#environments.vectorEnv;
    const perStep = callback && new StepCallbacks(callback, numEnvs, metadata.autoresetMode === 'next-step');
    return (step) => {
      if (perStep) this.answer(perStep.call(step, this.log.count + 1, this.log.runningReward), 'callback');
      for (const listener of listeners) this.answer(listener(step), 'onStep');
      for (const episode of step.episodes) this.#noteEpisode(episode);
      return !this.stopped;
    };
  }

  #details(): Pick<Checkpoint, 'details' | 'moments'> {
    const { vectorEnv, name, id, options } = this.#environments;
    const { moments, ...optimizer } = this.#ppo.stateDict();
    return {
      moments,
      details: {
        env: { name, id, options: { ...options }, numEnvs: vectorEnv.numEnvs },
        observationSpace: spaceToJson(vectorEnv.singleObservationSpace),
        actionSpace: spaceToJson(vectorEnv.singleActionSpace),
        ppoConfig: { ...this.#ppo.config },
        networks: this.#networks,
        counters: this.counters,
        random: {
          seed: this.#seed,
          actions: this.#streams.actions.state,
          shuffling: this.#streams.shuffling.state,
          environments: environmentStreams(vectorEnv),
        },
        normalizers: this.#normalizers,
        optimizer,
      },
    };
  }

  #config(): object {
    const { maxTimesteps, updateInterval, normalizeObservation = false, normalizeReward = false } = this.#options;
    const { env, networks, ppoConfig } = this.#details().details;
    return {
      env,
      maxTimesteps,
      updateInterval,
      normalizeObservation,
      normalizeReward,
      networks,
      ppoConfig,
      ...this.settings,
    };
  }
}
