// An algorithm of one's own, which trainAgent runs as it runs those that are here.

import type { MaybePromise } from '../env/index.ts';
import type { StateOptions } from '../nn/index.ts';
import type { Generator } from '../random/index.ts';
import { type LearnerState, NonFiniteError, type Policy, type Steps } from '../rl/index.ts';
import { trainedParameters } from './training-files.ts';

/** What an update is told besides the rollout. */
export interface UpdateOptions {
  /** How much of the run is over, 0 to 1, for schedules. */
  readonly progress: number;
  /** Of the rollout's rows, by the reference policy, for an algorithm that needs one. */
  readonly referenceLogProbs?: Float32Array | undefined;
  /** Given to updates that can be undone: one that throws its `reason` when the run is told to end is undone, and made again by a run that goes on. */
  readonly signal?: AbortSignal | undefined;
}

/** What improves a policy with what it has just played, such as `PPO`, `GRPO`, and all that extends `CriticFree`. */
export interface Learner<R extends Steps> {
  /** @returns numbers, which the metrics of the run have too; nothing for none */
  update(rollout: R, options: UpdateOptions): MaybePromise<object | void>;
  /** All that the algorithm remembers from one update to the next: that of its optimizer. Default: it remembers nothing. */
  stateDict?(options?: StateOptions): LearnerState;
  loadStateDict?(state: LearnerState): void;
  /** A number to remember besides, such as the running mean of returns. */
  baseline?: number | undefined;
}

/** A {@link Learner} that can say what it remembers. */
export interface StatefulLearner<R extends Steps> extends Learner<R> {
  update(rollout: R, options: UpdateOptions): Promise<object>;
  stateDict(options?: StateOptions): LearnerState;
  loadStateDict(state: LearnerState): void;
}

/** What a custom algorithm is made with. */
export interface LearnerContext {
  /** A stream of random numbers of its own, which goes on where it was when a run goes on. */
  readonly generator: Generator;
  /** Environments played side by side. */
  readonly numEnvs: number;
}

/** An algorithm of one's own, for the option `algorithm` of `trainAgent`. `R` is what it learns from, `P` what it improves. */
export interface CustomAlgorithm<R extends Steps, P extends Policy<R>> {
  /** What it is called, in the names of checkpoints too: letters, digits, `-` and `_`; not the name of an algorithm that is here. */
  readonly custom: string;
  readonly name?: undefined;
  /** Makes it, for one run. */
  create(policy: P, context: LearnerContext): Learner<R>;
  /** With a critic: steps in each environment between updates. Default 2048 divided by the number of environments, as PPO's. */
  readonly rolloutSteps?: number | undefined;
  /** With a language model: whether updates are given `referenceLogProbs`. Default false. */
  readonly needsReference?: boolean | undefined;
}

const NAMES = ['ppo', 'grpo', 'rloo', 'reinforce'];

/** Whether an algorithm is one's own. */
export function isCustom<A extends object>(
  algorithm: A | undefined,
): algorithm is Extract<A, { readonly custom: string }> {
  return algorithm !== undefined && 'custom' in algorithm;
}

/** What an algorithm is called. */
export function nameOf(algorithm: { readonly name: string } | CustomAlgorithm<never, never>): string {
  return isCustom(algorithm) ? algorithm.custom : algorithm.name;
}

/**
 * Makes a custom algorithm, and watches over it: an update that leaves weights which are not finite has failed.
 *
 * @throws TypeError for a name that cannot be, or an algorithm without `update`
 */
export function customLearner<R extends Steps, P extends Policy<R>>(
  algorithm: CustomAlgorithm<R, P>,
  policy: P,
  context: LearnerContext,
): StatefulLearner<R> {
  const { custom: name } = algorithm;
  if (typeof name !== 'string' || !/^[\w-]+$/.test(name) || NAMES.includes(name)) {
    throw new TypeError(
      `an algorithm of your own cannot be called '${String(name)}': take letters, digits, - and _, and none of ${NAMES.join(', ')}`,
    );
  }
  const own = algorithm.create(policy, context);
  if (typeof (own as Partial<Learner<R>> | null | undefined)?.update !== 'function') {
    throw new TypeError(`create of algorithm '${name}' must give an object with a method update(rollout, options)`);
  }
  return new WatchedLearner(name, policy, own);
}

/** Of an algorithm that remembers nothing. */
const NOTHING: LearnerState = { stepCount: 0, learningRates: [], moments: new Map() };

class WatchedLearner<R extends Steps> implements StatefulLearner<R> {
  readonly #name: string;
  readonly #policy: Policy<R>;
  readonly #own: Learner<R>;

  constructor(name: string, policy: Policy<R>, own: Learner<R>) {
    this.#name = name;
    this.#policy = policy;
    this.#own = own;
  }

  async update(rollout: R, options: UpdateOptions): Promise<object> {
    const metrics = (await this.#own.update(rollout, options)) ?? {};
    this.#checkWeights();
    this.#checkMetrics(metrics);
    return metrics;
  }

  #checkWeights(): void {
    for (const [parameter, { storage }] of trainedParameters(this.#policy)) {
      const bad = storage.data.find((weight) => !Number.isFinite(weight));
      if (bad !== undefined) throw new NonFiniteError(`weight ${parameter}`, bad);
    }
    const { baseline = 0 } = this.#own;
    if (!Number.isFinite(baseline)) throw new NonFiniteError('baseline', baseline);
  }

  #checkMetrics(metrics: object): void {
    for (const [metric, value] of Object.entries(metrics)) {
      if (typeof value === 'number') continue;
      const found = value === null ? 'null' : `${typeof value === 'object' ? 'an' : 'a'} ${typeof value}`;
      throw new TypeError(
        `the metric ${metric} of algorithm '${this.#name}' is ${found}, but must be a number (of a tensor, its item())`,
      );
    }
  }

  stateDict(options?: StateOptions): LearnerState {
    return this.#own.stateDict?.(options) ?? NOTHING;
  }

  loadStateDict(state: LearnerState): void {
    this.#own.loadStateDict?.(state);
  }

  get baseline(): number | undefined {
    return this.#own.baseline;
  }

  set baseline(value: number | undefined) {
    this.#own.baseline = value;
  }
}
