// Training an agent: what it takes and what it gives. The runs themselves are in files of their own.

import type { Env, MakeOptions } from '../env/index.ts';
import {
  type ActorCriticPolicy,
  type EpisodeRollout,
  LMActorNetwork,
  type Network,
  type PPOConfig,
  type Rollout,
} from '../rl/index.ts';
import type { CriticFreeAlgorithm } from './algorithms.ts';
import type { StepCallback, TrainCallbacks, UpdateMetrics } from './callbacks.ts';
import { CriticFreeRun } from './critic-free-run.ts';
import { type CustomAlgorithm, isCustom } from './custom-algorithm.ts';
import type { EpisodeCallbacks, EpisodeRunOptions } from './episode-run.ts';
import type { PPOAgent } from './ppo-agent.ts';
import type { RunOptions, RunResult } from './run-options.ts';
import { TextRun, type TrainTextOptions, type TrainTextResult } from './text-run.ts';
import { TrainingRun } from './training-run.ts';

/** Where a classic agent learns. */
interface ClassicOptions {
  /** The id of a registered environment. Give this or `env`. */
  readonly envName?: string | undefined;
  /** An environment, or a function that makes one (needed for `numEnvs` above 1). */
  readonly env?: Env | (() => Env) | undefined;
  /** Arguments of the environment that `envName` names. */
  readonly envOptions?: MakeOptions | undefined;
  /** Observations to action scores, such as an `MLPActorNetwork`. Trained in place. */
  readonly actor: Network;
  /** Steps after which an episode is cut off, if the environment does not do so earlier. Default: never. */
  readonly maxTimesteps?: number | undefined;
  /** Episodes between checkpoints; they are written after the update that follows. Default 100. */
  readonly saveInterval?: number | undefined;
  /**
   * Whether to play an episode now and then, of an environment that can be drawn, and write it to `replays/` of the run directory:
   * after 1, 8, 27, ... episodes, every 1000, and at the end unless `signal` ends it. Default true.
   */
  readonly recordEpisodes?: boolean | undefined;
}

/** What algorithms with a critic have in common, which learn from so many steps at a time. */
interface ActorCriticOptions extends ClassicOptions, RunOptions {
  /** Observations to values, such as an `MLPCriticNetwork`. Trained in place. */
  readonly critic: Network;
  /** Environments stepped side by side. Default 1. */
  readonly numEnvs?: number | undefined;
  /** Episodes between updates. Default: updates come every `rolloutSteps` steps of the algorithm instead, which learns sooner. */
  readonly updateInterval?: number | undefined;
  /** Called after each step of each environment, as in the Python original. Costs nothing when left out. */
  readonly callback?: StepCallback | undefined;
  /** Whether to centre and scale observations by their running mean and variance. Default false. */
  readonly normalizeObservation?: boolean | undefined;
  /** Whether to scale rewards by the running deviation of the return. Default false. */
  readonly normalizeReward?: boolean | undefined;
}

/** Options of {@link trainAgent} with PPO. Names are those of the Python original, in camelCase. */
export interface TrainAgentOptions extends ActorCriticOptions {
  readonly ppoConfig?: PPOConfig | undefined;
  /** PPO and its settings, in place of `ppoConfig`. */
  readonly algorithm?: ({ readonly name: 'ppo' } & PPOConfig) | undefined;
  /** Called as the run goes on; any may end it. */
  readonly callbacks?: TrainCallbacks | readonly TrainCallbacks[] | undefined;
}

/** Options of {@link trainAgent} with an algorithm of one's own that has a critic. */
export interface TrainCustomOptions extends ActorCriticOptions {
  readonly algorithm: CustomAlgorithm<Rollout, ActorCriticPolicy>;
  /** Called as the run goes on; any may end it. */
  readonly callbacks?: TrainCallbacks<UpdateMetrics> | readonly TrainCallbacks<UpdateMetrics>[] | undefined;
}

/** Options of {@link trainAgent} with an algorithm that needs no critic. */
export interface TrainCriticFreeOptions extends ClassicOptions, EpisodeRunOptions {
  /** One that is here has by default a learning rate of 3e-3, what small networks want that begin at random; language models want far less. */
  readonly algorithm: CriticFreeAlgorithm | CustomAlgorithm<EpisodeRollout, ActorCriticPolicy>;
  /** Environments stepped side by side. Default 8, or 1 if `env` is an environment. */
  readonly numEnvs?: number | undefined;
  /** Called as the run goes on; any may end it. */
  readonly callbacks?: EpisodeCallbacks<EpisodeRollout> | readonly EpisodeCallbacks<EpisodeRollout>[] | undefined;
}

/** What a run came to. */
export interface TrainResult extends RunResult {
  /** The trained agent. */
  readonly agent: PPOAgent;
}

/** What a run without a critic came to. The agent decides, is saved and loaded as one that PPO has trained. */
export type TrainCriticFreeResult = TrainResult;

/**
 * Trains a language model in a token environment: whole episodes are played side by side, one token each at a time.
 *
 * @throws as below
 */
export function trainAgent(options: TrainTextOptions): Promise<TrainTextResult>;
/**
 * Trains an actor and a critic with PPO.
 *
 * @example
 * const { agent } = await trainAgent({
 *   envName: 'CartPole-v1',
 *   actor: new MLPActorNetwork(4, 64, 2),
 *   critic: new MLPCriticNetwork(4, 64),
 *   maxEpisodes: 1000,
 * });
 *
 * @throws TrainingDivergedError if a loss or the gradients' norm is not finite, TrainingFailedError if an environment, a callback or the
 *   disk fails once something has been learned; the last good weights are saved first
 * @throws RangeError, TypeError or EnvError for options that cannot be
 */
export function trainAgent(options: TrainAgentOptions): Promise<TrainResult>;
/** As above, by an algorithm of one's own, from so many steps of a vector of environments. */
export function trainAgent(options: TrainCustomOptions): Promise<TrainResult>;
/**
 * As above, without a critic: an actor learns by GRPO, RLOO, REINFORCE or an algorithm of one's own from whole episodes, of which groups may
 * begin alike.
 */
export function trainAgent(options: TrainCriticFreeOptions): Promise<TrainCriticFreeResult>;
export async function trainAgent(
  options: TrainAgentOptions | TrainCustomOptions | TrainCriticFreeOptions | TrainTextOptions,
): Promise<TrainResult | TrainTextResult> {
  if (options.actor instanceof LMActorNetwork) return toItsEnd(new TextRun(options as TrainTextOptions));
  const { algorithm, critic } = options as Partial<TrainAgentOptions | TrainCustomOptions>;
  const hasCritic = isCustom(algorithm) ? critic !== undefined : (algorithm?.name ?? 'ppo') === 'ppo';
  return hasCritic
    ? toItsEnd(new TrainingRun(options as TrainAgentOptions | TrainCustomOptions))
    : toItsEnd(new CriticFreeRun(options as TrainCriticFreeOptions));
}

/** Trains and closes. What failed in training is told, whatever closing does. */
async function toItsEnd<T>(run: { train(): Promise<T>; close(): Promise<void> }): Promise<T> {
  let result: T;
  try {
    result = await run.train();
  } catch (error) {
    await run.close().catch(() => undefined);
    throw error;
  }
  await run.close();
  return result;
}
