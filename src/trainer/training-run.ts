// A run of PPO on observations of fixed size: so many steps, or episodes, in a vector of environments, then an update.

import { SyncVectorEnv } from '../env/index.ts';
import { Generator, SeedSequence } from '../random/index.ts';
import {
  ActorCriticPolicy,
  type Episode,
  PPO,
  type PPOConfig,
  type ResolvedPPOConfig,
  resolvePPOConfig,
  type Rollout,
  RolloutCollector,
  type StepListener,
} from '../rl/index.ts';
import { type AgentTraining, agentTrainingToJson, loadAgent, readAgentTraining } from './agent-training.ts';
import type { TrainCallbacks, UpdateMetrics } from './callbacks.ts';
import { type Checkpoint, type CheckpointDetails, writeCheckpoint } from './checkpoint.ts';
import {
  checkPositiveInteger,
  environmentStreams,
  type Environments,
  FailureCount,
  makeEnvironments,
  normalize,
  type NormalizedEnvironments,
  OBSERVATION_EPSILON,
} from './environments.ts';
import { customLearner, isCustom, nameOf, type StatefulLearner } from './custom-algorithm.ts';
import { describeNetwork } from './networks.ts';
import { COMPILED_SMALL, type MemoryBudget, memoryBudget, networkBytes } from './memory-budget.ts';
import { PPOAgent } from './ppo-agent.ts';
import { fromJson, toJson } from './plain-data.ts';
import { resumed } from './resume.ts';
import { Run } from './run.ts';
import { randomSeed } from './run-options.ts';
import { spaceToJson } from './space-json.ts';
import { StepCallbacks } from './step-callbacks.ts';
import type { Plan, Trained } from './training-files.ts';
import type { TrainAgentOptions, TrainCustomOptions, TrainResult } from './train-agent.ts';

/** A run, set up by the constructor. */
export class TrainingRun extends Run<Rollout, object> {
  readonly #options: TrainAgentOptions | TrainCustomOptions;
  readonly #environments: Environments;
  readonly #normalized: NormalizedEnvironments;
  readonly #agent: PPOAgent;
  readonly #algorithm: string;
  /** Of PPO; of an algorithm of the user's, what it shares with PPO. */
  readonly #config: ResolvedPPOConfig;
  readonly #learner: StatefulLearner<Rollout>;
  readonly #collector: RolloutCollector;
  readonly #seed: number;
  readonly #streams: { readonly actions: Generator; readonly shuffling: Generator };
  readonly #plan: Plan;
  protected override readonly memory: MemoryBudget;
  /** Of this rollout. */
  readonly #failures: FailureCount;
  /** What holds between two updates. */
  #marked: Pick<AgentTraining, 'random' | 'collector' | 'environments'> | undefined;
  #normalizers: CheckpointDetails['normalizers'] = { observation: null, reward: null };
  readonly #networks: CheckpointDetails['networks'];
  readonly #onStep: StepListener | undefined;

  constructor(options: TrainAgentOptions | TrainCustomOptions) {
    const { numEnvs = 1, saveInterval, callbacks, algorithm } = options;
    const from = resumed(options);
    const seed = options.seed ?? from.seed ?? randomSeed();
    if (options.updateInterval !== undefined) checkPositiveInteger('updateInterval', options.updateInterval);
    const name = nameOf(algorithm ?? { name: 'ppo' });
    const config = resolvePPOConfig(settingsOf(options), numEnvs);
    const environments = makeEnvironments({ ...options, numEnvs });
    super(options, { name: environments.name, algorithm: name, seed, callbacks, saveInterval, resumed: from });
    this.#options = options;
    this.#algorithm = name;
    this.#config = config;
    this.#seed = seed;
    this.#environments = environments;
    const { vectorEnv } = environments;
    const { unwrapped } = vectorEnv;
    this.#failures = new FailureCount(unwrapped instanceof SyncVectorEnv ? unwrapped.envs : []);
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
    const generator = this.#streams.shuffling;
    this.#learner = isCustom(algorithm)
      ? customLearner(algorithm, policy, { generator, numEnvs })
      : new PPO(policy, config, { generator });
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
      algorithm: name,
      seed,
      numEnvs,
      updateInterval: options.updateInterval ?? null,
      maxTimesteps: options.maxTimesteps ?? null,
      normalizeObservation: options.normalizeObservation ?? false,
      normalizeReward: options.normalizeReward ?? false,
    };
    if (from.checkpoint !== undefined) this.#restore(from.checkpoint);
    const rows = numEnvs * config.rolloutSteps;
    const rollout = 4 * rows * (policy.observationSize + policy.head.actionSize + 8);
    const minibatch = config.minibatchSize === -1 ? rows : Math.min(rows, config.minibatchSize);
    const parameters = policy.parameters();
    this.memory = memoryBudget({
      parameters,
      activations: rollout + networkBytes(parameters, minibatch),
      compiled: COMPILED_SMALL,
    });
    this.open(() => this.#configuration());
    if (options.recordEpisodes ?? true) this.recordEpisodes(this.#agent, environments.makeOne);
  }

  async train(): Promise<TrainResult> {
    return Object.assign(await this.run(), { agent: this.#agent });
  }

  async close(): Promise<void> {
    await this.written.close();
    await this.#environments.close();
  }

  protected override async collect(): Promise<Rollout> {
    this.#failures.begin();
    const { updateInterval } = this.#options;
    const howLong = updateInterval === undefined ? { steps: this.#config.rolloutSteps } : { episodes: updateInterval };
    const rollout = await this.#collector.collect({ ...howLong, onStep: this.#onStep, signal: this.signal });
    if (this.#onStep === undefined) for (const episode of rollout.episodes) this.#noteEpisode(episode);
    for (let row = 0; row < rollout.rows; row++) this.steps += rollout.valid[row]!;
    return rollout;
  }

  /** Writes an episode down. Those that end with or after the last one wanted are not part of the run. */
  #noteEpisode({ return: scaled, length, envIndex, endedAt }: Episode): void {
    const raw = this.#normalized.episodes?.returnQueue.shift() ?? scaled;
    if (this.limit.unit === 'episodes' && this.log.count >= this.limit.count) return;
    this.note({ return: raw, length, envIndex, endedAt });
  }

  protected override learn(rollout: Rollout, fraction: number, signal?: AbortSignal): Promise<object> {
    return this.#learner.update(rollout, { progress: fraction, signal });
  }

  protected override get trained(): Trained {
    return { module: this.#agent.policy, optimizer: this.#learner };
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
    const { normalizers } = loadAgent(checkpoint, this.#agent.policy, this.#learner);
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
    if (training.baseline !== null) this.#learner.baseline = training.baseline;
    this.goOnFrom(training);
  }

  /** Of the episodes that begin after a checkpoint, where environments cannot say where they stand. */
  #seedAfter(updates: number): number {
    return new SeedSequence(this.#seed, { spawnKey: [0, updates] }).generateState(1)[0]!;
  }

  protected override rowOf(metrics: object): UpdateMetrics {
    return { ...(metrics as UpdateMetrics), ...this.#failures.metrics };
  }

  protected override async write(path: string): Promise<void> {
    const marked = this.#marked!;
    const training = agentTrainingToJson({
      seed: this.#seed,
      plan: this.#plan,
      baseline: this.#learner.baseline ?? null,
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
    const { moments, stepCount, learningRates, skipped } = this.#learner.stateDict();
    return {
      moments,
      details: {
        env: { name, id, options: { ...options }, numEnvs: vectorEnv.numEnvs },
        observationSpace: spaceToJson(vectorEnv.singleObservationSpace),
        actionSpace: spaceToJson(vectorEnv.singleActionSpace),
        ...(this.#algorithm === 'ppo' ? {} : { algorithm: this.#algorithm }),
        ppoConfig: this.#settings,
        networks: this.#networks,
        counters: this.counters,
        random: {
          seed: this.#seed,
          actions: this.#streams.actions.state,
          shuffling: this.#streams.shuffling.state,
          environments: environmentStreams(vectorEnv),
        },
        normalizers: this.#normalizers,
        optimizer: { stepCount, learningRates, skipped },
      },
    };
  }

  /** Of PPO. */
  get #settings(): CheckpointDetails['ppoConfig'] {
    return this.#algorithm === 'ppo' ? { ...this.#config } : {};
  }

  #configuration(): object {
    const { maxTimesteps, updateInterval, normalizeObservation = false, normalizeReward = false } = this.#options;
    const { env, networks, algorithm: name, ppoConfig } = this.#details().details;
    return {
      env,
      maxTimesteps,
      updateInterval,
      normalizeObservation,
      normalizeReward,
      networks,
      ...(name === undefined ? { ppoConfig } : { algorithm: { name, rolloutSteps: this.#config.rolloutSteps } }),
      ...this.settings,
    };
  }
}

/** What is decided for PPO; an algorithm of the user's decides nothing but how often it learns. */
function settingsOf(options: TrainAgentOptions | TrainCustomOptions): PPOConfig {
  const { algorithm } = options;
  const { ppoConfig } = options as TrainAgentOptions;
  if (isCustom(algorithm)) {
    const foreign = ppoConfig !== undefined ? 'ppoConfig' : algorithm.needsReference ? 'needsReference' : undefined;
    if (foreign !== undefined) {
      const whose = foreign === 'ppoConfig' ? 'PPO' : 'language models';
      throw new TypeError(`${foreign} is for ${whose}, not for algorithm '${algorithm.custom}': leave it out`);
    }
    return { rolloutSteps: algorithm.rolloutSteps };
  }
  const { name: _ppo, ...settings } = algorithm ?? { name: 'ppo', ...ppoConfig };
  return settings;
}
