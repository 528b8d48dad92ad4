// How good an agent is: the returns of whole episodes, counted fairly.

import type { Env, MakeOptions, VectorEnv } from '../env/index.ts';
import { checkPositiveInteger, makeEnvironments } from './environments.ts';
import { mean, standardDeviation } from './episode-log.ts';
import type { Agent } from './ppo-agent.ts';
import { giveTurn, turnIsDue } from '../runtime/event-loop.ts';

/** Options of {@link evaluatePolicy}. */
export interface EvaluatePolicyOptions {
  /** Episodes to play. Default 100. */
  readonly episodes?: number | undefined;
  /** Of the first environment; the others have the next integers. Default: from the operating system. */
  readonly seed?: number | undefined;
  /** Whether to take the likeliest action rather than to draw one. Default true. */
  readonly deterministic?: boolean | undefined;
  /** Environments stepped side by side. Default 20 (at most one an episode), or 1 if an environment was given. */
  readonly numEnvs?: number | undefined;
  /** Arguments of the environment, if it is given by its id. */
  readonly envOptions?: MakeOptions | undefined;
  /** Steps after which an episode is cut off, if the environment does not do so earlier. */
  readonly maxTimesteps?: number | undefined;
  /** Told of each episode that counts, as it ends. */
  readonly onEpisode?: ((episode: { readonly return: number; readonly length: number }) => void) | undefined;
  /** Gives it up: its reason is thrown. */
  readonly signal?: AbortSignal | undefined;
}

/** What an evaluation found. */
export interface EvaluationResult {
  /** The mean return. */
  readonly mean: number;
  /** The population standard deviation of the returns. */
  readonly std: number;
  /** The return of each episode, in the order in which they ended. */
  readonly returns: readonly number[];
  /** The length of each episode, in steps. */
  readonly lengths: readonly number[];
}

/**
 * Plays episodes and tells their returns, with rewards as the environment gives them.
 *
 * How many episodes each environment counts is settled before the first step. Were the first to end counted instead, short
 * episodes would be counted more often than they are played. Source: Stable-Baselines3, `evaluate_policy`.
 *
 * @param env an id, an environment, or a function that makes one
 */
export async function evaluatePolicy(
  agent: Agent,
  env: string | Env | (() => Env),
  options: EvaluatePolicyOptions = {},
): Promise<EvaluationResult> {
  const { episodes = 100, deterministic = true, envOptions, maxTimesteps } = options;
  checkPositiveInteger('episodes', episodes);
  const source = typeof env === 'string' ? { envName: env } : { env };
  const { numEnvs = typeof env === 'object' ? 1 : Math.min(20, episodes) } = options;
  const environments = makeEnvironments({ ...source, envOptions, maxTimesteps, numEnvs });
  try {
    return await play(agent, environments.vectorEnv, { ...options, episodes, deterministic });
  } finally {
    await environments.close();
  }
}

async function play(
  agent: Agent,
  env: VectorEnv,
  { episodes, deterministic, seed, onEpisode, signal }: EvaluatePolicyOptions & { readonly episodes: number },
): Promise<EvaluationResult> {
  const { numEnvs } = env;
  const resetsInOwnStep = env.metadata.autoresetMode === 'next-step';
  // As even as can be: with 5 episodes in 3 environments 1, 2 and 2.
  const left = Array.from({ length: numEnvs }, (_, i) => Math.floor((episodes + i) / numEnvs));
  const currentReturn = new Float64Array(numEnvs);
  const currentLength = new Int32Array(numEnvs);
  const resetting = new Uint8Array(numEnvs);
  const returns: number[] = [];
  const lengths: number[] = [];

  let [observations] = await env.reset({ seed });
  while (returns.length < episodes) {
    if (turnIsDue()) await giveTurn(signal);
    const actions = agent.selectActions(observations, numEnvs, { deterministic });
    const answer = env.step(actions);
    const [next, rewards, terminated, truncated] = answer instanceof Promise ? await answer : answer;
    observations = next;
    for (let i = 0; i < numEnvs; i++) {
      if (resetting[i]) {
        resetting[i] = 0;
        continue;
      }
      currentReturn[i]! += rewards[i]!;
      currentLength[i]!++;
      if (!terminated[i] && !truncated[i]) continue;
      if (left[i]! > 0) {
        left[i]!--;
        returns.push(currentReturn[i]!);
        lengths.push(currentLength[i]!);
        onEpisode?.({ return: currentReturn[i]!, length: currentLength[i]! });
      }
      currentReturn[i] = 0;
      currentLength[i] = 0;
      resetting[i] = resetsInOwnStep ? 1 : 0;
    }
  }
  return { mean: mean(returns)!, std: standardDeviation(returns), returns, lengths };
}
