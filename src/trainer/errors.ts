// What goes wrong in training, as errors that say where, what and what to do.

import { NonFiniteError } from '../rl/index.ts';

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

/** A checkpoint of a run that was told otherwise. */
export class OtherRunError extends CheckpointError {
  /** What differs, as `<name> was <value> and is <value>`. */
  readonly changes: readonly string[];

  constructor(path: string, changes: readonly string[]) {
    super(path, `it is of another run: ${changes.join(', ')}. Go on with what it was trained with`);
    this.changes = changes;
  }
}

/** What could be saved of a run that failed. */
export interface Rescue {
  /** The directory of the last good weights; '' if none could be saved. */
  readonly checkpoint: string;
  /** How to go on from it. */
  readonly goOn: string;
  /** Why the weights of this moment could not be saved, if so. */
  readonly lost?: unknown;
}

/** A loss or the gradients' norm became NaN or infinite. The weights from before that are in `checkpoint`. */
export class TrainingDivergedError extends Error {
  /** What is not finite, such as `policyLoss` or `gradNorm`. */
  readonly metric: string;
  /** The directory of the last good weights. */
  readonly checkpoint: string;

  constructor(cause: Error & { readonly metric: string }, update: number, rescue: Rescue) {
    super(`Training diverged in update ${update}: ${cause.message}. ${describe(rescue)}`, { cause });
    this.name = 'TrainingDivergedError';
    this.metric = cause.metric;
    this.checkpoint = rescue.checkpoint;
  }
}

/**
 * Something that training needs has failed: an environment, a reward function, a callback, the disk. Its error is the `cause`. The
 * weights learned until then are in `checkpoint`.
 */
export class TrainingFailedError extends Error {
  /** The directory of the last good weights; '' if none could be saved. */
  readonly checkpoint: string;

  constructor(cause: unknown, update: number, rescue: Rescue) {
    const message = cause instanceof Error ? cause.message : String(cause);
    super(`Training failed in update ${update}: ${message.replace(/\.$/, '')}. ${describe(rescue)}`, { cause });
    this.name = 'TrainingFailedError';
    this.checkpoint = rescue.checkpoint;
  }
}

/** What a run throws for an error in the middle of it. @param update the one that was under way; 1 is the first */
export function trainingError(error: unknown, update: number, rescue: Rescue): Error {
  return error instanceof NonFiniteError
    ? new TrainingDivergedError(error, update, rescue)
    : new TrainingFailedError(error, update, rescue);
}

function describe({ checkpoint, goOn, lost }: Rescue): string {
  if (lost === undefined && checkpoint === '') return 'This run saves nothing';
  if (lost === undefined) return `The last good weights are saved in ${checkpoint}. ${goOn}`;
  const why = `The weights could not be saved (${lost instanceof Error ? lost.message : String(lost)})`;
  return checkpoint === ''
    ? `${why}, and there is no earlier checkpoint`
    : `${why}; ${checkpoint} is the last checkpoint. ${goOn}`;
}
