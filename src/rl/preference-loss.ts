// Losses of learning from preferences: reward models and direct preference optimization.

import { concat, type Tensor } from '../tensor/index.ts';

/** What is added to the score of a candidate that is not there, in {@link preferenceLoss}. */
export const ABSENT = -1e9;

/**
 * The negative log-probability, by a softmax over scores, of the candidate that was found best: `[rows]`. Ziegler et al. 2019,
 * equation 1; with two candidates it is Bradley and Terry's `-log sigmoid(chosen - rejected)`.
 *
 * @param scores `[rows, candidates]`
 * @param best the places of the best, int32 `[rows]`
 * @param offsets `[rows, candidates]`, added to the scores: to those not best, the margin by which the best should exceed them
 *   (Touvron et al. 2023, equation 2), or {@link ABSENT}
 */
export function preferenceLoss(scores: Tensor, best: Tensor, offsets: Tensor): Tensor {
  return scores.add(offsets).crossEntropy(best);
}

/**
 * The squared sum of each row's scores, `[rows]`, of which a small part in the loss keeps rewards around 0. Eisenstein et al. 2023,
 * equation 2, for two candidates.
 *
 * @param offsets as in {@link preferenceLoss}
 */
export function centeringLoss(scores: Tensor, offsets: Tensor): Tensor {
  return offsets
    .greater(ABSENT / 2)
    .where(scores, 0)
    .sum({ axis: 1 })
    .square();
}

/** How {@link dpoLoss} judges. */
export interface DpoLossOptions {
  /** How closely the policy is held to the reference: the more, the closer. For IPO, the paper's tau. Above 0. */
  readonly beta: number;
  /**
   * - `sigmoid`: Rafailov et al. 2023; with label smoothing, Mitchell 2023 (conservative DPO).
   * - `hinge`: Zhao et al. 2023 (SLiC).
   * - `ipo`: Azar et al. 2023, over log-probabilities per token.
   * - `robust`: Chowdhury et al. 2024, unbiased if a share of the labels, `labelSmoothing`, is flipped.
   */
  readonly lossType: 'sigmoid' | 'hinge' | 'ipo' | 'robust';
  /** The share of labels that are taken to be wrong, 0 to 0.5. Of `sigmoid` and `robust`. */
  readonly labelSmoothing: number;
}

/** All `[pairs]`. */
export interface DpoRows {
  /** Log-probability of the chosen completion less that by the reference. */
  readonly chosenLogRatios: Tensor;
  readonly rejectedLogRatios: Tensor;
  /** Tokens of the completions. */
  readonly chosenLengths: Tensor;
  readonly rejectedLengths: Tensor;
}

/** The loss of each pair, `[pairs]`: what TRL's DPOTrainer computes for these names. */
export function dpoLoss(rows: DpoRows, { beta, lossType, labelSmoothing }: DpoLossOptions): Tensor {
  const margin = rows.chosenLogRatios.sub(rows.rejectedLogRatios).mul(beta);
  switch (lossType) {
    case 'hinge':
      return margin.neg().add(1).relu();
    case 'ipo': {
      const chosen = rows.chosenLogRatios.div(rows.chosenLengths);
      const rejected = rows.rejectedLogRatios.div(rows.rejectedLengths);
      return chosen
        .sub(rejected)
        .sub(1 / (2 * beta))
        .square();
    }
    case 'sigmoid':
    case 'robust': {
      const right = logSigmoid(margin).mul(1 - labelSmoothing);
      const wrong = logSigmoid(margin.neg()).mul(labelSmoothing);
      if (lossType === 'sigmoid') return right.add(wrong).neg();
      return right
        .sub(wrong)
        .neg()
        .div(1 - 2 * labelSmoothing);
    }
  }
}

/** Of `[rows]`, for numbers of any size. */
function logSigmoid(x: Tensor): Tensor {
  const pair = x.unsqueeze(1);
  return concat([pair, pair.mul(0)], 1)
    .logSoftmax()
    .slice([null, 0], [null, 1])
    .squeeze(1);
}
