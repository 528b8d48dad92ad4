// CliffWalking: walk along a cliff without falling.

import { checkedRenderMode } from '../checks.ts';
import type { EnvMetadata } from '../env.ts';
import { cliffWalkingDrawing, type CliffWalkingPicture } from '../rendering/cliff-walking.ts';
import type { Drawing } from '../rendering/drawing.ts';
import { TabularEnv, type Transition, type TransitionTable } from './tabular.ts';

const ROWS = 4;
const COLUMNS = 12;
const START = 36;
const GOAL = 47;
/** Row and column steps of the actions up, right, down, left. */
const MOVES = [
  [-1, 0],
  [0, 1],
  [1, 0],
  [0, -1],
] as const;

/** What CliffWalking may be made with. */
export interface CliffWalkingOptions {
  /** Whether a step may go to either side instead, each with probability 1/3. Default false. */
  readonly isSlippery?: boolean | undefined;
  /** `ansi` draws text, `rgb_array` pictures, `human` shows them in the browser. Default null. */
  readonly renderMode?: string | null | undefined;
}

/**
 * Walk from one end of a cliff to the other on a grid of 4 rows and 12 columns. The cliff runs between start and goal along
 * the last row; whoever steps over it is put back to the start.
 *
 * - **Action** `Discrete(4)`: 0 up, 1 right, 2 down, 3 left. At the edge of the grid one stays where one is.
 * - **Observation** `Discrete(48)`: `row * 12 + column`.
 * - **Reward** -1 for each step, -100 for one over the cliff.
 * - **Terminated** at the goal, state 47. Neither CliffWalking-v1 nor CliffWalkingSlippery-v1 is truncated.
 * - **Start** state 36.
 * - **Info** `prob`: the probability of the move that happened.
 *
 * Source: Sutton and Barto, "Reinforcement Learning: An Introduction", Example 6.6; Gymnasium's CliffWalking-v1.
 */
export class CliffWalkingEnv extends TabularEnv<CliffWalkingPicture> {
  static readonly metadata: EnvMetadata = { renderModes: ['human', 'ansi', 'rgb_array'], renderFps: 4 };

  override readonly metadata: EnvMetadata = CliffWalkingEnv.metadata;
  override readonly renderMode: string | null;
  override readonly drawing: Drawing<CliffWalkingPicture> = cliffWalkingDrawing;

  constructor({ isSlippery = false, renderMode = null }: CliffWalkingOptions = {}) {
    const start = new Float64Array(ROWS * COLUMNS);
    start[START] = 1;
    super('CliffWalking', transitionTable(isSlippery), start);
    this.renderMode = checkedRenderMode('CliffWalking', renderMode, this.metadata);
  }

  /** The player, for the picture. */
  override renderState(): CliffWalkingPicture | null {
    return this.state === null ? null : { cell: this.state, lastAction: this.lastAction };
  }

  /** With render mode `ansi`: the grid with the player `x`, the goal `T`, the cliff `C`, and `o` elsewhere. With `rgb_array` a picture. */
  override render(): unknown {
    if (this.renderMode !== 'ansi') return super.render();
    if (this.state === null) return null;
    let text = '';
    for (let row = 0; row < ROWS; row++) {
      const cells = Array.from({ length: COLUMNS }, (_, column) => {
        const cell = row * COLUMNS + column;
        if (cell === this.state) return 'x';
        if (cell === GOAL) return 'T';
        return isCliff(cell) ? 'C' : 'o';
      });
      text += `${cells.join('  ')}\n`;
    }
    return `${text}\n`;
  }
}

function isCliff(cell: number): boolean {
  return cell > START && cell < GOAL;
}

function transitionTable(isSlippery: boolean): TransitionTable {
  const outcome = (probability: number, state: number, move: number): Transition => {
    const [down, right] = MOVES[move];
    const row = Math.min(Math.max(Math.floor(state / COLUMNS) + down, 0), ROWS - 1);
    const column = Math.min(Math.max((state % COLUMNS) + right, 0), COLUMNS - 1);
    const next = row * COLUMNS + column;
    return isCliff(next) ? [probability, START, -100, false] : [probability, next, -1, next === GOAL];
  };
  return Array.from({ length: ROWS * COLUMNS }, (_, state) =>
    [0, 1, 2, 3].map((action) =>
      isSlippery
        ? [
            outcome(1 / 3, state, (action + 3) % 4),
            outcome(1 / 3, state, action),
            outcome(1 / 3, state, (action + 1) % 4),
          ]
        : [outcome(1, state, action)],
    ),
  );
}
