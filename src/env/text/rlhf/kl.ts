// How far a policy has moved from a reference, and how much that costs it.

import { EnvError } from '../../errors.ts';

/**
 * How the divergence at one token is estimated from the log-probabilities p of the policy, which drew it, and q of the reference:
 *
 * - `k1` p - q: unbiased, but often negative;
 * - `k2` (p - q)^2 / 2: never negative, biased, little noise;
 * - `k3` exp(q - p) - 1 - (q - p): never negative and unbiased.
 *
 * Source: Schulman 2020, joschu.net/blog/kl-approx.html.
 */
export type KlEstimator = 'k1' | 'k2' | 'k3';

/** An estimator by its name: of the log-probabilities of a token, in nats, by the policy that drew it and by the reference. */
export const klEstimators: Readonly<Record<KlEstimator, (logProb: number, referenceLogProb: number) => number>> = {
  k1: (p, q) => p - q,
  k2: (p, q) => 0.5 * (p - q) ** 2,
  k3: (p, q) => Math.expm1(q - p) - (q - p),
};

/** A weight of the divergence that adapts itself. */
export interface AdaptiveKl {
  /** The weight at first. */
  readonly initial: number;
  /** The divergence of a whole text, in nats, that is aimed at. */
  readonly target: number;
  /** Texts in which the weight may change by about a fifth. */
  readonly horizon: number;
}

/** The weight of the divergence in the reward: fixed, or adapted to hold a target. */
export class KlController {
  readonly #adaptive: Omit<AdaptiveKl, 'initial'> | null;
  #coef: number;

  /**
   * @param setting a number, which stays; or a weight that adapts, as in Ziegler et al. 2019, arXiv 1909.08593, section 2.2
   * @throws EnvError for numbers that cannot be
   */
  constructor(setting: number | AdaptiveKl) {
    const { initial, ...adaptive } = typeof setting === 'number' ? { initial: setting } : setting;
    if (!(initial >= 0 && initial < Infinity)) {
      throw new EnvError(`klCoef is ${initial}, but must be a number of 0 or more`);
    }
    this.#coef = initial;
    this.#adaptive = 'target' in adaptive ? adaptive : null;
    if (typeof setting === 'number') return;
    if (initial === 0) throw new EnvError('klCoef.initial is 0, which never grows: begin above it');
    for (const name of ['target', 'horizon'] as const) {
      const value = setting[name];
      if (!(value > 0 && value < Infinity)) throw new EnvError(`klCoef.${name} is ${value}, but must be above 0`);
    }
  }

  /** The weight now. */
  get coef(): number {
    return this.#coef;
  }

  /** What is aimed at; null for a fixed weight. */
  get target(): number | null {
    return this.#adaptive?.target ?? null;
  }

  /**
   * Adapts the weight: `coef *= 1 + clip(kl / target - 1, -0.2, 0.2) * episodes / horizon`.
   *
   * @param kl the mean divergence of the texts
   * @param episodes how many they are
   */
  update(kl: number, episodes: number): void {
    // What is no number would stay in it for ever.
    if (this.#adaptive === null || Number.isNaN(kl)) return;
    const { target, horizon } = this.#adaptive;
    const error = Math.min(0.2, Math.max(-0.2, kl / target - 1));
    // A batch of more than five horizons must not turn the sign.
    this.#coef *= Math.max(0, 1 + (error * episodes) / horizon);
  }

  /** What a run that goes on needs. */
  get state(): { readonly coef: number } {
    return { coef: this.#coef };
  }

  set state({ coef }: { readonly coef: number }) {
    this.#coef = coef;
  }
}
