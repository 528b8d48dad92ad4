// Probability distributions over actions, as graphs of tensors: what the loss needs of them.

import type { Tensor } from '../tensor/index.ts';

/** A distribution for each row of a batch. */
export interface Distribution {
  /** The log-probability (or log-density) of each row's action, `[batch]`. */
  logProb(actions: Tensor): Tensor;
  /** The entropy of each row in nats, `[batch]`. */
  entropy(): Tensor;
}

/** One of `n` choices, by unnormalised log-probabilities. */
export class Categorical implements Distribution {
  readonly #logProbs: Tensor;

  /** @param logits `[batch, n]`, float32 */
  constructor(logits: Tensor) {
    this.#logProbs = logits.logSoftmax();
  }

  /** @param actions `[batch]`, int32, in 0 to n - 1 */
  logProb(actions: Tensor): Tensor {
    return this.#logProbs.gather(actions.unsqueeze(-1)).squeeze(-1);
  }

  entropy(): Tensor {
    return this.#logProbs.exp().mul(this.#logProbs).sum({ axis: -1 }).neg();
  }
}

const HALF_LOG_2PI = 0.5 * Math.log(2 * Math.PI);

/** Independent normal distributions for each dimension of an action. */
export class DiagonalGaussian implements Distribution {
  readonly #mean: Tensor;
  readonly #logStd: Tensor;

  /**
   * @param mean `[batch, n]`
   * @param logStd logarithms of the standard deviations, `[n]` or `[batch, n]`
   */
  constructor(mean: Tensor, logStd: Tensor) {
    this.#mean = mean;
    this.#logStd = logStd;
  }

  /** @param actions `[batch, n]` */
  logProb(actions: Tensor): Tensor {
    const z = actions.sub(this.#mean).mul(this.#logStd.neg().exp());
    return z.square().mul(-0.5).sub(this.#logStd).sub(HALF_LOG_2PI).sum({ axis: -1 });
  }

  entropy(): Tensor {
    const batch = this.#mean.shape[0]!;
    const each = this.#logStd.add(0.5 + HALF_LOG_2PI).sum({ axis: -1 });
    return each.rank === 0 ? each.expand([batch]) : each;
  }
}
