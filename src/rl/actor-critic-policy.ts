// The policy of observations of fixed size.

import { batchSpace, Box, Discrete, flatdim, flatten, iterate, type Space } from '../env/index.ts';
import { Module, type Parameter } from '../nn/index.ts';
import type { Generator } from '../random/index.ts';
import { type BoundProgram, compile } from '../runtime/index.ts';
import { type Shape, ShapeError, showShape, type Tensor, type TensorData } from '../tensor/index.ts';
import { type ActionHead, actionHeadFor, type ActionRows } from './action-head.ts';
import type { Evaluation, Layout, Policy, StateValues } from './policy.ts';
import type { EpisodicPolicy } from './episodes.ts';
import type { Rollout } from './rollout.ts';
import { type EpisodeRollout, StepRecorder } from './step-recorder.ts';

/** A network that algorithms train: any module from observations `[batch, inputs]` to outputs `[batch, outputs]`. */
export interface Network extends Module {
  forward(observations: Tensor): Tensor;
}

export interface ActorCriticPolicyOptions {
  readonly observationSpace: Space;
  readonly actionSpace: Space;
  /** Observations to action scores. */
  readonly actor: Network;
  /** Observations to values, `[batch, 1]` or `[batch]`. It may share parameters with the actor. Needed by PPO only. */
  readonly critic?: Network | undefined;
}

/** The policy for observations of fixed size: each is flattened into one row of float32. */
export class ActorCriticPolicy extends Module implements Policy<Rollout>, EpisodicPolicy<EpisodeRollout> {
  readonly threads = 1;
  readonly actor: Network;
  readonly critic: Network | undefined;
  readonly head: ActionHead;
  /** How many numbers one observation has, flattened. */
  readonly observationSize: number;
  readonly #observationSpace: Space;
  readonly #batchSpaces = new Map<number, Space>();
  readonly #actors = new Map<number, BoundProgram<Tensor>>();
  readonly #critics = new Map<number, BoundProgram<Tensor>>();
  readonly #act;
  readonly #value;

  constructor({ observationSpace, actionSpace, actor, critic }: ActorCriticPolicyOptions) {
    super();
    if (!observationSpace.isNpFlattenable) {
      throw new TypeError(`observations of ${observationSpace} have no fixed size, which an actor-critic policy needs`);
    }
    this.actor = actor;
    this.critic = critic;
    this.head = actionHeadFor(actionSpace);
    this.#observationSpace = observationSpace;
    this.observationSize = flatdim(observationSpace);
    this.#act = compile((observations: Tensor) => this.#scores(observations), { threads: 1 });
    this.#value = compile((observations: Tensor) => this.#values(observations), { threads: 1 });
  }

  /** Flattens the observations of `numEnvs` environments into rows of `out`, the first at `row`. */
  encode(observations: unknown, numEnvs: number, out: Float32Array, row = 0): void {
    const space = this.#observationSpace;
    const size = this.observationSize;
    if (space instanceof Box) {
      out.set(observations as Float32Array, row * size);
      return;
    }
    let batch = this.#batchSpaces.get(numEnvs);
    if (batch === undefined) {
      batch = batchSpace(space, numEnvs);
      this.#batchSpaces.set(numEnvs, batch);
    }
    for (const observation of iterate(batch, observations)) this.encodeOne(observation, out, row++);
  }

  /** Flattens one observation into row `row` of `out`. */
  encodeOne(observation: unknown, out: Float32Array, row = 0): void {
    const space = this.#observationSpace;
    const start = row * this.observationSize;
    if (space instanceof Discrete) {
      // What `flatten` does, without its memory for every state there could be.
      out.fill(0, start, start + space.n);
      out[start + (observation as number) - space.start] = 1;
    } else {
      out.set(flatten(space, observation) as ArrayLike<number>, start);
    }
  }

  /**
   * Decides for each row of `observations`: writes actions and log-probabilities from row `row` on. Without a generator
   * the likeliest action is taken.
   */
  act(
    observations: Float32Array,
    actions: ActionRows,
    logProbs: Float32Array,
    row: number,
    generator: Generator | null,
  ): void {
    const count = observations.length / this.observationSize;
    let bound = this.#actors.get(count);
    if (bound === undefined) {
      bound = this.#act.bind({ shape: [count, this.observationSize], dtype: 'float32' });
      this.#actors.set(count, bound);
    }
    bound.arguments[0]!.set(observations);
    bound.run();
    const outputs = bound.results as Float32Array;
    for (let i = 0; i < count; i++) {
      logProbs[row + i] = this.head.sample(outputs, i, actions, row + i, generator);
    }
  }

  /** The critic's values of rows of observations, `[rows]`; NaN where an observation is not finite. */
  values(observations: Float32Array): Float32Array {
    const rows = observations.length / this.observationSize;
    const values = new Float32Array(rows);
    for (let first = 0; first < rows; ) {
      const room = rows - first > FEW_ROWS ? MANY_ROWS : FEW_ROWS;
      const count = Math.min(room, rows - first);
      let program = this.#critics.get(room);
      if (program === undefined) {
        program = this.#value.bind({ shape: [room, this.observationSize], dtype: 'float32' });
        this.#critics.set(room, program);
      }
      program.arguments[0]!.set(
        observations.subarray(first * this.observationSize, (first + count) * this.observationSize),
      );
      program.run();
      values.set((program.results as Float32Array).subarray(0, count), first);
      first += count;
    }
    // A network may well have a number for what is infinite, but no gradient.
    for (let i = 0; i < observations.length; i++) {
      if (!Number.isFinite(observations[i])) values[Math.floor(i / this.observationSize)] = Number.NaN;
    }
    return values;
  }

  /** Collects episodes in `slots` environments. */
  recorder(slots: number): StepRecorder {
    return new StepRecorder(this, slots);
  }

  actorParameters(): readonly Parameter[] {
    return [...this.actor.parameters(), ...this.head.parameters()];
  }

  /** Rows that may be learned from. */
  units(rollout: Rollout): Int32Array {
    const units = new Int32Array(rollout.rows);
    let count = 0;
    for (let row = 0; row < rollout.rows; row++) if (rollout.valid[row]) units[count++] = row;
    return units.subarray(0, count);
  }

  layout(rollout: Rollout, units: Int32Array, size: number): Layout {
    const { head, observationSize } = this;
    const rows = new Int32Array(size).fill(-1);
    rows.set(units);
    return {
      types: [
        { shape: [size, observationSize], dtype: 'float32' },
        { shape: [size, ...head.actionShape], dtype: head.actionType },
      ],
      rows,
      fill([observations, actions]) {
        copyRows(rollout.observations, observationSize, units, size, observations!);
        copyRows(rollout.actions, head.actionSize, units, size, actions!);
      },
    };
  }

  evaluateLayout([observations, actions]: readonly Tensor[]): Evaluation {
    if (this.critic !== undefined) return this.evaluate(observations!, actions!);
    return this.#evaluateActor(observations!, actions!);
  }

  stateValues(rollout: Rollout): StateValues {
    const { rows, numEnvs, terminated } = rollout;
    const values = this.values(rollout.observations);
    const nextValues = new Float32Array(rows);
    nextValues.set(values.subarray(numEnvs));
    // What is not itself a row of the rollout, in one piece.
    const beyond = new Float32Array(rollout.nextObservations.length + rollout.finalObservations.length);
    beyond.set(rollout.nextObservations);
    beyond.set(rollout.finalObservations, rollout.nextObservations.length);
    const valuesBeyond = this.values(beyond);
    nextValues.set(valuesBeyond.subarray(0, numEnvs), rows - numEnvs);
    for (let row = 0; row < rows; row++) if (terminated[row]) nextValues[row] = 0;
    rollout.finalRows.forEach((row, i) => {
      nextValues[row] = valuesBeyond[numEnvs + i]!;
    });
    return { values, nextValues };
  }

  /**
   * Builds the graph of what this policy says of observations `[batch, observationSize]` and the actions taken.
   *
   * @throws Error if there is no critic
   */
  evaluate(observations: Tensor, actions: Tensor): Evaluation & { readonly values: Tensor } {
    return { ...this.#evaluateActor(observations, actions), values: this.#values(observations) };
  }

  #evaluateActor(observations: Tensor, actions: Tensor): Omit<Evaluation, 'values'> {
    const distribution = this.head.distribution(this.#scores(observations));
    return { logProbs: distribution.logProb(actions), entropies: distribution.entropy() };
  }

  #scores(observations: Tensor): Tensor {
    const scores = this.actor.forward(observations);
    expectShape('actor', scores, [observations.shape[0]!, this.head.outputSize]);
    return scores;
  }

  #values(observations: Tensor): Tensor {
    if (this.critic === undefined) throw new Error('this policy has no critic, which PPO needs: give it one');
    const values = this.critic.forward(observations);
    const rows = observations.shape[0]!;
    expectShape('critic', values, values.rank === 1 ? [rows] : [rows, 1]);
    return values.reshape([rows]);
  }
}

/** Values are computed in blocks of so many rows, so that two programs serve rollouts of any length. */
const [MANY_ROWS, FEW_ROWS] = [256, 32];

function expectShape(who: string, got: Tensor, wanted: Shape): void {
  if (showShape(got.shape) !== showShape(wanted)) {
    throw new ShapeError(
      `the ${who} gives shape ${showShape(got.shape)} for ${wanted[0]} observations, but ${showShape(wanted)} is needed`,
    );
  }
}

/** Copies the chosen rows of a matrix of `columns`, one after another, and then the first of them until there are `size`. */
function copyRows(from: ArrayLike<number>, columns: number, rows: Int32Array, size: number, to: TensorData): void {
  let next = 0;
  for (let i = 0; i < size; i++) {
    const start = rows[i < rows.length ? i : 0]! * columns;
    for (let k = 0; k < columns; k++) to[next++] = from[start + k]!;
  }
}
