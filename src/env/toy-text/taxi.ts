// Taxi: pick up a passenger and drive them where they want.

import { checkedRenderMode } from '../checks.ts';
import type { EnvMetadata, Info, ResetOptions, ResetResult, StepResult } from '../env.ts';
import type { Drawing } from '../rendering/drawing.ts';
import { taxiDrawing, type TaxiPicture } from '../rendering/taxi.ts';
import { colored } from './colored.ts';
import { TabularEnv, type TabularState, type Transition, type TransitionTable } from './tabular.ts';

const MAP = ['+---------+', '|R: | : :G|', '| : | : : |', '| : : : : |', '| | : | : |', '|Y| : |B: |', '+---------+'];
const SIZE = 5;
/** Row and column of the places R, G, Y and B. */
const PLACES = [
  [0, 0],
  [0, 4],
  [4, 0],
  [4, 3],
] as const;
/** The passenger's place when in the taxi. */
const IN_TAXI = 4;
const ACTION_NAMES = ['South', 'North', 'East', 'West', 'Pickup', 'Dropoff'];
/** Row and column steps of the moves south, north, east and west. */
const MOVES = [
  [1, 0],
  [-1, 0],
  [0, 1],
  [0, -1],
] as const;
/** To where the rain drifts each move: left and right as seen from the taxi. */
const DRIFTS = [
  [2, 3],
  [3, 2],
  [1, 0],
  [0, 1],
] as const;

/** What Taxi may be made with. */
export interface TaxiOptions {
  /** Whether the taxi may drift to a side in the rain. Default false. */
  readonly isRainy?: boolean | undefined;
  /** In rain, the probability of going where one wants; the rest goes to both sides evenly. Default 0.8. */
  readonly rainyProbability?: number | undefined;
  /** Whether the passenger may change their mind on the first move after the first pick-up. Default false. */
  readonly ficklePassenger?: boolean | undefined;
  /** The probability that a fickle passenger changes their mind in an episode. Default 0.3. */
  readonly fickleProbability?: number | undefined;
  /** `ansi` draws text, `rgb_array` pictures, `human` shows them in the browser. Default null. */
  readonly renderMode?: string | null | undefined;
}

/** What a state of Taxi stands for. */
export interface TaxiState {
  /** 0 to 4, from north to south. */
  readonly taxiRow: number;
  /** 0 to 4, from west to east. */
  readonly taxiColumn: number;
  /** 0 to 3: red, green, yellow, blue; 4: in the taxi. */
  readonly passenger: number;
  /** 0 to 3: red, green, yellow, blue. */
  readonly destination: number;
}

/** What {@link TaxiEnv.saveState} keeps. */
interface SavedTaxi extends TabularState {
  readonly isFickle: boolean;
  readonly orientation: number;
}

/**
 * Fetch the passenger at one of four places in a town of 5x5 squares, and drop them off at another.
 *
 * - **Action** `Discrete(6)`: 0 south, 1 north, 2 east, 3 west, 4 pick up, 5 drop off. A move into a wall does nothing.
 * - **Observation** `Discrete(500)`: `((taxiRow * 5 + taxiColumn) * 5 + passenger) * 4 + destination`; see {@link TaxiEnv.decode}.
 * - **Reward** -1 for each step, -10 for a pick-up or drop-off that is not possible, 20 for the passenger at their destination.
 * - **Terminated** when the passenger is dropped off at the destination. Taxi-v4 is truncated after 200 steps.
 * - **Start** one of the 300 states with the passenger neither in the taxi nor at the destination.
 * - **Info** `prob`: the probability of the move that happened; `actionMask`: Int8Array `[6]`, 1 for each action that changes
 *   the state, to be given to `actionSpace.sample({ mask })` (`action_mask` in Gymnasium).
 *
 * Source: Dietterich 2000, "Hierarchical Reinforcement Learning with the MAXQ Value Function Decomposition"; Gymnasium's Taxi-v4.
 */
export class TaxiEnv extends TabularEnv<TaxiPicture> {
  static readonly metadata: EnvMetadata = { renderModes: ['human', 'ansi', 'rgb_array'], renderFps: 4 };

  override readonly metadata: EnvMetadata = TaxiEnv.metadata;
  override readonly renderMode: string | null;
  override readonly drawing: Drawing<TaxiPicture> = taxiDrawing;
  readonly ficklePassenger: boolean;
  readonly fickleProbability: number;

  /** Whether the passenger will change their mind in this episode, and has not yet. */
  #isFickle = false;
  /** The last move that the taxi made, or would have made but for a wall. */
  #orientation = 0;

  constructor(options: TaxiOptions = {}) {
    super('Taxi', transitionTable(options.isRainy === true ? (options.rainyProbability ?? 0.8) : null), startStates());
    this.ficklePassenger = options.ficklePassenger ?? false;
    this.fickleProbability = options.fickleProbability ?? 0.3;
    this.renderMode = checkedRenderMode('Taxi', options.renderMode, this.metadata);
  }

  /** The number of a state. */
  static encode({ taxiRow, taxiColumn, passenger, destination }: TaxiState): number {
    return ((taxiRow * SIZE + taxiColumn) * 5 + passenger) * 4 + destination;
  }

  /** What the state of that number stands for. */
  static decode(state: number): TaxiState {
    const place = Math.floor(state / 20);
    return {
      taxiRow: Math.floor(place / SIZE),
      taxiColumn: place % SIZE,
      passenger: Math.floor(state / 4) % 5,
      destination: state % 4,
    };
  }

  /** `[6]`: 1 for each action that changes the state. */
  static actionMask(state: number): Int8Array {
    const mask = ACTION_MASKS[state];
    if (mask === undefined) throw new RangeError(`Taxi has no state ${state}; states are 0 to ${STATES - 1}`);
    return mask.slice();
  }

  override saveState(): SavedTaxi {
    return { ...super.saveState(), isFickle: this.#isFickle, orientation: this.#orientation };
  }

  override loadState({ isFickle, orientation, ...state }: SavedTaxi): void {
    super.loadState(state);
    this.#isFickle = isFickle;
    this.#orientation = orientation;
  }

  override reset(options?: ResetOptions): ResetResult<number> {
    this.#orientation = 0;
    const result = super.reset(options);
    this.#isFickle = this.ficklePassenger && this.npRandom.random() < this.fickleProbability;
    return result;
  }

  override step(action: number): StepResult<number> {
    if (action < MOVES.length) this.#orientation = action;
    return super.step(action);
  }

  protected override arrive(from: number, to: number): number {
    if (!this.#isFickle) return to;
    const before = TaxiEnv.decode(from);
    const after = TaxiEnv.decode(to);
    const moved = before.taxiRow !== after.taxiRow || before.taxiColumn !== after.taxiColumn;
    if (before.passenger !== IN_TAXI || !moved) return to;
    this.#isFickle = false;
    const others = [0, 1, 2, 3].filter((place) => place !== before.destination);
    return TaxiEnv.encode({ ...after, destination: others[this.npRandom.integers(0, 3)] });
  }

  protected override infoOf(state: number, probability: number): Info {
    return { prob: probability, actionMask: TaxiEnv.actionMask(state) };
  }

  /** Taxi, passenger and destination, for the picture. */
  override renderState(): TaxiPicture | null {
    return this.state === null ? null : { ...TaxiEnv.decode(this.state), orientation: this.#orientation };
  }

  /** With render mode `ansi`: the town, then the last action. Taxi yellow (green with passenger), passenger blue, destination magenta. With `rgb_array` a picture. */
  override render(): unknown {
    if (this.renderMode !== 'ansi') return super.render();
    if (this.state === null) return null;
    const { taxiRow, taxiColumn, passenger, destination } = TaxiEnv.decode(this.state);
    const rows = MAP.map((row) => [...row]);
    const paint = ([row, column]: readonly [number, number], change: (tile: string) => string) => {
      const line = rows[1 + row];
      line[1 + 2 * column] = change(line[1 + 2 * column]);
    };
    if (passenger === IN_TAXI) {
      paint([taxiRow, taxiColumn], (tile) => colored(tile === ' ' ? '_' : tile, 'green', { highlight: true }));
    } else {
      paint([taxiRow, taxiColumn], (tile) => colored(tile, 'yellow', { highlight: true }));
      paint(PLACES[passenger], (tile) => colored(tile, 'blue', { bold: true }));
    }
    paint(PLACES[destination], (tile) => colored(tile, 'magenta'));
    const footing = this.lastAction === null ? '' : `  (${ACTION_NAMES[this.lastAction]})`;
    return `${rows.map((line) => line.join('')).join('\n')}\n${footing}\n`;
  }
}

const STATES = SIZE * SIZE * 5 * PLACES.length;
const ACTION_MASKS: readonly Int8Array[] = Array.from({ length: STATES }, (_, number) => {
  const state = TaxiEnv.decode(number);
  const place = placeOf(state);
  const moves = [0, 1, 2, 3].map((move) => canMove(state, move));
  const canPickUp = state.passenger !== IN_TAXI && place === state.passenger;
  const canDropOff = state.passenger === IN_TAXI && place !== -1;
  return Int8Array.from([...moves, canPickUp, canDropOff], Number);
});

/** The place at which the taxi stands, or -1. */
function placeOf({ taxiRow, taxiColumn }: TaxiState): number {
  return PLACES.findIndex(([row, column]) => row === taxiRow && column === taxiColumn);
}

/** Whether neither the edge of the town nor a wall is in the way. */
function canMove({ taxiRow, taxiColumn }: TaxiState, move: number): boolean {
  const [down, right] = MOVES[move];
  if (right === 0) return taxiRow + down >= 0 && taxiRow + down < SIZE;
  return MAP[1 + taxiRow]?.[1 + 2 * taxiColumn + right] === ':';
}

function moved(state: TaxiState, move: number): number {
  if (!canMove(state, move)) return TaxiEnv.encode(state);
  const [down, right] = MOVES[move];
  return TaxiEnv.encode({ ...state, taxiRow: state.taxiRow + down, taxiColumn: state.taxiColumn + right });
}

/** @param rain the probability that a move goes where it should; null on a dry day */
function transitionTable(rain: number | null): TransitionTable {
  const move = (state: TaxiState, action: number): Transition[] => {
    const intended = moved(state, action);
    if (rain === null) return [[1, intended, -1, false]];
    // A taxi that cannot go where it should does not drift either.
    const drifts = canMove(state, action) ? DRIFTS[action] : undefined;
    const [left, right] = drifts?.map((drift) => moved(state, drift)) ?? [intended, intended];
    const aside = (1 - rain) / 2;
    return [
      [rain, intended, -1, false],
      [aside, left, -1, false],
      [aside, right, -1, false],
    ];
  };

  const pickUp = (state: TaxiState): Transition => {
    if (state.passenger === IN_TAXI || placeOf(state) !== state.passenger)
      return [1, TaxiEnv.encode(state), -10, false];
    return [1, TaxiEnv.encode({ ...state, passenger: IN_TAXI }), -1, false];
  };

  const dropOff = (state: TaxiState): Transition => {
    const place = placeOf(state);
    if (state.passenger !== IN_TAXI || place === -1) return [1, TaxiEnv.encode(state), -10, false];
    const isThere = place === state.destination;
    return [1, TaxiEnv.encode({ ...state, passenger: place }), isThere ? 20 : -1, isThere];
  };

  return Array.from({ length: STATES }, (_, number) => {
    const state = TaxiEnv.decode(number);
    return [...[0, 1, 2, 3].map((action) => move(state, action)), [pickUp(state)], [dropOff(state)]];
  });
}

/** Evenly all states in which the passenger waits at a place that is not their destination. */
function startStates(): Float64Array {
  const isStart = ({ passenger, destination }: TaxiState) => passenger !== IN_TAXI && passenger !== destination;
  const starts = Float64Array.from({ length: STATES }, (_, state) => Number(isStart(TaxiEnv.decode(state))));
  const count = starts.reduce((sum, start) => sum + start, 0);
  return starts.map((start) => start / count);
}
