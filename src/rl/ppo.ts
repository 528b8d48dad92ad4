// Proximal policy optimisation. Sources: Schulman et al. 2017, arXiv 1707.06347; the details and their names follow
// Huang et al. 2022, "The 37 Implementation Details of Proximal Policy Optimization", and its reference code, CleanRL.

import type { StateOptions } from '../nn/index.ts';
import type { Generator } from '../random/index.ts';
import { giveTurn, turnIsDue } from '../runtime/event-loop.ts';
import { gae } from './gae.ts';
import { batchSizeFor } from './minibatches.ts';
import type { Policy, StateValues, Steps } from './policy.ts';
import type { Rollout } from './rollout.ts';
import { type LearnerState, SurrogateOptimizer } from './surrogate.ts';
import { explainedVariance, type MinibatchMeans, type NonFinitePolicy, UpdateTotals } from './update-totals.ts';

/** All of it optional. Defaults are CleanRL's unless another source is named. */
export interface PPOConfig {
  /** Learning rate of the actor (and of what it shares with the critic). Default 2.5e-4. */
  readonly lrActor?: number | undefined;
  /** Learning rate of the critic. Default: that of the actor. */
  readonly lrCritic?: number | undefined;
  /** 'linear' lets learning rates fall to 0 over the run (detail 4). Default 'constant'. */
  readonly lrSchedule?: 'constant' | 'linear' | undefined;
  /** Discount, 0 to 1. Default 0.99. */
  readonly gamma?: number | undefined;
  /** Lambda of generalised advantage estimation, 0 to 1 (detail 5). Default 0.95. */
  readonly gaeLambda?: number | undefined;
  /** Steps in each environment between updates. Default 2048 divided by the number of environments. */
  readonly rolloutSteps?: number | undefined;
  /** Passes over each rollout (detail 6). Default 10, as in the paper. */
  readonly updateEpochs?: number | undefined;
  /** Steps in a minibatch; -1 takes the whole rollout. Default 64, as in the paper. */
  readonly minibatchSize?: number | undefined;
  /** How far the probability ratio may move (detail 8). Default 0.2. */
  readonly epsClip?: number | undefined;
  /** 'linear' lets `epsClip` fall to 0 over the run. Default 'constant'. */
  readonly epsClipSchedule?: 'constant' | 'linear' | undefined;
  /** Normalise advantages to mean 0 and deviation 1 in each minibatch (detail 7). Default true. */
  readonly normalizeAdvantages?: boolean | undefined;
  /** How far a value may move from what it was, as `epsClip` for the critic (detail 9); null for no limit. Default null. */
  readonly valueClip?: number | null | undefined;
  /** Weight of the value loss `0.5 mean (V - return)^2`. Default 0.5. */
  readonly valueCoef?: number | undefined;
  /** Weight of the entropy bonus (detail 10). Default 0.01. */
  readonly entropyCoef?: number | undefined;
  /** The global norm that gradients are scaled down to (detail 11); null for no limit. Default 0.5. */
  readonly maxGradNorm?: number | null | undefined;
  /** Leave the remaining epochs out once `approxKl` of an epoch is above this; null for never. Default null. */
  readonly targetKl?: number | null | undefined;
  /** Adam's epsilon (detail 3). Default 1e-5. */
  readonly adamEpsilon?: number | undefined;
  /**
   * What to do with numbers that are not finite. `skip` leaves out steps with such rewards or observations, and the episode counts as cut
   * off before them (a text is left out as a whole); and minibatches with such losses or gradients. Default `stop`.
   */
  readonly onNonFinite?: NonFinitePolicy | undefined;
}

/** A config with every field decided. */
export type ResolvedPPOConfig = { readonly [K in keyof PPOConfig]-?: Exclude<PPOConfig[K], undefined> };

/** What an update did, under the names CleanRL logs. */
export interface PPOMetrics extends MinibatchMeans {
  /**
   * Steps whose rewards or observations are not finite, which were not learned from, nor were the texts that they are in, where
   * `onNonFinite` is `skip`; 0 otherwise.
   */
  readonly skippedRows: number;
  /** How much of the variance of the returns the critic had foreseen: 1 all, 0 or less none; NaN if all returns are equal. */
  readonly explainedVariance: number;
  /** Of the actor. */
  readonly learningRate: number;
  readonly epsClip: number;
  /** Epochs that were run. */
  readonly epochs: number;
}

/**
 * Checks a config and fills in what it leaves open.
 *
 * @throws TypeError for a field that there is not
 * @throws RangeError for a value that cannot be, which says what can
 */
export function resolvePPOConfig(config: PPOConfig, numEnvs: number): ResolvedPPOConfig {
  const resolved: ResolvedPPOConfig = {
    lrActor: config.lrActor ?? 2.5e-4,
    lrCritic: config.lrCritic ?? config.lrActor ?? 2.5e-4,
    lrSchedule: config.lrSchedule ?? 'constant',
    gamma: config.gamma ?? 0.99,
    gaeLambda: config.gaeLambda ?? 0.95,
    rolloutSteps: config.rolloutSteps ?? Math.max(1, Math.floor(2048 / numEnvs)),
    updateEpochs: config.updateEpochs ?? 10,
    minibatchSize: config.minibatchSize ?? 64,
    epsClip: config.epsClip ?? 0.2,
    epsClipSchedule: config.epsClipSchedule ?? 'constant',
    normalizeAdvantages: config.normalizeAdvantages ?? true,
    valueClip: config.valueClip ?? null,
    valueCoef: config.valueCoef ?? 0.5,
    entropyCoef: config.entropyCoef ?? 0.01,
    maxGradNorm: config.maxGradNorm === undefined ? 0.5 : config.maxGradNorm,
    targetKl: config.targetKl ?? null,
    adamEpsilon: config.adamEpsilon ?? 1e-5,
    onNonFinite: config.onNonFinite ?? 'stop',
  };
  const unknown = Object.keys(config).filter((key) => !(key in resolved));
  if (unknown.length > 0) {
    throw new TypeError(`PPOConfig has no field ${unknown.join(', ')}; it has ${Object.keys(resolved).join(', ')}`);
  }
  for (const key of Object.keys(allowed) as (keyof ResolvedPPOConfig)[]) {
    const [test, expected] = allowed[key];
    const value = resolved[key];
    if (test(value)) continue;
    const shown = typeof value === 'string' ? `'${value}'` : String(value);
    throw new RangeError(`PPOConfig.${key} is ${shown}, but must be ${expected}`);
  }
  return resolved;
}

type Rule = readonly [test: (value: unknown) => boolean, expected: string];

const finite = (value: unknown): value is number => Number.isFinite(value);
const notNegative: Rule = [(x) => finite(x) && x >= 0, 'a number of 0 or more'];
const positive: Rule = [(x) => finite(x) && x > 0, 'a number above 0'];
const positiveOrNull: Rule = [(x) => x === null || (finite(x) && x > 0), 'a number above 0, or null for none'];
const fraction: Rule = [(x) => finite(x) && x >= 0 && x <= 1, 'a number from 0 to 1'];
const counting: Rule = [(x) => Number.isInteger(x) && (x as number) >= 1, 'a whole number of 1 or more'];
const schedule: Rule = [(x) => x === 'constant' || x === 'linear', "'constant' or 'linear'"];

const allowed: Readonly<Record<keyof ResolvedPPOConfig, Rule>> = {
  lrActor: notNegative,
  lrCritic: notNegative,
  lrSchedule: schedule,
  gamma: fraction,
  gaeLambda: fraction,
  rolloutSteps: counting,
  updateEpochs: counting,
  minibatchSize: [(x) => x === -1 || counting[0](x), 'a whole number of 1 or more, or -1 for the whole rollout'],
  epsClip: positive,
  epsClipSchedule: schedule,
  normalizeAdvantages: [(x) => typeof x === 'boolean', 'true or false'],
  valueClip: positiveOrNull,
  valueCoef: notNegative,
  entropyCoef: [finite, 'a number'],
  maxGradNorm: positiveOrNull,
  targetKl: positiveOrNull,
  adamEpsilon: positive,
  onNonFinite: [(x) => x === 'stop' || x === 'skip', "'stop' or 'skip'"],
};

/** The algorithm: give it rollouts, and it improves the policy. */
export class PPO<R extends Steps = Rollout> {
  readonly policy: Policy<R>;
  readonly config: ResolvedPPOConfig;
  readonly #generator: Generator;
  readonly #optimizer: SurrogateOptimizer<R>;

  /** @param generator the stream that minibatches are shuffled with */
  constructor(policy: Policy<R>, config: ResolvedPPOConfig, { generator }: { readonly generator: Generator }) {
    this.policy = policy;
    this.config = config;
    this.#generator = generator;
    this.#optimizer = new SurrogateOptimizer(policy, { ...config, klCoef: 0 });
  }

  /**
   * Improves the policy with a rollout that it has just made.
   *
   * @throws NonFiniteError if a loss or the gradients' norm is not finite and not to be skipped; the weights are still good then.
   */
  async update(
    rollout: R,
    {
      progress = 0,
      signal,
    }: {
      /** How much of the run is over, 0 to 1, for schedules. Default 0. */
      readonly progress?: number;
      /** Gives the update up, in the middle: its reason is thrown, and the weights are those of half an update. */
      readonly signal?: AbortSignal | undefined;
    } = {},
  ): Promise<PPOMetrics> {
    const { config, policy } = this;
    const { values, nextValues } = await policy.stateValues(rollout, signal);
    const valid = config.onNonFinite === 'skip' ? finiteRows(rollout, { values, nextValues }) : rollout.valid;
    const steps = { ...rollout, valid };
    const ended = endings(steps);
    const { advantages, returns } = gae({ ...rollout, values, nextValues, ended }, config.gamma, config.gaeLambda);
    const targets = { oldLogProbs: rollout.logProbs, advantages, returns, oldValues: values };
    const left = Math.max(0, 1 - progress);
    const lrFactor = config.lrSchedule === 'linear' ? left : 1;
    const epsClip = config.epsClip * (config.epsClipSchedule === 'linear' ? left : 1);
    const options = { epsLow: epsClip, epsHigh: epsClip, normalizeAdvantages: config.normalizeAdvantages };
    this.#optimizer.scaleLearningRates(lrFactor);

    const totals = new UpdateTotals();
    // Where nothing is left, minibatches of it all are skipped, and the count of those ends the run in the end.
    const good = policy.units(steps);
    const units = good.length > 0 ? good : policy.units(rollout);
    const size = batchSizeFor(config.minibatchSize, units.length);
    let epochs = 0;
    while (epochs < config.updateEpochs) {
      this.#generator.shuffle(units);
      for (let first = 0; first < units.length; first += size.taken) {
        const layout = policy.layout(rollout, units.subarray(first, first + size.taken), size.filled);
        await this.#optimizer.step(layout, targets, options, totals, signal);
        if (turnIsDue()) await giveTurn();
        signal?.throwIfAborted();
      }
      epochs++;
      if (config.targetKl !== null && totals.takeEpochKl() > config.targetKl) break;
    }
    return {
      ...totals.means(),
      skippedRows: count(rollout.valid) - count(valid),
      explainedVariance: explainedVariance(values, returns, valid),
      learningRate: config.lrActor * lrFactor,
      epsClip,
      epochs,
    };
  }

  /** The optimizer's moments and counters, for checkpoints. */
  stateDict(options?: StateOptions): LearnerState {
    return this.#optimizer.stateDict(options);
  }

  loadStateDict(state: LearnerState): void {
    this.#optimizer.loadStateDict(state);
  }
}

/**
 * Where nothing may flow back: an episode's end; before a row that is not learned from, of which the value stands in for what is left out;
 * and from such a row, on which an environment only reset itself, or gave numbers that are none.
 */
function endings({ numEnvs, rows, terminated, truncated, valid }: Steps): Uint8Array {
  const ended = new Uint8Array(rows);
  for (let row = 0; row < rows; row++) {
    ended[row] = terminated[row] || truncated[row] || valid[row] === 0 || valid[row + numEnvs] === 0 ? 1 : 0;
  }
  return ended;
}

/** The rows of `valid` of which all is finite that can be known before the update, in float32. */
function finiteRows({ rows, rewards, logProbs, valid }: Steps, { values, nextValues }: StateValues): Uint8Array {
  const finite = new Uint8Array(rows);
  for (let row = 0; row < rows; row++) {
    const sum = Math.fround(rewards[row]!) + nextValues[row]! + values[row]! + logProbs[row]!;
    finite[row] = valid[row] && Number.isFinite(sum) ? 1 : 0;
  }
  return finite;
}

function count(flags: Uint8Array): number {
  return flags.reduce((sum, flag) => sum + flag, 0);
}
