// Collecting whole episodes: many environments at once, each free slot beginning the next episode. Groups of episodes may begin
// from one seed, so that how they end can be compared.

import { EnvError } from '../env/errors.ts';
import type { Env, Info, MaybePromise, ResetResult } from '../env/index.ts';
import type { RewardingOptions } from '../env/text/index.ts';
import type { Generator } from '../random/index.ts';
import { giveTurn, turnIsDue, unlessAborted } from '../runtime/event-loop.ts';
import type { Episode, Policy, Steps } from './policy.ts';

/** An episode, and how it began and ended. */
export interface CollectedEpisode extends Episode {
  /** Episodes of one group began from the same seed. */
  readonly group: number;
  /** Of the reset that began it. */
  readonly seed: number;
  /** The info of its last step. */
  readonly info: Info;
  readonly firstRow: number;
}

/** A policy's side of collecting: it decides for slots, and keeps what was observed in its own form. */
export interface EpisodeRecorder<R extends EpisodeSteps> {
  /** Decides for every slot; null observations are left alone. */
  act(observations: readonly unknown[], generator: Generator | null): void;
  /** The decision as the environment of the slot takes it. */
  actionOf(slot: number): unknown;
  logProbOf(slot: number): number;
  /** Keeps the observation of a slot and what was decided on it. */
  note(slot: number, observation: unknown): void;
  /** The slot's episode is over, with this last observation. Its rows follow those of the episodes that ended before. */
  end(slot: number, observation: unknown, episode: CollectedEpisode): void;
  /** Forgets the slot's episode, which has failed. */
  drop(slot: number): void;
  /** The rollout, given what is common to all. */
  finish(steps: EpisodeSteps): R;
  release(): void;
}

/** What rewards the episodes of a rollout after they were played. */
export interface RolloutJudge<R extends EpisodeSteps> {
  /** The rollout with its rewards. */
  judged(rollout: R, options: RewardingOptions): Promise<R>;
  /** What changes as it rewards, for checkpoints: plain data. */
  state: unknown;
}

/** A policy that can be collected episode by episode. */
export interface EpisodicPolicy<R extends EpisodeSteps> extends Policy<R> {
  recorder(slots: number): EpisodeRecorder<R>;
  /** What rewards episodes of these environments, if they leave it for later; null if they do it themselves. */
  judge?(envs: readonly Env[]): RolloutJudge<R> | null;
}

/** What a collection is told. */
export interface EpisodeOptions {
  /** How many episodes; a multiple of `groupSize`. */
  readonly episodes: number;
  /** Episodes that begin from one seed. Default 1. */
  readonly groupSize?: number | undefined;
  /**
   * Called when an episode has ended. Return false to begin no more groups; those that have begun are played to their end. Where
   * rewards come after the episodes, so do these calls.
   */
  readonly onEpisode?: ((episode: CollectedEpisode) => boolean | void) | undefined;
  /** What the resets of a group are told besides the seed. Default: nothing. */
  readonly resetOptions?: ((group: number) => Readonly<Record<string, unknown>>) | undefined;
  /** Takes the likeliest actions, for evaluation. Default false. */
  readonly deterministic?: boolean | undefined;
  /** Gives the collection up, also while environments have not answered: its reason is thrown. */
  readonly signal?: AbortSignal | undefined;
}

/** A rollout of whole episodes: `numEnvs` is 1, and rows of one episode follow each other. */
export interface EpisodeSteps extends Steps {
  readonly episodes: readonly CollectedEpisode[];
}

interface Slot {
  readonly env: Env;
  observation: unknown;
  episode: { readonly group: number; readonly seed: number } | null;
  logProbs: number[];
  rewards: number[];
}

/** Plays episodes with a policy in a set of environments. */
export class EpisodeCollector<R extends EpisodeSteps> {
  readonly policy: EpisodicPolicy<R>;
  readonly envs: readonly Env[];
  readonly #generator: Generator;
  readonly #seeds: Generator;
  readonly #judge: RolloutJudge<R> | null;

  /**
   * @param envs environments of one kind, one for each slot
   */
  constructor(
    envs: readonly Env[],
    policy: EpisodicPolicy<R>,
    {
      generator,
      seeds,
    }: {
      /** The stream that actions are drawn from. */
      readonly generator: Generator;
      /** The stream that episodes' seeds are drawn from. */
      readonly seeds: Generator;
    },
  ) {
    if (envs.length === 0) throw new RangeError('EpisodeCollector needs at least one environment');
    this.envs = envs;
    this.policy = policy;
    this.#generator = generator;
    this.#seeds = seeds;
    this.#judge = policy.judge?.(envs) ?? null;
  }

  /** The state of what rewards episodes after they were played, for checkpoints; undefined if there is no such thing. */
  get judgeState(): unknown {
    return this.#judge?.state;
  }

  set judgeState(state: unknown) {
    if (this.#judge !== null) this.#judge.state = state;
  }

  /**
   * Plays episodes to their end. Which slot plays which, and the order of rows, depends on the episodes alone, not on how fast
   * environments answer.
   */
  async collect(options: EpisodeOptions): Promise<R> {
    const { episodes: count, groupSize = 1, onEpisode, resetOptions, deterministic = false, signal } = options;
    if (!(isCount(count) && isCount(groupSize) && count % groupSize === 0)) {
      throw new RangeError(`collect: ${count} episodes do not make groups of ${groupSize}`);
    }
    const recorder = this.policy.recorder(this.envs.length);
    const rows = new RowLists();
    const episodes: CollectedEpisode[] = [];
    const slots = this.envs.map((env): Slot => ({ env, observation: null, episode: null, logProbs: [], rewards: [] }));
    let begun = 0;
    let seed = 0;
    let goOn = true;

    const begin = (slot: Slot): MaybePromise<ResetResult<unknown>> | null => {
      slot.episode = null;
      slot.observation = null;
      const newGroup = begun % groupSize === 0;
      if (begun === count || (newGroup && !goOn)) return null;
      if (newGroup) seed = Number(this.#seeds.integers(2 ** 31));
      const group = Math.floor(begun++ / groupSize);
      return beginAs(slot, { group, seed });
    };
    const beginAs = (slot: Slot, episode: NonNullable<Slot['episode']>): MaybePromise<ResetResult<unknown>> => {
      slot.episode = episode;
      slot.logProbs = [];
      slot.rewards = [];
      const { seed: own, group } = episode;
      return slot.env.reset(resetOptions === undefined ? { seed: own } : { seed: own, options: resetOptions(group) });
    };
    /** An episode that failed is played again, so that groups stay complete. */
    const again = (slot: Slot, index: number): MaybePromise<ResetResult<unknown>> => {
      recorder.drop(index);
      return beginAs(slot, slot.episode!);
    };
    const beginAll = async (waiting: readonly (MaybePromise<ResetResult<unknown>> | null)[]): Promise<void> => {
      (await together(waiting, signal)).forEach((answer, index) => {
        if (answer !== null) slots[index]!.observation = answer[0];
      });
    };
    const finish = (slot: Slot, index: number, terminated: boolean, info: Info): void => {
      const { group, seed: own } = slot.episode!;
      const episode: CollectedEpisode = {
        return: slot.rewards.reduce((sum, reward) => sum + reward, 0),
        length: slot.rewards.length,
        envIndex: index,
        terminated,
        // Steps of an episode that failed, and is played again, are none of the rollout's: so it never goes back.
        endedAt: rows.count + slot.rewards.length,
        group,
        seed: own,
        info,
        firstRow: rows.count,
      };
      rows.append(slot.logProbs, slot.rewards, terminated);
      recorder.end(index, slot.observation, episode);
      episodes.push(episode);
      if (this.#judge === null && onEpisode?.(episode) === false) goOn = false;
    };

    try {
      await beginAll(askEach(slots, begin));
      while (slots.some(({ episode }) => episode !== null)) {
        if (turnIsDue()) await giveTurn();
        signal?.throwIfAborted();
        recorder.act(
          slots.map(({ observation }) => observation),
          deterministic ? null : this.#generator,
        );
        const answers = await together(
          askEach(slots, (slot, index) => {
            if (slot.episode === null) return null;
            recorder.note(index, slot.observation);
            slot.logProbs.push(recorder.logProbOf(index));
            return slot.env.step(recorder.actionOf(index));
          }),
          signal,
        );
        const resets = askEach(slots, (slot, index) => {
          const answer = answers[index]!;
          if (answer === null) return null;
          const [observation, reward, terminated, truncated, info] = answer;
          if (!Number.isFinite(reward)) {
            throw new EnvError(
              `${slot.env}: step gave a reward of ${String(reward)}, but rewards must be finite numbers`,
            );
          }
          if (typeof info['envError'] === 'string') return again(slot, index);
          slot.observation = observation;
          slot.rewards.push(reward);
          if (!terminated && !truncated) return null;
          finish(slot, index, terminated, info);
          return begin(slot);
        });
        await beginAll(resets);
      }
      const rollout = recorder.finish({ ...rows.finish(), episodes });
      if (this.#judge === null) return rollout;
      const judged = await unlessAborted(this.#judge.judged(rollout, { adapt: !deterministic, signal }), signal);
      for (const episode of judged.episodes) onEpisode?.(episode);
      return judged;
    } finally {
      recorder.release();
    }
  }
}

function isCount(value: number): boolean {
  return Number.isInteger(value) && value >= 1;
}

/** Asks each in turn. If one fails at once, answers that are still to come must not fail unheard, which would end the process. */
function askEach<S, T>(slots: readonly S[], ask: (slot: S, index: number) => T): T[] {
  const answers: T[] = [];
  try {
    slots.forEach((slot, index) => answers.push(ask(slot, index)));
  } catch (error) {
    for (const answer of answers) if (answer instanceof Promise) answer.catch(() => undefined);
    throw error;
  }
  return answers;
}

/** Environments that answer later are asked together and awaited together; if none does, nothing is waited for. */
function together<T>(answers: readonly MaybePromise<T>[], signal: AbortSignal | undefined): MaybePromise<readonly T[]> {
  if (!answers.some((answer) => answer instanceof Promise)) return answers as readonly T[];
  return unlessAborted(Promise.all(answers), signal);
}

/** Rows of episodes, one after another. */
class RowLists {
  readonly #logProbs: number[] = [];
  readonly #rewards: number[] = [];
  readonly #terminated: number[] = [];
  readonly #truncated: number[] = [];

  get count(): number {
    return this.#rewards.length;
  }

  append(logProbs: readonly number[], rewards: readonly number[], terminated: boolean): void {
    rewards.forEach((reward, i) => {
      const last = i === rewards.length - 1;
      this.#logProbs.push(logProbs[i]!);
      this.#rewards.push(reward);
      this.#terminated.push(last && terminated ? 1 : 0);
      this.#truncated.push(last && !terminated ? 1 : 0);
    });
  }

  finish(): Omit<EpisodeSteps, 'episodes'> {
    return {
      numEnvs: 1,
      rows: this.count,
      logProbs: Float32Array.from(this.#logProbs),
      rewards: Float64Array.from(this.#rewards),
      terminated: Uint8Array.from(this.#terminated),
      truncated: Uint8Array.from(this.#truncated),
      valid: new Uint8Array(this.count).fill(1),
    };
  }
}
