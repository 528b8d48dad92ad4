// What goes wrong in training, as errors that say where, what and what to do.

import type { NonFiniteError } from '../rl/index.ts';

/** A checkpoint that cannot be read or does not fit: truncated, foreign, from another network or another version. */
export class CheckpointError extends Error {
  /** The file or directory at fault. */
  readonly path: string;

  constructor(path: string, problem: string, options?: ErrorOptions) {
    super(`${path}: ${problem}`, options);
    this.name = 'CheckpointError';
    this.path = path;
  }
}

/** A loss or the gradients' norm became NaN or infinite. The weights from before that are in `checkpoint`. */
export class TrainingDivergedError extends Error {
  /** What is not finite, such as `policyLoss` or `gradNorm`. */
  readonly metric: string;
  /** The directory of the last good weights. */
  readonly checkpoint: string;

  constructor(cause: NonFiniteError, update: number, checkpoint: string) {
    super(`Training diverged in update ${update}: ${cause.message}. The last good weights are saved in ${checkpoint}`, {
      cause,
    });
    this.name = 'TrainingDivergedError';
    this.metric = cause.metric;
    this.checkpoint = checkpoint;
  }
}
