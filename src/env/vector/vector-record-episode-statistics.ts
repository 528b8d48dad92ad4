import type { Info } from '../env.ts';
import { EnvError } from '../errors.ts';
import {
  type EpisodeStatisticsState,
  keepLatest,
  type RecordEpisodeStatisticsOptions,
  refill,
  roundedSeconds,
} from '../wrappers/record-episode-statistics.ts';
import {
  type ActionsOf,
  checkMask,
  type ObservationsOf,
  type VectorAnswer,
  type VectorEnv,
  type VectorResetOptions,
  type VectorResetResult,
  type VectorStepResult,
} from './vector-env.ts';
import { VectorWrapper } from './vector-wrapper.ts';

/**
 * Puts the statistics of episodes that have just ended into `infos.episode`: `r` returns, `l` lengths in steps, `t` durations in
 * seconds, each a Float64Array with 0 where no episode ended; `infos._episode` marks those that did.
 *
 * In autoreset mode `same-step` the first step of a new episode counts (Gymnasium 1.3 leaves it out).
 */
export class VectorRecordEpisodeStatistics<V extends VectorEnv = VectorEnv> extends VectorWrapper<V> {
  /** Returns of the latest episodes, oldest first. */
  readonly returnQueue: number[] = [];
  /** Lengths of the latest episodes, in steps. */
  readonly lengthQueue: number[] = [];
  /** Durations of the latest episodes, in seconds. */
  readonly timeQueue: number[] = [];
  readonly #bufferLength: number;
  readonly #statsKey: string;
  readonly #returns: Float64Array;
  readonly #lengths: Float64Array;
  readonly #starts: Float64Array;
  /** Marks sub-environments whose next step is a reset, or for other reasons begins anew. */
  readonly #ended: Uint8Array;
  #episodeCount = 0;

  constructor(env: V, options: RecordEpisodeStatisticsOptions = {}) {
    super(env);
    this.#bufferLength = options.bufferLength ?? 100;
    this.#statsKey = options.statsKey ?? 'episode';
    this.#returns = new Float64Array(env.numEnvs);
    this.#lengths = new Float64Array(env.numEnvs);
    this.#starts = new Float64Array(env.numEnvs);
    this.#ended = new Uint8Array(env.numEnvs);
  }

  /** How many episodes have ended. */
  get episodeCount(): number {
    return this.#episodeCount;
  }

  override reset(options?: VectorResetOptions): VectorAnswer<V, VectorResetResult<ObservationsOf<V>>> {
    const mask = options?.options?.resetMask;
    if (mask !== undefined) checkMask(mask, this.numEnvs);
    const begin = (result: VectorResetResult<unknown>): VectorResetResult<unknown> => {
      for (let i = 0; i < this.numEnvs; i++) if (mask === undefined || mask[i]) this.#begin(i);
      return result;
    };
    const result = this.env.reset(options);
    const answer = Array.isArray(result) ? begin(result) : result.then(begin);
    return answer as VectorAnswer<V, VectorResetResult<ObservationsOf<V>>>;
  }

  override step(actions: ActionsOf<V>): VectorAnswer<V, VectorStepResult<ObservationsOf<V>>> {
    const result = this.env.step(actions);
    const answer = Array.isArray(result) ? this.#add(result) : result.then((later) => this.#add(later));
    return answer as VectorAnswer<V, VectorStepResult<ObservationsOf<V>>>;
  }

  /** But for the time: seconds count on from when the state is loaded. */
  protected override saveOwnState(): EpisodeStatisticsState & { readonly ended: readonly number[] } {
    const { returnQueue, lengthQueue, timeQueue } = this;
    const now = performance.now();
    return {
      queues: [[...returnQueue], [...lengthQueue], [...timeQueue]],
      episodeCount: this.#episodeCount,
      returns: [...this.#returns],
      lengths: [...this.#lengths],
      seconds: Array.from(this.#starts, (start) => (now - start) / 1000),
      ended: [...this.#ended],
    };
  }

  protected override loadOwnState(state: EpisodeStatisticsState & { readonly ended: readonly number[] }): void {
    refill([this.returnQueue, this.lengthQueue, this.timeQueue], state.queues);
    this.#episodeCount = state.episodeCount;
    this.#returns.set(state.returns);
    this.#lengths.set(state.lengths);
    const now = performance.now();
    this.#starts.set(state.seconds.map((seconds) => now - seconds * 1000));
    this.#ended.set(state.ended);
  }

  #begin(i: number): void {
    this.#returns[i] = 0;
    this.#lengths[i] = 0;
    this.#starts[i] = performance.now();
    this.#ended[i] = 0;
  }

  #add(result: VectorStepResult<unknown>): VectorStepResult<unknown> {
    const [, rewards, terminations, truncations, infos] = result;
    const resetsInOwnStep = this.metadata.autoresetMode !== 'same-step';
    let anyEnded = false;
    for (let i = 0; i < this.numEnvs; i++) {
      const begins = this.#ended[i] === 1;
      if (begins) this.#begin(i);
      if (!begins || !resetsInOwnStep) {
        this.#returns[i] += rewards[i];
        this.#lengths[i]++;
      }
      if (terminations[i] || truncations[i]) {
        this.#ended[i] = 1;
        anyEnded = true;
      }
    }
    if (anyEnded) this.#report(infos);
    return result;
  }

  #report(infos: Info): void {
    const key = this.#statsKey;
    if (key in infos || `_${key}` in infos) {
      throw new EnvError(`VectorRecordEpisodeStatistics: infos already has the key '${key}'; choose another statsKey`);
    }
    const now = performance.now();
    const [r, l, t] = [0, 1, 2].map(() => new Float64Array(this.numEnvs));
    for (let i = 0; i < this.numEnvs; i++) {
      if (!this.#ended[i]) continue;
      r[i] = this.#returns[i];
      l[i] = this.#lengths[i];
      t[i] = roundedSeconds(now - this.#starts[i]);
      keepLatest(this.returnQueue, r[i], this.#bufferLength);
      keepLatest(this.lengthQueue, l[i], this.#bufferLength);
      keepLatest(this.timeQueue, t[i], this.#bufferLength);
      this.#episodeCount++;
    }
    infos[key] = { r, l, t };
    infos[`_${key}`] = this.#ended.slice();
  }
}
