// The vector environment of a run: from an id, an environment, or a function that makes one; normalised if asked for.

import {
  Box,
  Env,
  ErrorGuard,
  findSpec,
  make,
  type MakeOptions,
  makeVec,
  SyncVectorEnv,
  TimeLimit,
  type VectorEnv,
  VectorNormalizeObservation,
  VectorNormalizeReward,
  VectorRecordEpisodeStatistics,
} from '../env/index.ts';
import { TextEnv } from '../env/text/index.ts';
import type { GeneratorState } from '../random/index.ts';

/** What happens to a run whose environment fails: throws, is late, or gives a reward or an observation that is NaN or infinite. */
export interface EnvTroubleOptions {
  /**
   * `stop`: the run saves itself and ends. `reset`: the episode is given up and the environment reset, counted by the metric
   * `envFailures`; PPO on observations of fixed size learns from it as cut off there, all others play it again from its seed. Eleven
   * in a row, or a reset that fails, stop the run all the same. Default `stop`.
   */
  readonly onEnvError?: 'stop' | 'reset' | undefined;
  /** Milliseconds that a step or reset which returns a promise may take. Default: no limit, so that only `signal` ends the waiting. */
  readonly envTimeoutMs?: number | undefined;
}

/** Where experience comes from. Give `envName`, or `env`. */
export interface EnvironmentOptions extends EnvTroubleOptions {
  /** The id of a registered environment. */
  readonly envName?: string | undefined;
  /** An environment (then `numEnvs` is 1), or a function that makes one each time it is called. */
  readonly env?: Env | (() => Env) | undefined;
  /** Arguments of the environment that `envName` names. */
  readonly envOptions?: MakeOptions | undefined;
  /** How many are stepped side by side. */
  readonly numEnvs: number;
  /** Steps after which an episode is cut off, if the environment does not do so earlier. */
  readonly maxTimesteps?: number | undefined;
}

/** A vector environment, and how it came to be. */
export interface Environments {
  readonly vectorEnv: VectorEnv;
  /** The id, or the class of an environment that has none. */
  readonly name: string;
  /** The id that `make` knows, or null. */
  readonly id: string | null;
  /** What `make` was given besides the id. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Makes one more, not normalised; null if the environment belongs to the caller. */
  readonly makeOne: (() => Env) | null;
  /** Closes it, unless it belongs to the caller. */
  close(): Promise<void>;
}

/** Environments that are stepped one by one. */
export interface SingleEnvironments extends Omit<Environments, 'vectorEnv'> {
  readonly envs: readonly Env[];
}

/** How one environment is made, and what it is called. */
interface Source extends Pick<Environments, 'id' | 'options'> {
  makeOne(): Env;
  /** Whether the environment belongs to the caller, who closes it. */
  readonly isBorrowed: boolean;
}

/** Makes the vector environment. Throws if options contradict each other, and what `make` throws. */
export function makeEnvironments(options: EnvironmentOptions): Environments {
  const { id, options: kwargs, makeOne, isBorrowed } = guarded(sourceOf(options), options);
  const { numEnvs } = options;
  if (id !== null && !isGuarded(options)) {
    const vectorEnv: VectorEnv = makeVec(findSpec(id), { ...kwargs, numEnvs });
    return { vectorEnv, name: id, id, options: kwargs, makeOne, close: async () => vectorEnv.close() };
  }
  const vectorEnv = new SyncVectorEnv(Array.from({ length: numEnvs }, () => makeOne));
  const close = async (): Promise<void> => {
    if (!isBorrowed) await vectorEnv.close();
  };
  const more = isBorrowed ? null : makeOne;
  return {
    vectorEnv: vectorEnv as VectorEnv,
    name: id ?? nameOf(vectorEnv.envs[0]!),
    id,
    options: kwargs,
    makeOne: more,
    close,
  };
}

/** As {@link makeEnvironments}, one by one. */
export function makeSingleEnvironments(options: EnvironmentOptions): SingleEnvironments {
  const { id, options: kwargs, makeOne, isBorrowed } = guarded(sourceOf(options), options);
  const envs = Array.from({ length: options.numEnvs }, makeOne);
  const close = async (): Promise<void> => {
    if (!isBorrowed) await Promise.all(envs.map((env) => env.close()));
  };
  return { envs, name: id ?? nameOf(envs[0]!), id, options: kwargs, makeOne: isBorrowed ? null : makeOne, close };
}

/** Counts the steps that fail in environments, where that does not end the run. */
export class FailureCount {
  readonly #guards: readonly ErrorGuard[];
  #before = 0;

  constructor(envs: readonly unknown[]) {
    const guards = envs.filter((env) => env instanceof ErrorGuard) as ErrorGuard[];
    this.#guards = guards.filter(({ onError }) => onError === 'truncate');
  }

  /** Counts from here. */
  begin(): void {
    this.#before = this.#total;
  }

  /** What a row of metrics says of it; nothing where failures end the run. */
  get metrics(): { readonly envFailures?: number } {
    return this.#guards.length === 0 ? {} : { envFailures: this.#total - this.#before };
  }

  get #total(): number {
    return this.#guards.reduce((sum, { failures }) => sum + failures, 0);
  }
}

function isGuarded({ onEnvError, envTimeoutMs }: EnvTroubleOptions): boolean {
  if (onEnvError !== undefined && onEnvError !== 'stop' && onEnvError !== 'reset') {
    throw new RangeError(`onEnvError is ${JSON.stringify(onEnvError)}, but must be 'stop' or 'reset'`);
  }
  return onEnvError === 'reset' || envTimeoutMs !== undefined;
}

function guarded(source: Source, options: EnvTroubleOptions): Source {
  if (!isGuarded(options)) return source;
  const { onEnvError, envTimeoutMs: timeoutMs } = options;
  const onError = onEnvError === 'reset' ? 'truncate' : 'throw';
  return { ...source, makeOne: () => new ErrorGuard(source.makeOne(), { onError, timeoutMs }) };
}

function nameOf(env: Env): string {
  return env.spec?.id ?? env.unwrapped.constructor.name;
}

function sourceOf({ envName, env, envOptions = {}, numEnvs, maxTimesteps }: EnvironmentOptions): Source {
  if ((envName === undefined) === (env === undefined)) {
    throw new TypeError(
      `give envName (an id) or env (an environment, or a function that makes one), not ${env ? 'both' : 'neither'}`,
    );
  }
  checkPositiveInteger('numEnvs', numEnvs);
  if (maxTimesteps !== undefined) checkPositiveInteger('maxTimesteps', maxTimesteps);
  if (envName !== undefined) {
    const spec = findSpec(envName);
    const own = envOptions.maxEpisodeSteps ?? spec.maxEpisodeSteps ?? -1;
    const limit = maxTimesteps === undefined ? own : own === -1 ? maxTimesteps : Math.min(own, maxTimesteps);
    const options = { ...envOptions, ...(limit === (spec.maxEpisodeSteps ?? -1) ? {} : { maxEpisodeSteps: limit }) };
    let isText: boolean | undefined;
    const makeOne = (): Env => {
      if (maxTimesteps === undefined || isText === false) return make(spec, options);
      const one = make(spec, envOptions);
      isText = limitText(one, maxTimesteps);
      return isText ? one : make(spec, options);
    };
    return { id: spec.id, options, makeOne, isBorrowed: false };
  }
  if (Object.keys(envOptions).length > 0) {
    throw new TypeError('envOptions go with envName; an environment that is passed as env has its arguments already');
  }
  const isBorrowed = env instanceof Env;
  if (isBorrowed && numEnvs !== 1) {
    throw new RangeError(`numEnvs is ${numEnvs}, but one environment was given: pass a function that makes one`);
  }
  const makeOne = (): Env => {
    const one = isBorrowed ? env : (env as () => Env)();
    if (maxTimesteps === undefined) return one;
    return limitText(one, maxTimesteps) ? one : new TimeLimit(one, { maxEpisodeSteps: maxTimesteps });
  };
  return { id: null, options: {}, makeOne, isBorrowed };
}

/**
 * Tells the environment of a text how many tokens there may be: then what was cut off is rewarded as it stands, of which a time limit
 * around the environment would know nothing. False for other environments.
 */
function limitText({ unwrapped }: Env, tokens: number): boolean {
  if (!(unwrapped instanceof TextEnv)) return false;
  unwrapped.limitGeneration(tokens);
  return true;
}

/** The vector environment as the collector sees it. */
export interface NormalizedEnvironments {
  readonly env: VectorEnv;
  readonly observation: VectorNormalizeObservation | null;
  readonly reward: VectorNormalizeReward | null;
  /** Episodes with rewards as they were; null where the collector sees those itself. */
  readonly episodes: VectorRecordEpisodeStatistics | null;
}

/** Puts the normalising wrappers around a vector environment. */
export function normalize(
  vectorEnv: VectorEnv,
  { observation, reward, gamma }: { readonly observation: boolean; readonly reward: boolean; readonly gamma: number },
): NormalizedEnvironments {
  let env = vectorEnv;
  let episodes: VectorRecordEpisodeStatistics | null = null;
  let rewards: VectorNormalizeReward | null = null;
  let observations: VectorNormalizeObservation | null = null;
  if (reward) {
    episodes = new VectorRecordEpisodeStatistics(env, { bufferLength: Number.POSITIVE_INFINITY });
    rewards = new VectorNormalizeReward(episodes as VectorEnv, { gamma });
    env = rewards as VectorEnv;
  }
  if (observation) {
    if (!(env.singleObservationSpace instanceof Box)) {
      throw new TypeError(`normalizeObservation is for Box observations, but these are ${env.singleObservationSpace}`);
    }
    observations = new VectorNormalizeObservation(env, { epsilon: OBSERVATION_EPSILON });
    env = observations as VectorEnv;
  }
  return { env, observation: observations, reward: rewards, episodes };
}

/** What is added to the variance of observations. */
export const OBSERVATION_EPSILON = 1e-8;

/** The random streams of a vector environment: of each sub-environment, or its own. */
export function environmentStreams(vectorEnv: VectorEnv): GeneratorState[] {
  const inner = vectorEnv.unwrapped;
  if (inner instanceof SyncVectorEnv) return inner.envs.map((env) => (env as Env).unwrapped.npRandom.state);
  return [inner.npRandom.state];
}

/** Throws a RangeError unless `value` is 1, 2, 3, ... */
export function checkPositiveInteger(name: string, value: number): void {
  if (!(Number.isSafeInteger(value) && value >= 1)) {
    throw new RangeError(`${name} is ${value}, but must be a whole number of 1 or more`);
  }
}
