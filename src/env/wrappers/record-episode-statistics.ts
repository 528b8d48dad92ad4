import type { ActionOf, Answer, Env, ObservationOf, ResetOptions, ResetResult, StepResult } from '../env.ts';
import { EnvError } from '../errors.ts';
import { Wrapper } from '../wrapper.ts';

/** Options of {@link RecordEpisodeStatistics}. */
export interface RecordEpisodeStatisticsOptions {
  /** How many of the latest episodes the queues keep. Default 100. */
  readonly bufferLength?: number;
  /** The key of `info` that receives the statistics. Default `episode`. */
  readonly statsKey?: string;
}

/** What an episode came to. The names are Gymnasium's. */
export interface EpisodeStatistics {
  /** The return: the sum of rewards. */
  readonly r: number;
  /** The length in steps. */
  readonly l: number;
  /** The time since its reset, in seconds. */
  readonly t: number;
}

/** How the wrapper stands, of one environment or of many; plain data, for checkpoints. */
export interface EpisodeStatisticsState {
  /** Returns, lengths and seconds of the latest episodes. */
  readonly queues: readonly (readonly number[])[];
  readonly episodeCount: number;
  /** Of the episodes that go on. */
  readonly returns: readonly number[];
  readonly lengths: readonly number[];
  readonly seconds: readonly number[];
}

/** Puts {@link EpisodeStatistics} into `info.episode` of an episode's last step, and keeps those of the latest episodes. */
export class RecordEpisodeStatistics<E extends Env = Env> extends Wrapper<E> {
  /** Returns of the latest episodes, oldest first. */
  readonly returnQueue: number[] = [];
  /** Lengths of the latest episodes, in steps. */
  readonly lengthQueue: number[] = [];
  /** Durations of the latest episodes, in seconds. */
  readonly timeQueue: number[] = [];
  readonly #bufferLength: number;
  readonly #statsKey: string;
  #episodeCount = 0;
  #return = 0;
  #length = 0;
  #start = 0;

  constructor(env: E, options: RecordEpisodeStatisticsOptions = {}) {
    super(env, options);
    this.#bufferLength = options.bufferLength ?? 100;
    this.#statsKey = options.statsKey ?? 'episode';
  }

  /** How many episodes have ended. */
  get episodeCount(): number {
    return this.#episodeCount;
  }

  override reset(options?: ResetOptions): Answer<E, ResetResult<ObservationOf<E>>> {
    const result = this.env.reset(options);
    const answer = Array.isArray(result) ? this.#begin(result) : result.then((later) => this.#begin(later));
    return answer as Answer<E, ResetResult<ObservationOf<E>>>;
  }

  override step(action: ActionOf<E>): Answer<E, StepResult<ObservationOf<E>>> {
    const result = this.env.step(action);
    const answer = Array.isArray(result) ? this.#add(result) : result.then((later) => this.#add(later));
    return answer as Answer<E, StepResult<ObservationOf<E>>>;
  }

  /** But for the time: seconds count on from when the state is loaded. */
  protected override saveOwnState(): EpisodeStatisticsState {
    const { returnQueue, lengthQueue, timeQueue } = this;
    return {
      queues: [[...returnQueue], [...lengthQueue], [...timeQueue]],
      episodeCount: this.#episodeCount,
      returns: [this.#return],
      lengths: [this.#length],
      seconds: [(performance.now() - this.#start) / 1000],
    };
  }

  protected override loadOwnState({ queues, episodeCount, returns, lengths, seconds }: EpisodeStatisticsState): void {
    refill([this.returnQueue, this.lengthQueue, this.timeQueue], queues);
    this.#episodeCount = episodeCount;
    this.#return = returns[0]!;
    this.#length = lengths[0]!;
    this.#start = performance.now() - seconds[0]! * 1000;
  }

  #begin(result: ResetResult<unknown>): ResetResult<unknown> {
    this.#start = performance.now();
    this.#return = 0;
    this.#length = 0;
    return result;
  }

  #add(result: StepResult<unknown>): StepResult<unknown> {
    this.#return += result[1];
    this.#length++;
    if (result[2] || result[3]) this.#end(result);
    return result;
  }

  #end(result: StepResult<unknown>): void {
    const key = this.#statsKey;
    if (key in result[4]) {
      throw new EnvError(`RecordEpisodeStatistics: info already has the key '${key}'; choose another statsKey`);
    }
    const now = performance.now();
    const statistics = { r: this.#return, l: this.#length, t: roundedSeconds(now - this.#start) };
    result[4] = { ...result[4], [key]: statistics };
    keepLatest(this.returnQueue, statistics.r, this.#bufferLength);
    keepLatest(this.lengthQueue, statistics.l, this.#bufferLength);
    keepLatest(this.timeQueue, statistics.t, this.#bufferLength);
    this.#episodeCount++;
    this.#start = now;
  }
}

/** Puts saved values into queues. */
export function refill(queues: readonly number[][], saved: readonly (readonly number[])[]): void {
  queues.forEach((queue, i) => queue.splice(0, queue.length, ...saved[i]!));
}

/** Seconds, to the microsecond. */
export function roundedSeconds(milliseconds: number): number {
  return Math.round(milliseconds * 1000) / 1e6;
}

/** Appends `value` to a queue of at most `length` values. */
export function keepLatest(queue: number[], value: number, length: number): void {
  queue.push(value);
  if (queue.length > length) queue.shift();
}
