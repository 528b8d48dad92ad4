// Several RLHF environments as one: the reference reads all texts in one pass a step, and texts that end together are scored together.

import { EnvError } from '../../errors.ts';
import { type SyncVectorEnvOptions, SyncVectorEnv } from '../../vector/sync-vector-env.ts';
import type { BatchReward, RatedText, Ratings } from './reward-source.ts';
import { RLHFEnv, type RLHFEnvOptions, rewarderOf } from './rlhf-env.ts';
import { ReferenceSlots } from './reference-slots.ts';

/** Options of {@link RLHFVectorEnv}. */
export interface RLHFVectorEnvOptions extends RLHFEnvOptions, Pick<SyncVectorEnvOptions, 'autoresetMode'> {
  /** Texts side by side. Default 1. */
  readonly numEnvs?: number | undefined;
}

/**
 * {@link RLHFEnv} many times, with one reference, one reward and one coefficient. `makeVec('RLHFEnv-v0', ...)` makes it.
 *
 * Rewards are those of single environments. Where the policy is observed, they cost one decoding step of the reference for all.
 */
export class RLHFVectorEnv extends SyncVectorEnv<RLHFEnv> {
  constructor({ numEnvs = 1, autoresetMode, ...options }: RLHFVectorEnvOptions) {
    const rewarder = rewarderOf(options, gathered);
    const slots = new ReferenceSlots(rewarder.reference, numEnvs);
    const make = Array.from({ length: numEnvs }, (_, slot) => () => new RLHFEnv(options, { rewarder, slots, slot }));
    super(make, autoresetMode === undefined ? {} : { autoresetMode });
  }

  /** Tells the policy's log-probabilities of the tokens that the next step takes: {@link RLHFEnv.observePolicy} for all. */
  observePolicy(logProbs: ArrayLike<number>): void {
    if (logProbs.length !== this.numEnvs) {
      throw new EnvError(`observePolicy: ${logProbs.length} log-probabilities for ${this.numEnvs} environments`);
    }
    this.envs.forEach((env, i) => {
      // In mode next-step, an environment whose episode has ended takes no token, but resets itself.
      if (!env.ended) env.observePolicy(logProbs[i]!);
    });
  }
}

/** A reward that is asked once for all that is asked of it at a time. */
function gathered(reward: BatchReward): BatchReward {
  let waiting: { readonly texts: RatedText[]; readonly ratings: Promise<Ratings> } | undefined;
  return {
    ...reward,
    async rate(texts) {
      if (waiting === undefined) {
        const all: RatedText[] = [];
        const ratings = new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
          waiting = undefined;
          return reward.rate(all);
        });
        waiting = { texts: all, ratings };
      }
      const { texts: all, ratings } = waiting;
      const first = all.push(...texts) - texts.length;
      const { values, failed } = await ratings;
      return { values: values.slice(first, first + texts.length), failed };
    },
  };
}
