// What a run measured, row by row, for its result: read from the run's directory when it is asked for, so that a run may go on for days.
// What has no directory is kept in memory.

import { resolve } from 'node:path';
import type { Episode } from '../rl/index.ts';
import type { MetricsRow, RunDirectory } from '../tracking/index.ts';
import { rowsOf } from '../tracking/own-rows.ts';
import { runningAfter } from './episode-log.ts';

/** An episode's numbers. */
type Ended = Pick<Episode, 'return' | 'length'>;

/** Of each episode, in the order in which they ended. */
interface EpisodeLists {
  readonly runningRewards: readonly number[];
  readonly episodeReturns: readonly number[];
  readonly episodeLengths: readonly number[];
}

/** The rows of a run. */
export class ResultRows {
  readonly #directory: RunDirectory | null;
  /** From the root, as the working directory may change before the rows are asked for. */
  readonly #path: string;
  readonly #metrics: MetricsRow[] = [];
  readonly #episodes: Ended[] = [];

  constructor(directory: RunDirectory | null) {
    this.#directory = directory;
    this.#path = resolve(directory?.path ?? '');
  }

  /** To be told of each row that is written to metrics.jsonl. */
  addMetrics(row: MetricsRow): void {
    if (this.#directory === null) this.#metrics.push(row);
  }

  addEpisode({ return: episodeReturn, length }: Ended): void {
    if (this.#directory === null) this.#episodes.push({ return: episodeReturn, length });
  }

  /** Forgets the latest episodes. */
  dropEpisodes(count: number): void {
    this.#episodes.length -= Math.min(count, this.#episodes.length);
  }

  /** Adds `metrics` to the result, all rows up to here. */
  metricsTo<R extends object>(result: R): R & { readonly metrics: readonly MetricsRow[] } {
    const directory = this.#directory;
    const end = directory?.rowEnds().metrics ?? 0;
    const read = once(() => (directory === null ? this.#metrics : Array.from(rowsOf(this.#path, 'metrics', end))));
    return property(result, 'metrics', read) as R & { readonly metrics: readonly MetricsRow[] };
  }

  /**
   * Adds the lists of episodes to the result, all up to here.
   *
   * @param file where they are written down
   * @param runningReward before the first of them
   */
  episodesTo<R extends object>(result: R, file: 'episodes' | 'completions', runningReward: number): R & EpisodeLists {
    const directory = this.#directory;
    const end = directory?.rowEnds()[file] ?? 0;
    const read = once(() =>
      listsOf(directory === null ? this.#episodes : episodesIn(this.#path, file, end), runningReward),
    );
    property(result, 'runningRewards', () => read().runningRewards);
    property(result, 'episodeReturns', () => read().episodeReturns);
    return property(result, 'episodeLengths', () => read().episodeLengths) as R & EpisodeLists;
  }
}

function* episodesIn(directory: string, file: 'episodes' | 'completions', end: number): Generator<Ended> {
  for (const row of rowsOf(directory, file, end)) {
    const length = 'tokens' in row ? row.tokens : row.length;
    yield { return: row.return ?? Number.NaN, length };
  }
}

function listsOf(episodes: Iterable<Ended>, before: number): EpisodeLists {
  const [runningRewards, episodeReturns, episodeLengths]: [number[], number[], number[]] = [[], [], []];
  let runningReward = before;
  for (const { return: episodeReturn, length } of episodes) {
    runningReward = runningAfter(runningReward, episodeReturn);
    runningRewards.push(runningReward);
    episodeReturns.push(episodeReturn);
    episodeLengths.push(length);
  }
  return { runningRewards, episodeReturns, episodeLengths };
}

function once<T>(read: () => T): () => T {
  let found: { readonly value: T } | undefined;
  return () => (found ??= { value: read() }).value;
}

function property<R extends object>(result: R, name: string, get: () => unknown): R {
  return Object.defineProperty(result, name, { get, enumerable: true, configurable: true });
}
