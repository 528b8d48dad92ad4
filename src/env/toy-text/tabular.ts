// What the grid worlds share: a table of transitions, walked at random.

import type { GeneratorState } from '../../random/index.ts';
import { invalidAction, resetFirst } from '../checks.ts';
import type { Info, ResetOptions, ResetResult, StepResult } from '../env.ts';
import { DrawnEnv } from '../rendering/drawn-env.ts';
import { Discrete } from '../spaces/index.ts';

/** One possible outcome of an action in a state. */
export type Transition = readonly [probability: number, nextState: number, reward: number, terminated: boolean];

/** How a {@link TabularEnv} stands; plain data, for checkpoints. */
export interface TabularState {
  readonly state: number | null;
  readonly lastAction: number | null;
  readonly random: GeneratorState;
}

/** All outcomes of all actions in all states: `P[state][action]`; probabilities of one list sum to 1. */
export type TransitionTable = readonly (readonly (readonly Transition[])[])[];

/**
 * An environment whose states and actions are numbers and whose dynamics are known: solve it by planning over `P`, or
 * walk it. `step` draws one of `P[state][action]` and reports its probability as `info.prob`.
 *
 * @typeParam Picture what its drawing takes, if it has one; see {@link DrawnEnv}
 */
export abstract class TabularEnv<Picture = unknown> extends DrawnEnv<number, number, Picture> {
  readonly observationSpace: Discrete;
  readonly actionSpace: Discrete;
  /** `P[state][action]`: the list of `[probability, nextState, reward, terminated]`. */
  readonly P: TransitionTable;
  /** `[states]`: the probability that an episode starts in each state. */
  readonly initialStateDistrib: Float64Array;

  /** The action that led to the present state; null after a reset. */
  protected lastAction: number | null = null;
  readonly #name: string;
  #state: number | null = null;

  constructor(name: string, P: TransitionTable, initialStateDistrib: Float64Array) {
    super();
    this.#name = name;
    this.P = P;
    this.initialStateDistrib = initialStateDistrib;
    this.observationSpace = new Discrete(P.length);
    this.actionSpace = new Discrete(P[0].length);
  }

  /** The present state, Gymnasium's `s`; null before the first reset. May be set. */
  get state(): number | null {
    return this.#state;
  }

  set state(state: number) {
    this.#state = state;
  }

  override saveState(): TabularState {
    return { state: this.#state, lastAction: this.lastAction, random: this.npRandom.state };
  }

  override loadState({ state, lastAction, random }: TabularState): void {
    this.#state = state;
    this.lastAction = lastAction;
    this.npRandom.state = random;
  }

  override reset(options?: ResetOptions): ResetResult<number> {
    this.seedFrom(options);
    this.lastAction = null;
    const state = this.#sampleStart();
    this.#state = state;
    this.showHuman();
    return [state, this.infoOf(state, 1)];
  }

  override step(action: number): StepResult<number> {
    if (!(Number.isInteger(action) && action >= 0 && action < this.actionSpace.n)) {
      throw invalidAction(this.#name, action, this.actionSpace);
    }
    if (this.#state === null) throw resetFirst(this.#name);
    const transitions = this.P[this.#state][action];
    const [probability, nextState, reward, terminated] = this.#sample(transitions);
    const state = this.arrive(this.#state, nextState);
    this.#state = state;
    this.lastAction = action;
    this.showHuman();
    return [state, reward, terminated, false, this.infoOf(state, probability)];
  }

  /** The state in which a move that leads from `from` to `to` ends: `to`, unless the environment has its own mind. */
  protected arrive(_from: number, to: number): number {
    return to;
  }

  protected infoOf(_state: number, probability: number): Info {
    return { prob: probability };
  }

  // Both draws take the first entry at which the cumulative sum exceeds a uniform number, and entry 0 if rounding keeps
  // the sum from exceeding it at all: Gymnasium's categorical_sample.

  #sample(transitions: readonly Transition[]): Transition {
    const threshold = this.npRandom.random();
    let sum = 0;
    for (const transition of transitions) {
      sum += transition[0];
      if (sum > threshold) return transition;
    }
    return transitions[0];
  }

  #sampleStart(): number {
    const threshold = this.npRandom.random();
    let sum = 0;
    return Math.max(
      this.initialStateDistrib.findIndex((probability) => (sum += probability) > threshold),
      0,
    );
  }
}
