// What test/fixtures/torch/record_grpo.py writes.

/** Episodes, and what TRL's losses make of them. */
export interface RecordedLosses<Config> {
  readonly rewards: readonly number[];
  readonly lengths: readonly number[];
  /** Of each row. */
  readonly logProbs: readonly number[];
  readonly oldLogProbs: readonly number[];
  readonly referenceLogProbs: readonly number[];
  readonly losses: readonly {
    readonly name: string;
    readonly config: Config;
    readonly onPolicy: boolean;
    readonly loss: number;
    readonly advantages: readonly number[];
    readonly gradients: readonly number[];
  }[];
}
