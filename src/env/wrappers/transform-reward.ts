import type { Env } from '../env.ts';
import { InvalidBound } from '../errors.ts';
import { RewardWrapper } from '../wrapper.ts';

/** Options of {@link TransformReward}. */
export interface TransformRewardOptions {
  readonly func: (reward: number) => number;
}

/** Applies a function to every reward. */
export class TransformReward<E extends Env = Env> extends RewardWrapper<E> {
  readonly #func: (reward: number) => number;

  constructor(env: E, options: TransformRewardOptions) {
    super(env, options);
    this.#func = options.func;
  }

  override reward(reward: number): number {
    return this.#func(reward);
  }
}

/** Options of {@link ClipReward}; at least one of them. */
export interface ClipRewardOptions {
  /** Default: no lower bound. */
  readonly minReward?: number;
  /** Default: no upper bound. */
  readonly maxReward?: number;
}

/** Keeps rewards between two bounds. */
export class ClipReward<E extends Env = Env> extends RewardWrapper<E> {
  readonly #min: number;
  readonly #max: number;

  constructor(env: E, options: ClipRewardOptions) {
    super(env, options);
    const { minReward, maxReward } = options;
    if (minReward === undefined && maxReward === undefined) {
      throw new InvalidBound('ClipReward needs minReward, maxReward, or both');
    }
    this.#min = minReward ?? Number.NEGATIVE_INFINITY;
    this.#max = maxReward ?? Number.POSITIVE_INFINITY;
    if (this.#min > this.#max) {
      throw new InvalidBound(`ClipReward: minReward ${minReward} must not be greater than maxReward ${maxReward}`);
    }
  }

  override reward(reward: number): number {
    return Math.min(Math.max(reward, this.#min), this.#max);
  }
}
