// Collecting episodes whose observations have a fixed size: each is flattened into a row.

import type { Generator } from '../random/index.ts';
import type { ActionRows } from './action-head.ts';
import type { ActorCriticPolicy } from './actor-critic-policy.ts';
import type { CollectedEpisode, EpisodeRecorder, EpisodeSteps } from './episodes.ts';
import type { Rollout } from './rollout.ts';

/** Whole episodes, one after another, of observations of fixed size. */
export interface EpisodeRollout extends Rollout, EpisodeSteps {
  readonly episodes: readonly CollectedEpisode[];
}

export class StepRecorder implements EpisodeRecorder<EpisodeRollout> {
  readonly #policy: ActorCriticPolicy;
  /** What all slots observe now, what was decided, and how likely it was. */
  readonly #current: Float32Array;
  readonly #actions: ActionRows;
  readonly #logProbs: Float32Array;
  /** Rows of the episodes that go on, slot by slot, and of those that are over. */
  readonly #open: { observations: Float32Array[]; actions: ActionRows[] }[];
  readonly #observations: Float32Array[] = [];
  readonly #taken: ActionRows[] = [];
  readonly #finals: Float32Array[] = [];
  readonly #finalRows: number[] = [];

  constructor(policy: ActorCriticPolicy, slots: number) {
    const { actionSize, actionType } = policy.head;
    this.#policy = policy;
    this.#current = new Float32Array(slots * policy.observationSize);
    this.#actions = actionType === 'int32' ? new Int32Array(slots * actionSize) : new Float32Array(slots * actionSize);
    this.#logProbs = new Float32Array(slots);
    this.#open = Array.from({ length: slots }, () => ({ observations: [], actions: [] }));
  }

  act(observations: readonly unknown[], generator: Generator | null): void {
    // A slot without an episode decides on what it saw last, and nobody asks what.
    observations.forEach((observation, slot) => {
      if (observation !== null) this.#policy.encodeOne(observation, this.#current, slot);
    });
    this.#policy.act(this.#current, this.#actions, this.#logProbs, 0, generator);
  }

  actionOf(slot: number): unknown {
    return this.#policy.head.environmentAction(this.#actions, slot);
  }

  logProbOf(slot: number): number {
    return this.#logProbs[slot]!;
  }

  note(slot: number): void {
    const { observationSize, head } = this.#policy;
    const { observations, actions } = this.#open[slot]!;
    observations.push(this.#current.slice(slot * observationSize, (slot + 1) * observationSize));
    actions.push(this.#actions.slice(slot * head.actionSize, (slot + 1) * head.actionSize));
  }

  end(slot: number, observation: unknown, { firstRow, length, terminated }: CollectedEpisode): void {
    const open = this.#open[slot]!;
    this.#observations.push(...open.observations);
    this.#taken.push(...open.actions);
    this.#open[slot] = { observations: [], actions: [] };
    if (terminated) return;
    const final = new Float32Array(this.#policy.observationSize);
    this.#policy.encodeOne(observation, final);
    this.#finals.push(final);
    this.#finalRows.push(firstRow + length - 1);
  }

  drop(slot: number): void {
    this.#open[slot] = { observations: [], actions: [] };
  }

  finish(steps: EpisodeSteps): EpisodeRollout {
    const { observationSize, head } = this.#policy;
    const actions =
      head.actionType === 'int32'
        ? new Int32Array(steps.rows * head.actionSize)
        : new Float32Array(steps.rows * head.actionSize);
    this.#taken.forEach((row, i) => {
      actions.set(row, i * head.actionSize);
    });
    return {
      ...steps,
      observations: joined(this.#observations, observationSize),
      actions,
      finalObservations: joined(this.#finals, observationSize),
      finalRows: this.#finalRows,
      // Every row's episode has ended, so that no value of what comes next is ever asked for.
      nextObservations: new Float32Array(observationSize),
    };
  }

  release(): void {
    // Nothing is held that another collection could need.
  }
}

function joined(rows: readonly Float32Array[], size: number): Float32Array {
  const all = new Float32Array(rows.length * size);
  rows.forEach((row, i) => {
    all.set(row, i * size);
  });
  return all;
}
