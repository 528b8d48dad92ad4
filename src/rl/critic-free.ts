// What algorithms without a critic share: one advantage for each episode, known before the update begins.

import type { StateOptions } from '../nn/index.ts';
import type { Generator } from '../random/index.ts';
import type { CollectedEpisode, EpisodeSteps } from './episodes.ts';
import { giveTurn, turnIsDue } from '../runtime/event-loop.ts';
import { batchSizeFor } from './minibatches.ts';
import type { Policy } from './policy.ts';
import { type LearnerState, type RowTargets, SurrogateOptimizer } from './surrogate.ts';
import { checkNonFinitePolicy, type MinibatchMeans, type NonFinitePolicy, UpdateTotals } from './update-totals.ts';

/** Settings of every critic-free algorithm; each algorithm's page says its defaults. */
export interface CriticFreeConfig {
  readonly learningRate?: number | undefined;
  /** 'linear' lets the learning rate fall to 0 over the run. Default 'constant'. */
  readonly lrSchedule?: 'constant' | 'linear' | undefined;
  /** Passes over each rollout. Default 1. */
  readonly updateEpochs?: number | undefined;
  /** Units of a minibatch (whole episodes, for token policies); -1 takes the whole rollout. Default -1. */
  readonly minibatchSize?: number | undefined;
  /** How far a probability ratio may fall. Default 0.2. */
  readonly epsClip?: number | undefined;
  /** How far it may rise, if farther ("clip higher", Yu et al. 2025, arXiv 2503.14476). Default: `epsClip`. */
  readonly epsClipHigh?: number | undefined;
  /** Weight of the entropy bonus, which is summed or averaged over rows as the rest of the loss is. Default 0. */
  readonly entropyCoef?: number | undefined;
  /** The global norm that gradients are scaled down to; null for no limit. Default 1. */
  readonly maxGradNorm?: number | null | undefined;
  /** Weight of the divergence from the reference policy (k3) in the loss. Default 0. */
  readonly klCoef?: number | undefined;
  /** Default 1e-8. */
  readonly adamEpsilon?: number | undefined;
  /** What to do with a minibatch whose loss or gradients are not finite. Default `stop`. */
  readonly onNonFinite?: NonFinitePolicy | undefined;
}

/** What an update did. */
export interface CriticFreeMetrics extends Omit<MinibatchMeans, 'valueLoss' | 'valueClipFraction'> {
  /** Mean return of the episodes. */
  readonly meanReturn: number;
  /** Mean of the advantages' absolute values: 0 when every group agrees, and then nothing is learned. */
  readonly meanAbsAdvantage: number;
  /** The share of groups whose returns are all equal. */
  readonly equalGroups: number;
  readonly learningRate: number;
}

/** How an algorithm weighs a rollout: an advantage for each row, and its weight in the loss (default: all rows alike). */
export interface RowWeighting {
  readonly advantages: Float32Array;
  readonly weights?: Float32Array | undefined;
  /** What each row adds to the number that a minibatch's weighted sum is divided by. Default: its weight, which gives a mean. */
  readonly divisors?: Float32Array | undefined;
}

/**
 * Base of the algorithms without a critic: clipped gradient steps on rollouts of whole episodes. An algorithm of your own says by `weigh`
 * what each step was worth.
 */
export abstract class CriticFree<R extends EpisodeSteps> {
  readonly policy: Policy<R>;
  readonly config: CriticFreeConfig;
  readonly #learningRate: number;
  readonly #generator: Generator;
  readonly #optimizer: SurrogateOptimizer<R>;

  /** @param generator the stream that minibatches are shuffled with */
  constructor(
    policy: Policy<R>,
    config: CriticFreeConfig & { readonly learningRate: number },
    { generator }: { readonly generator: Generator },
  ) {
    this.policy = policy;
    this.config = config;
    this.#generator = generator;
    this.#learningRate = config.learningRate;
    if (!(config.learningRate >= 0))
      throw new RangeError(`learningRate is ${config.learningRate}, but must be 0 or more`);
    const { entropyCoef = 0, klCoef = 0, maxGradNorm = 1, adamEpsilon = 1e-8, onNonFinite = 'stop' } = config;
    checkNonFinitePolicy(onNonFinite);
    this.#optimizer = new SurrogateOptimizer(policy, {
      lrActor: config.learningRate,
      lrCritic: config.learningRate,
      valueCoef: 0,
      valueClip: null,
      entropyCoef,
      klCoef,
      maxGradNorm,
      adamEpsilon,
      onNonFinite,
    });
  }

  /** The advantage and weight of each row. */
  protected abstract weigh(rollout: R): RowWeighting;

  /**
   * Improves the policy with episodes that it has just played.
   *
   * @throws NonFiniteError if a loss or the gradients' norm is not finite and not to be skipped; the weights are still good then.
   */
  async update(
    rollout: R,
    {
      progress = 0,
      referenceLogProbs,
      signal,
    }: {
      /** How much of the run is over, 0 to 1, for schedules. Default 0. */
      readonly progress?: number;
      /** Of the rows, by the reference policy; needed if `klCoef` is not 0. */
      readonly referenceLogProbs?: Float32Array | undefined;
      /** Gives the update up, in the middle: its reason is thrown, and the weights are those of half an update. */
      readonly signal?: AbortSignal | undefined;
    } = {},
  ): Promise<CriticFreeMetrics> {
    const { config, policy } = this;
    const { updateEpochs = 1, minibatchSize = -1, epsClip = 0.2, epsClipHigh = epsClip, lrSchedule } = config;
    if (config.klCoef && referenceLogProbs === undefined) {
      throw new Error('klCoef is set, but update was given no referenceLogProbs: who should the policy stay close to?');
    }
    const weighting = this.weigh(rollout);
    const targets: RowTargets = { oldLogProbs: rollout.logProbs, referenceLogProbs, ...weighting };
    const options = { epsLow: epsClip, epsHigh: epsClipHigh, normalizeAdvantages: false };
    const lrFactor = lrSchedule === 'linear' ? Math.max(0, 1 - progress) : 1;
    this.#optimizer.scaleLearningRates(lrFactor);
    const totals = new UpdateTotals();
    const units = policy.units(rollout);
    const size = batchSizeFor(minibatchSize, units.length);
    for (let epoch = 0; epoch < updateEpochs; epoch++) {
      this.#generator.shuffle(units);
      for (let first = 0; first < units.length; first += size.taken) {
        const chosen = units.subarray(first, first + size.taken);
        const layout = policy.layout(rollout, chosen, size.filled);
        await this.#optimizer.step(layout, targets, options, totals, signal);
        if (turnIsDue()) await giveTurn();
        signal?.throwIfAborted();
      }
    }
    const { valueLoss: _valueLoss, valueClipFraction: _valueClipFraction, ...means } = totals.means();
    const groups = groupsOf(rollout.episodes);
    return {
      ...means,
      meanReturn: mean(rollout.episodes.map((episode) => episode.return)),
      meanAbsAdvantage: mean(Array.from(weighting.advantages, Math.abs)),
      equalGroups: mean(groups.map((group) => (group.every((e) => e.return === group[0]!.return) ? 1 : 0))),
      learningRate: this.#learningRate * lrFactor,
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

/** Episodes that began alike, together. */
function groupsOf(episodes: readonly CollectedEpisode[]): CollectedEpisode[][] {
  const groups = new Map<number, CollectedEpisode[]>();
  for (const episode of episodes) {
    const group = groups.get(episode.group);
    if (group === undefined) groups.set(episode.group, [episode]);
    else group.push(episode);
  }
  return [...groups.values()];
}

/** {@link groupsOf}, for algorithms that compare within groups. @throws RangeError if there is nothing to compare with */
export function groupsToCompare(algorithm: string, episodes: readonly CollectedEpisode[]): CollectedEpisode[][] {
  const groups = groupsOf(episodes);
  if (groups.some(({ length }) => length < 2)) {
    throw new RangeError(`${algorithm} compares episodes of a group: collect with a groupSize of 2 or more`);
  }
  return groups;
}

/** Gives every row of an episode the same number. */
export function spread(
  rows: number,
  episodes: readonly CollectedEpisode[],
  of: (episode: CollectedEpisode) => number,
): Float32Array {
  const spreadOut = new Float32Array(rows);
  for (const episode of episodes) {
    spreadOut.fill(of(episode), episode.firstRow, episode.firstRow + episode.length);
  }
  return spreadOut;
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
