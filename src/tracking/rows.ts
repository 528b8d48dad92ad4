// What the lines of a run directory's files hold. Readers must not rely on any of it: files may be of another version, or broken.

/** A line of metrics.jsonl: numbers by name; null where a value is missing or not finite. */
export type MetricsRow = Readonly<Record<string, number | null>>;

/** A line of episodes.jsonl: an episode that ended. */
export interface EpisodeRow {
  /** Its number; 1 is the first that ended. */
  readonly episode: number;
  /** Steps of all environments together, when it ended. */
  readonly globalStep: number;
  /** The sum of its rewards as the environment gave them. */
  readonly return: number;
  /** In steps. */
  readonly length: number;
  /** The environment it ran in. */
  readonly envIndex: number;
  /** Since the run began, when it was written down. */
  readonly seconds: number;
}

/**
 * A line of completions.jsonl: a text that a language model wrote. The lists have a number for each of the `tokens` that the model
 * wrote itself, not for those of the prompt or of the environment.
 */
export interface CompletionRow {
  /** The update that learned from it. */
  readonly update: number;
  readonly episode: number;
  readonly prompt: string;
  /** What follows the prompt, without the token that ended it. */
  readonly completion: string;
  /** `eos`, `stop`, `finished` or `length`. */
  readonly finishReason: string;
  readonly return: number;
  readonly tokens: number;
  /** Whether the answer is right, and what it is, where there is one. */
  readonly correct?: boolean | undefined;
  readonly answer?: string | number | null | undefined;
  readonly correctAnswer?: string | number | undefined;
  /** Texts of one group of an update go on from the same prompt. */
  readonly group?: number | undefined;
  /** What the reward said, before and after penalties. */
  readonly rawReward?: number | undefined;
  readonly score?: number | undefined;
  /** The divergence of the whole text from the reference, in nats, and the weight it had. */
  readonly kl?: number | undefined;
  readonly klCoef?: number | undefined;
  readonly completionIds?: readonly number[] | undefined;
  /** What each token adds to the text; joined, they are all that the model wrote, special tokens spelled out. */
  readonly tokenTexts?: readonly string[] | undefined;
  /** Under the policy, when it drew them; in nats. */
  readonly logProbs?: readonly number[] | undefined;
  readonly referenceLogProbs?: readonly number[] | undefined;
  /** Each token's divergence from the reference, as it is estimated in this run. */
  readonly tokenKls?: readonly number[] | undefined;
  readonly tokenRewards?: readonly number[] | undefined;
}

/** The files that grow line by line, by name, and what a line holds. */
export interface RunRows {
  readonly metrics: MetricsRow;
  readonly episodes: EpisodeRow;
  readonly completions: CompletionRow;
}
