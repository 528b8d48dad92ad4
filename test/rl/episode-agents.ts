// Policies and rollouts of episodes, for tests of the algorithms without a critic.

import { Module, Parameter } from '../../src/nn/index.ts';
import {
  type CollectedEpisode,
  type EpisodeSteps,
  type Evaluation,
  type Layout,
  type Policy,
} from '../../src/rl/index.ts';
import { type Tensor, zeros } from '../../src/tensor/index.ts';

/** Whole episodes, one after another, of which only the ends are rewarded; `groupSize` of them in a row make a group. */
export function rolloutOf(
  returns: readonly number[],
  lengths: readonly number[],
  groupSize: number,
  logProbs: ArrayLike<number>,
): EpisodeSteps {
  const rows = logProbs.length;
  const rewards = new Float64Array(rows);
  const terminated = new Uint8Array(rows);
  let firstRow = 0;
  const episodes = lengths.map((length, i): CollectedEpisode => {
    const episode = { length, firstRow, return: returns[i]!, group: Math.floor(i / groupSize) };
    firstRow += length;
    rewards[firstRow - 1] = returns[i]!;
    terminated[firstRow - 1] = 1;
    return { ...episode, envIndex: 0, terminated: true, endedAt: firstRow, seed: 0, info: {} };
  });
  return {
    numEnvs: 1,
    rows,
    logProbs: Float32Array.from(logProbs),
    rewards,
    terminated,
    truncated: new Uint8Array(rows),
    valid: new Uint8Array(rows).fill(1),
    episodes,
  };
}

/**
 * Its parameters are the log-probabilities of the rows themselves, so that gradients are those of the loss. Minibatches are made of
 * rows, or of whole episodes, padded to the longest.
 */
export class TablePolicy extends Module implements Policy<EpisodeSteps> {
  readonly threads = 1;
  readonly logProbs: Parameter;
  readonly #by: 'row' | 'episode';

  constructor(logProbs: readonly number[], by: 'row' | 'episode') {
    super();
    this.logProbs = new Parameter([logProbs.length]);
    this.logProbs.set(logProbs);
    this.#by = by;
  }

  actorParameters(): readonly Parameter[] {
    return [this.logProbs];
  }

  units({ rows, episodes }: EpisodeSteps): Int32Array {
    return Int32Array.from({ length: this.#by === 'row' ? rows : episodes.length }, (_, i) => i);
  }

  layout({ episodes }: EpisodeSteps, units: Int32Array, size: number): Layout {
    const longest = this.#by === 'row' ? 1 : Math.max(...episodes.map(({ length }) => length));
    const rows = new Int32Array(size * longest).fill(-1);
    units.forEach((unit, i) => {
      if (this.#by === 'row') rows[i] = unit;
      else for (let k = 0; k < episodes[unit]!.length; k++) rows[i * longest + k] = episodes[unit]!.firstRow + k;
    });
    return {
      types: [{ shape: [rows.length], dtype: 'int32' }],
      rows,
      fill([ids]) {
        ids!.set(rows.map((row) => Math.max(0, row)));
      },
    };
  }

  evaluateLayout([rows]: readonly Tensor[]): Evaluation {
    return { logProbs: this.logProbs.take(rows!), entropies: zeros(rows!.shape) };
  }

  stateValues(): never {
    throw new Error('there is no critic');
  }
}
