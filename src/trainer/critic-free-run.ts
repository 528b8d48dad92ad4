// A run on observations of fixed size without a critic: GRPO, RLOO and REINFORCE on any environment.

import { Env } from '../env/index.ts';
import { defaultRng } from '../random/index.ts';
import { ActorCriticPolicy, type EpisodeRollout } from '../rl/index.ts';
import { agentTrainingToJson, loadAgent, readAgentTraining } from './agent-training.ts';
import { needsReference } from './algorithms.ts';
import { type Checkpoint, type CheckpointDetails, writeCheckpoint } from './checkpoint.ts';
import { isCustom, nameOf } from './custom-algorithm.ts';
import { makeSingleEnvironments } from './environments.ts';
import { EpisodeRun, type EpisodeRunState } from './episode-run.ts';
import { describeNetwork } from './networks.ts';
import { COMPILED_SMALL, type MemoryBudget, memoryBudget } from './memory-budget.ts';
import { PPOAgent } from './ppo-agent.ts';
import { resumed } from './resume.ts';
import { randomSeed } from './run-options.ts';
import { spaceToJson } from './space-json.ts';
import type { Plan } from './training-files.ts';
import type { TrainCriticFreeOptions, TrainCriticFreeResult } from './train-agent.ts';

/** Of networks that are small and begin at random: language models want far less. */
const LEARNING_RATE = 3e-3;

/** Options of `trainAgent` with PPO that mean nothing here. */
const ONLY_PPO = ['critic', 'ppoConfig', 'callback', 'normalizeObservation', 'normalizeReward'] as const;

/** A run, set up by the constructor. */
export class CriticFreeRun extends EpisodeRun<EpisodeRollout> {
  readonly #options: TrainCriticFreeOptions;
  readonly #agent: PPOAgent;
  readonly #seed: number;
  readonly #plan: Plan;
  /** Of episodes nobody knows how long they are. */
  protected override readonly memory: MemoryBudget;
  readonly #networks: CheckpointDetails['networks'];

  constructor(options: TrainCriticFreeOptions) {
    const { actor, saveInterval, callbacks } = options;
    const from = resumed(options);
    const seed = options.seed ?? from.seed ?? randomSeed();
    const name = nameOf(options.algorithm);
    const foreign = ONLY_PPO.find((key) => (options as { readonly [K in typeof key]?: unknown })[key]);
    if (foreign !== undefined)
      throw new TypeError(`${foreign} goes with PPO, not with algorithm '${name}': leave it out`);
    if (needsReference(options.algorithm)) {
      throw new TypeError(
        `${isCustom(options.algorithm) ? 'needsReference' : 'klCoef'} is for language models, which have a reference to stay close to: leave it out`,
      );
    }
    const algorithm = isCustom(options.algorithm)
      ? options.algorithm
      : { ...options.algorithm, learningRate: options.algorithm.learningRate ?? LEARNING_RATE };
    const { numEnvs = options.env instanceof Env ? 1 : 8 } = options;
    const environments = makeSingleEnvironments({ ...options, numEnvs });
    const { observationSpace, actionSpace } = environments.envs[0]!;
    const policy = new ActorCriticPolicy({ observationSpace, actionSpace, actor });
    super(options, { environments, policy, algorithm, seed, callbacks, saveInterval, resumed: from });
    this.#options = options;
    this.#seed = seed;
    this.#networks = { actor: describeNetwork(actor), critic: null };
    this.#agent = new PPOAgent({
      policy,
      observationSpace,
      actionSpace,
      details: () => this.#details(),
      observationNormalizer: null,
      generator: defaultRng(seed),
    });
    this.#plan = {
      env: environments.name,
      envOptions: JSON.stringify(environments.options),
      algorithm: name,
      seed,
      numEnvs,
      groupSize: this.groupSize,
      updateInterval: this.episodesPerUpdate,
      maxTimesteps: options.maxTimesteps ?? null,
    };
    if (from.checkpoint !== undefined) {
      const { random, ...rest } = readAgentTraining(from.checkpoint, this.#plan);
      loadAgent(from.checkpoint, policy, this.learner);
      const { actions, seeds, shuffling } = random as EpisodeRunState['random'];
      this.restore({ ...rest, judge: null, random: { actions, seeds, shuffling } });
    }
    this.memory = memoryBudget({ parameters: policy.parameters(), compiled: COMPILED_SMALL });
    this.open(() => this.#config());
    if (options.recordEpisodes ?? true) this.recordEpisodes(this.#agent, environments.makeOne);
  }

  async train(): Promise<TrainCriticFreeResult> {
    return Object.assign(await this.run(), { agent: this.#agent });
  }

  protected override async write(path: string): Promise<void> {
    const { judge: _judge, ...state } = this.state;
    const training = agentTrainingToJson({ seed: this.#seed, plan: this.#plan, collector: null, ...state });
    writeCheckpoint(path, { ...this.#details(), model: this.#agent.policy.stateDict(), training });
  }

  protected override howToGoOn(path: string): string {
    return `Go on with trainAgent({ ..., resume: '${path}' }), or load the agent with loadPPOAgent('${path}')`;
  }

  #details(): Pick<Checkpoint, 'details' | 'moments'> {
    const { name, id, options, envs } = this.environments;
    const { observationSpace, actionSpace } = this.#agent;
    const { algorithm } = this.#options;
    const { moments, stepCount, learningRates, skipped } = this.learner.stateDict();
    const { actions, shuffling } = this.state.random;
    return {
      moments,
      details: {
        env: { name, id, options: { ...options }, numEnvs: envs.length },
        observationSpace: spaceToJson(observationSpace),
        actionSpace: spaceToJson(actionSpace),
        algorithm: nameOf(algorithm),
        ppoConfig: settingsOf(algorithm),
        networks: this.#networks,
        counters: this.counters,
        random: {
          seed: this.#seed,
          actions,
          shuffling,
          environments: envs.map((env) => env.unwrapped.npRandom.state),
        },
        normalizers: { observation: null, reward: null },
        optimizer: { stepCount, learningRates, skipped },
      },
    };
  }

  #config(): object {
    const { env, networks, algorithm, ppoConfig } = this.#details().details;
    return {
      env,
      maxTimesteps: this.#options.maxTimesteps,
      algorithm: { name: algorithm, ...ppoConfig },
      groupSize: this.groupSize,
      updateInterval: this.episodesPerUpdate,
      networks,
      ...this.settings,
    };
  }
}

/** As they stand in files. */
function settingsOf(algorithm: TrainCriticFreeOptions['algorithm']): CheckpointDetails['ppoConfig'] {
  if (isCustom(algorithm)) return {};
  const { name: _name, ...settings } = algorithm;
  return { learningRate: LEARNING_RATE, ...settings } as CheckpointDetails['ppoConfig'];
}
