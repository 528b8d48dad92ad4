// What test/fixtures/torch/record_rlhf.py writes.

import type { KlEstimator } from '../../src/env/text/index.ts';

type Rows = readonly number[];

/** Episodes, and what the formulas of TRL's PPO trainer make of them. Rows of an episode follow each other. */
export interface RecordedRlhf {
  readonly config: Readonly<Record<'klCoef' | 'gamma' | 'gaeLambda' | 'epsClip' | 'valueClip' | 'valueCoef', number>>;
  readonly lengths: Rows;
  /** Of each episode. */
  readonly scores: Rows;
  readonly oldLogProbs: Rows;
  readonly referenceLogProbs: Rows;
  readonly oldValues: Rows;
  /** Of the policy when it learns. */
  readonly logProbs: Rows;
  readonly values: Rows;
  readonly cases: readonly (Readonly<
    Record<
      'kl' | 'rewards' | 'whitenedRewards' | 'advantages' | 'returns' | 'logProbGradients' | 'valueGradients',
      Rows
    > &
      Record<
        | 'policyLoss'
        | 'valueLoss'
        | 'clipFraction'
        | 'valueClipFraction'
        | 'ratio'
        | 'objectiveKl'
        | 'nonScoreReward'
        | 'rlhfReward'
        | 'sequenceEntropy',
        number
      >
  > & { readonly klEstimator: KlEstimator; readonly whitenRewards: boolean })[];
  readonly controller: {
    readonly initial: number;
    readonly target: number;
    readonly horizon: number;
    readonly updates: readonly { readonly kl: number; readonly episodes: number; readonly coef: number }[];
  };
}
