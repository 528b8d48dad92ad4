// Training an agent: what it takes and what it gives. The run itself is training-run.ts.

import type { Env, MakeOptions } from '../env/index.ts';
import { LMActorNetwork, type Network, type PPOConfig } from '../rl/index.ts';
import type { StepCallback, TrainCallbacks } from './callbacks.ts';
import type { PPOAgent } from './ppo-agent.ts';
import type { MetricsRow } from './run-directory.ts';
import { trainText, type TrainTextOptions, type TrainTextResult } from './text-run.ts';
import { TrainingRun } from './training-run.ts';

/** Options of {@link trainAgent}. Names are those of the Python original, in camelCase. */
export interface TrainAgentOptions {
  /** The id of a registered environment. Give this or `env`. */
  readonly envName?: string | undefined;
  /** An environment, or a function that makes one (needed for `numEnvs` above 1). */
  readonly env?: Env | (() => Env) | undefined;
  /** Arguments of the environment that `envName` names. */
  readonly envOptions?: MakeOptions | undefined;
  /** Observations to action scores, such as an `MLPActorNetwork`. Trained in place. */
  readonly actor: Network;
  /** Observations to values, such as an `MLPCriticNetwork`. Trained in place. */
  readonly critic: Network;
  readonly ppoConfig?: PPOConfig | undefined;
  /** Environments stepped side by side. Default 1. */
  readonly numEnvs?: number | undefined;
  /** Episodes to train for. Default 1000, if `totalSteps` is not given. */
  readonly maxEpisodes?: number | undefined;
  /** Steps to train for, all environments together, in place of `maxEpisodes`. Rollouts are finished, so it may be a few more. */
  readonly totalSteps?: number | undefined;
  /** Steps after which an episode is cut off, if the environment does not do so earlier. Default: never. */
  readonly maxTimesteps?: number | undefined;
  /** Episodes between updates. Default: updates come every `ppoConfig.rolloutSteps` steps instead, which learns sooner. */
  readonly updateInterval?: number | undefined;
  /** Episodes between checkpoints; they are written after the update that follows. Default 100. */
  readonly saveInterval?: number | undefined;
  /** Where checkpoints go, as `ppo_<env>_episode_<n>`. Default: `checkpoints/` of the run directory, or `models/` without one. */
  readonly savePath?: string | undefined;
  /** Episodes between lines of progress given to `log`. Default: none. */
  readonly logInterval?: number | undefined;
  /** Receives lines of progress. Default `console.log`. */
  readonly log?: ((line: string) => void) | undefined;
  /** Called after each step of each environment, as in the Python original. Costs nothing when left out. */
  readonly callback?: StepCallback | undefined;
  /** Called as the run goes on; any may end it. */
  readonly callbacks?: TrainCallbacks | readonly TrainCallbacks[] | undefined;
  /** Everything drawn in this run comes from it (but the networks' first weights). Default: from the operating system. */
  readonly seed?: number | undefined;
  /** Whether to centre and scale observations by their running mean and variance. Default false. */
  readonly normalizeObservation?: boolean | undefined;
  /** Whether to scale rewards by the running deviation of the return. Default false. */
  readonly normalizeReward?: boolean | undefined;
  /** Ends the run when the mean return of the latest 100 episodes reaches this. Default: never. */
  readonly stopAtMeanReturn?: number | undefined;
  /** Ends the run, with a checkpoint, after the update under way. */
  readonly signal?: AbortSignal | undefined;
  /** Where config, metrics, checkpoints and summary go; null for nowhere. Default `runs/<env>-<date>-<seed>`. */
  readonly runDirectory?: string | null | undefined;
  /** Anything that shall stand in config.json too, such as the recipe. */
  readonly notes?: Readonly<Record<string, unknown>> | undefined;
}

/** What ended a run. */
export type StoppedBy = 'maxEpisodes' | 'totalSteps' | 'stopAtMeanReturn' | 'callback' | 'signal';

/** What a run came to. */
export interface TrainResult {
  /** After each episode, in the order in which they ended: 0.95 times the one before (0 at first) plus 0.05 times the return. */
  readonly runningRewards: readonly number[];
  /** The sum of each episode's rewards, as the environment gave them. */
  readonly episodeReturns: readonly number[];
  /** In steps. */
  readonly episodeLengths: readonly number[];
  /** The trained agent. */
  readonly agent: PPOAgent;
  /** One row an update, as in metrics.jsonl. */
  readonly metrics: readonly MetricsRow[];
  /** Steps of all environments together. */
  readonly steps: number;
  readonly updates: number;
  readonly seconds: number;
  readonly seed: number;
  /** Null if there is none. */
  readonly runDirectory: string | null;
  /** The last checkpoint. */
  readonly checkpoint: string;
  readonly stoppedBy: StoppedBy;
  /** What the callback that ended the run said. */
  readonly stopReason?: string;
}

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
 * @throws TrainingDivergedError if a loss or the gradients' norm is not finite; the last good weights are saved first
 * @throws RangeError, TypeError or EnvError for options that cannot be
 */
export function trainAgent(options: TrainAgentOptions): Promise<TrainResult>;
/** As above, for a language model in a token environment: whole episodes are played side by side, one token each at a time. */
export function trainAgent(options: TrainTextOptions): Promise<TrainTextResult>;
export async function trainAgent(
  options: TrainAgentOptions | TrainTextOptions,
): Promise<TrainResult | TrainTextResult> {
  if (options.actor instanceof LMActorNetwork) return trainText(options as TrainTextOptions);
  const run = new TrainingRun(options as TrainAgentOptions);
  try {
    return await run.train();
  } finally {
    await run.close();
  }
}
