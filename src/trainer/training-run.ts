// A run of PPO on observations of fixed size: so many steps, or episodes, in a vector of environments, then an update.

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
import type { TrainCallbacks } from './callbacks.ts';
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
import { describeNetwork } from './networks.ts';
import { PPOAgent } from './ppo-agent.ts';
import { randomSeed, Run } from './run.ts';
import { spaceToJson } from './space-json.ts';
import { StepCallbacks } from './step-callbacks.ts';
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
  readonly #networks: CheckpointDetails['networks'];
  readonly #onStep: StepListener | undefined;

  constructor(options: TrainAgentOptions) {
    const { numEnvs = 1, seed = randomSeed(), saveInterval = 100, callbacks, algorithm, ppoConfig } = options;
    if (options.updateInterval !== undefined) checkPositiveInteger('updateInterval', options.updateInterval);
    const { name: _ppo, ...settings } = algorithm ?? { name: 'ppo', ...ppoConfig };
    const config = resolvePPOConfig(settings, numEnvs);
    const environments = makeEnvironments({ ...options, numEnvs });
    super(options, { name: environments.name, algorithm: 'ppo', seed, callbacks, saveInterval });
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

    this.open(this.#config());
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
    const { updateInterval } = this.#options;
    const howLong =
      updateInterval === undefined ? { steps: this.#ppo.config.rolloutSteps } : { episodes: updateInterval };
    const rollout = await this.#collector.collect({ ...howLong, onStep: this.#onStep });
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

  protected override learn(rollout: Rollout, fraction: number): Promise<PPOMetrics> {
    return this.#ppo.update(rollout, { progress: fraction });
  }

  protected override rowOf(metrics: PPOMetrics): Readonly<Record<string, number>> {
    return { ...metrics };
  }

  protected override async write(path: string): Promise<void> {
    writeCheckpoint(path, { ...this.#details(), model: this.#agent.policy.stateDict() });
  }

  protected override howToGoOn(path: string): string {
    return `loadPPOAgent('${path}') gives the agent, whose policy.actor and policy.critic trainAgent can train on`;
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
        counters: this.counters,
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
