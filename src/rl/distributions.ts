// Probability distributions over actions, as graphs of tensors: what the loss needs of them.

import { stack, type Tensor, zeros } from '../tensor/index.ts';

/** A distribution for each row of a batch. */
export interface Distribution {
  /** The log-probability (or log-density) of each row's action, `[batch]`. */
  logProb(actions: Tensor): Tensor;
  /** The entropy of each row in nats, `[batch]`. */
  entropy(): Tensor;
}

/** One of `n` choices, by unnormalised log-probabilities. More axes between batch and choices make more choices a row, each by itself. */
export class Categorical implements Distribution {
  readonly #logProbs: Tensor;

  /** @param logits `[batch, n]` or `[batch, .., n]`, float32 */
  constructor(logits: Tensor) {
    this.#logProbs = logits.logSoftmax();
  }

  /** @param actions `[batch]` or `[batch, ..]`, int32, in 0 to n - 1 */
  logProb(actions: Tensor): Tensor {
    return this.#logProbs.gather(actions.unsqueeze(-1)).squeeze(-1);
  }

  entropy(): Tensor {
    return this.#logProbs.exp().mul(this.#logProbs).sum({ axis: -1 }).neg();
  }
}

/** Several independent choices, the k-th one of `counts[k]`. */
export class MultiCategorical implements Distribution {
  readonly #choices: readonly Categorical[];

  /** @param logits `[batch, sum of counts]`, float32: those of the first choice, then of the second, and so on */
  constructor(logits: Tensor, counts: ArrayLike<number>) {
    let start = 0;
    this.#choices = Array.from(counts, (count) => new Categorical(logits.slice([0, start], [null, (start += count)])));
  }

  /** @param actions `[batch, choices]`, int32, each from 0 */
  logProb(actions: Tensor): Tensor {
    return total(this.#choices.map((choice, k) => choice.logProb(actions.slice([0, k], [null, k + 1]).squeeze(-1))));
  }

  entropy(): Tensor {
    return total(this.#choices.map((choice) => choice.entropy()));
  }
}

/** Independent coins, by the log-odds that each shows 1. */
export class Bernoulli implements Distribution {
  readonly #coins: Categorical;

  /** @param logits `[batch, n]`, float32 */
  constructor(logits: Tensor) {
    // Log-odds of 1 are logits of (0, 1) with that of 0 held at 0; the softmax of both is safe far out.
    this.#coins = new Categorical(stack([zeros(logits.shape), logits], -1));
  }

  /** @param actions `[batch, n]`, int32, 0 or 1 */
  logProb(actions: Tensor): Tensor {
    return this.#coins.logProb(actions).sum({ axis: -1 });
  }

  entropy(): Tensor {
    return this.#coins.entropy().sum({ axis: -1 });
  }
}

function total(terms: readonly Tensor[]): Tensor {
  return terms.reduce((sum, term) => sum.add(term));
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
