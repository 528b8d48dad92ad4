// Collecting experience: a policy acts in a vector environment, and what was seen is written down.

import type { AutoresetMode, Info, VectorEnv } from '../env/index.ts';
import type { Generator } from '../random/index.ts';
import type { ActionRows } from './action-head.ts';
import type { ActorCriticPolicy } from './actor-critic-policy.ts';
import { giveTurn, turnIsDue, unlessAborted } from '../runtime/event-loop.ts';
import type { Episode, Steps } from './policy.ts';

/** What was seen, time-major: row `t * numEnvs + i` is step `t` of environment `i`. */
export interface Rollout extends Steps {
  /** `[rows, observationSize]` */
  readonly observations: Float32Array;
  readonly actions: ActionRows;
  /** Observations at the end of truncated episodes, whose values stand in for what was cut off. `[ends, observationSize]` */
  readonly finalObservations: Float32Array;
  /** The row of each of `finalObservations`. */
  readonly finalRows: readonly number[];
  /** Where the next step starts, `[numEnvs, observationSize]`. */
  readonly nextObservations: Float32Array;
}

/** Called after every step: everything as the vector environment gave it. Return false to end the rollout here. */
export type StepListener = (step: {
  readonly observations: Float32Array;
  readonly actions: ActionRows;
  readonly rewards: Float64Array;
  readonly terminated: Uint8Array;
  readonly truncated: Uint8Array;
  readonly infos: Info;
  readonly episodes: readonly Episode[];
}) => boolean | void;

/** How long to collect: a number of steps in each environment, or until a number of episodes have ended in all. */
export interface CollectOptions {
  readonly steps?: number | undefined;
  readonly episodes?: number | undefined;
  readonly onStep?: StepListener | undefined;
  /** Gives the rollout up: its reason is thrown. What the environments and the generator have done until then, they have done. */
  readonly signal?: AbortSignal | undefined;
}

/** How a {@link RolloutCollector} stands; plain data, for checkpoints. */
export interface RolloutCollectorState {
  /** What the next step decides on, `[numEnvs, observationSize]`. */
  readonly observations: Float32Array;
  /** Of the episodes under way. */
  readonly returns: readonly number[];
  readonly lengths: readonly number[];
  /** 1 for environments whose next step only resets them. */
  readonly resetting: readonly number[];
}

/** Runs a policy in a vector environment, one rollout after another; episodes go on from one to the next. */
export class RolloutCollector {
  readonly env: VectorEnv;
  readonly policy: ActorCriticPolicy;
  readonly #generator: Generator;
  readonly #mode: AutoresetMode;
  readonly #returns: Float64Array;
  readonly #lengths: Int32Array;
  /** In next-step mode: environments whose next step only resets them. */
  readonly #resetting: Uint8Array;
  #observations: Float32Array | undefined;
  #seed: number | undefined;

  /**
   * @param env a vector environment in autoreset mode same-step or next-step
   */
  constructor(
    env: VectorEnv,
    policy: ActorCriticPolicy,
    {
      generator,
      seed,
    }: {
      /** The stream that actions are drawn from. */
      readonly generator: Generator;
      /** Of the environments' first reset. */
      readonly seed?: number;
    },
  ) {
    this.env = env;
    this.policy = policy;
    this.#generator = generator;
    this.#seed = seed;
    this.#mode = env.metadata.autoresetMode;
    if (this.#mode === 'disabled') {
      throw new Error(
        'rollouts need a vector environment that resets itself: use autoresetMode same-step or next-step',
      );
    }
    this.#returns = new Float64Array(env.numEnvs);
    this.#lengths = new Int32Array(env.numEnvs);
    this.#resetting = new Uint8Array(env.numEnvs);
  }

  /** Where it stands between two rollouts, beside the environment's own state; undefined before the first. Plain data; may be set. */
  get state(): RolloutCollectorState | undefined {
    if (this.#observations === undefined) return undefined;
    return {
      observations: this.#observations.slice(),
      returns: [...this.#returns],
      lengths: [...this.#lengths],
      resetting: [...this.#resetting],
    };
  }

  set state(state: RolloutCollectorState) {
    const { observations, returns, lengths, resetting } = state;
    if (observations.length !== this.env.numEnvs * this.policy.observationSize) {
      throw new RangeError(`a rollout's state of ${observations.length} numbers does not fit ${this.env}`);
    }
    this.#observations = Float32Array.from(observations);
    this.#returns.set(returns);
    this.#lengths.set(lengths);
    this.#resetting.set(resetting);
  }

  /** Lets the next rollout begin with a reset of all environments; the episodes under way are given up. */
  restart(seed: number): void {
    this.#seed = seed;
    this.#observations = undefined;
    for (const counts of [this.#returns, this.#lengths, this.#resetting]) counts.fill(0);
  }

  /** Goes on from where the last rollout ended; the first begins with a reset. */
  async collect({ steps, episodes: wanted, onStep, signal }: CollectOptions): Promise<Rollout> {
    if ((steps === undefined) === (wanted === undefined)) throw new Error('collect: give either steps or episodes');
    const limit = steps ?? wanted!;
    if (!Number.isInteger(limit) || limit < 1) {
      throw new RangeError(
        `collect: ${steps === undefined ? 'episodes' : 'steps'} is ${limit}, but must be a whole number of 1 or more`,
      );
    }
    const { env, policy } = this;
    const { numEnvs } = env;
    const size = policy.observationSize;
    this.#observations ??= await unlessAborted(this.#reset(), signal);
    const current = this.#observations;
    const rollout = new Recorder(numEnvs, size, policy.head.actionSize, policy.head.actionType, steps ?? 256);
    const episodes: Episode[] = [];
    let taken = 0;
    for (let t = 0; steps !== undefined ? t < steps : episodes.length < wanted!; t++) {
      if (turnIsDue()) await giveTurn();
      signal?.throwIfAborted();
      const row = t * numEnvs;
      rollout.reserve(row + numEnvs);
      rollout.observations.set(current, row * size);
      policy.act(current, rollout.actions, rollout.logProbs, row, this.#generator);
      const actions = policy.head.environmentActions(rollout.actions, row, numEnvs);
      const answer = env.step(actions);
      const [observations, rewards, terminated, truncated, infos] =
        answer instanceof Promise ? await unlessAborted(answer, signal) : answer;
      const endedBefore = episodes.length;
      policy.encode(observations, numEnvs, current);
      rollout.rewards.set(rewards, row);
      rollout.terminated.set(terminated, row);
      rollout.truncated.set(truncated, row);
      for (let i = 0; i < numEnvs; i++) {
        rollout.valid[row + i] = this.#resetting[i] ? 0 : 1;
        if (this.#resetting[i]) {
          this.#resetting[i] = 0;
          continue;
        }
        taken++;
        this.#returns[i] = this.#returns[i]! + rewards[i]!;
        this.#lengths[i] = this.#lengths[i]! + 1;
        if (!terminated[i] && !truncated[i]) continue;
        if (!terminated[i]) this.#recordFinal(rollout, row + i, i, infos, current);
        episodes.push({
          return: this.#returns[i]!,
          length: this.#lengths[i]!,
          envIndex: i,
          terminated: terminated[i] === 1,
          endedAt: taken,
        });
        this.#returns[i] = 0;
        this.#lengths[i] = 0;
        if (this.#mode === 'next-step') this.#resetting[i] = 1;
      }
      rollout.rows = row + numEnvs;
      if (onStep === undefined) continue;
      const goOn = onStep({
        observations: rollout.observations.subarray(row * size, (row + numEnvs) * size),
        actions,
        rewards,
        terminated,
        truncated,
        infos,
        episodes: episodes.slice(endedBefore),
      });
      if (goOn === false) break;
    }
    return rollout.finish(current.slice(), episodes);
  }

  async #reset(): Promise<Float32Array> {
    const [observations] = await this.env.reset({ seed: this.#seed });
    const rows = new Float32Array(this.env.numEnvs * this.policy.observationSize);
    this.policy.encode(observations, this.env.numEnvs, rows);
    return rows;
  }

  #recordFinal(rollout: Recorder, row: number, env: number, infos: Info, current: Float32Array): void {
    const size = this.policy.observationSize;
    const final = new Float32Array(size);
    if (this.#mode === 'same-step') {
      const finals = infos['finalObservation'] as readonly unknown[];
      this.policy.encodeOne(finals[env], final);
    } else {
      final.set(current.subarray(env * size, (env + 1) * size));
    }
    rollout.finalRows.push(row);
    rollout.finals.push(final);
  }
}

/** Arrays that grow as steps are written. */
class Recorder {
  rows = 0;
  observations: Float32Array;
  actions: ActionRows;
  logProbs: Float32Array;
  rewards: Float64Array;
  terminated: Uint8Array;
  truncated: Uint8Array;
  valid: Uint8Array;
  readonly finals: Float32Array[] = [];
  readonly finalRows: number[] = [];
  readonly #numEnvs: number;
  readonly #sizes: readonly [observation: number, action: number];
  #capacity: number;

  constructor(
    numEnvs: number,
    observationSize: number,
    actionSize: number,
    actionType: 'int32' | 'float32',
    steps: number,
  ) {
    this.#numEnvs = numEnvs;
    this.#sizes = [observationSize, actionSize];
    this.#capacity = numEnvs * steps;
    const rows = this.#capacity;
    this.observations = new Float32Array(rows * observationSize);
    this.actions = actionType === 'int32' ? new Int32Array(rows * actionSize) : new Float32Array(rows * actionSize);
    this.logProbs = new Float32Array(rows);
    this.rewards = new Float64Array(rows);
    this.terminated = new Uint8Array(rows);
    this.truncated = new Uint8Array(rows);
    this.valid = new Uint8Array(rows);
  }

  reserve(rows: number): void {
    if (rows <= this.#capacity) return;
    this.#capacity *= 2;
    const [observation, action] = this.#sizes;
    this.observations = grown(this.observations, this.#capacity * observation);
    this.actions = grown(this.actions, this.#capacity * action);
    this.logProbs = grown(this.logProbs, this.#capacity);
    this.rewards = grown(this.rewards, this.#capacity);
    this.terminated = grown(this.terminated, this.#capacity);
    this.truncated = grown(this.truncated, this.#capacity);
    this.valid = grown(this.valid, this.#capacity);
  }

  finish(nextObservations: Float32Array, episodes: readonly Episode[]): Rollout {
    const { rows } = this;
    const [size, actionSize] = this.#sizes;
    const finalObservations = new Float32Array(this.finals.length * size);
    this.finals.forEach((row, i) => {
      finalObservations.set(row, i * size);
    });
    return {
      numEnvs: this.#numEnvs,
      rows,
      observations: this.observations.subarray(0, rows * size),
      actions: this.actions.subarray(0, rows * actionSize),
      logProbs: this.logProbs.subarray(0, rows),
      rewards: this.rewards.subarray(0, rows),
      terminated: this.terminated.subarray(0, rows),
      truncated: this.truncated.subarray(0, rows),
      valid: this.valid.subarray(0, rows),
      finalObservations,
      finalRows: this.finalRows,
      nextObservations,
      episodes,
    };
  }
}

function grown<A extends ActionRows | Uint8Array>(array: A, length: number): A {
  const larger = new (array.constructor as new (length: number) => A)(length);
  larger.set(array);
  return larger;
}
