// FrozenLake: cross a frozen lake without falling into a hole.

import { npRandom } from '../../random/index.ts';
import { checkedRenderMode } from '../checks.ts';
import type { EnvMetadata } from '../env.ts';
import type { Drawing } from '../rendering/drawing.ts';
import { frozenLakeDrawing, type FrozenLakePicture } from '../rendering/frozen-lake.ts';
import { colored } from './colored.ts';
import { TabularEnv, type Transition, type TransitionTable } from './tabular.ts';

const LEFT = 0;
const DOWN = 1;
const RIGHT = 2;
const ACTION_NAMES = ['Left', 'Down', 'Right', 'Up'];

/** The two lakes that have a name. `S` start, `F` frozen, `H` hole, `G` goal. */
export const FROZEN_LAKE_MAPS = {
  '4x4': ['SFFF', 'FHFH', 'FFFH', 'HFFG'],
  '8x8': ['SFFFFFFF', 'FFFFFFFF', 'FFFHFFFF', 'FFFFFHFF', 'FFFHFFFF', 'FHHFFFHF', 'FHFFHFHF', 'FFFHFFFG'],
} as const satisfies Record<string, readonly string[]>;

/** What FrozenLake may be made with. */
export interface FrozenLakeOptions {
  /** A lake of one's own, a string for each row; null takes `mapName`. Default null. */
  readonly desc?: readonly string[] | null | undefined;
  /** A lake by name; null with no `desc` makes a random 8x8 lake. Default `4x4`. */
  readonly mapName?: keyof typeof FROZEN_LAKE_MAPS | null | undefined;
  /** Whether the ice is slippery. Default true. */
  readonly isSlippery?: boolean | undefined;
  /** On slippery ice, the probability of going where one wants; the rest goes to both sides evenly. Default 1/3. */
  readonly successRate?: number | undefined;
  /** The rewards of reaching the goal, a hole, and ice. Default `[1, 0, 0]`. */
  readonly rewardSchedule?: readonly [goal: number, hole: number, frozen: number] | undefined;
  /** `ansi` draws text, `rgb_array` pictures, `human` shows them in the browser. Default null. */
  readonly renderMode?: string | null | undefined;
}

/**
 * Cross the frozen lake from start to goal. There are holes, and on the slippery ice one may slide sideways.
 *
 * - **Action** `Discrete(4)`: 0 left, 1 down, 2 right, 3 up. At the edge of the lake one stays where one is.
 * - **Observation** `Discrete(rows * columns)`: `row * columns + column`.
 * - **Reward** 1 at the goal, else 0; see `rewardSchedule`.
 * - **Terminated** at the goal and in a hole. FrozenLake-v1 is truncated after 100 steps, FrozenLake8x8-v1 after 200.
 * - **Start** on the tile `S`.
 * - **Info** `prob`: the probability of the move that happened.
 *
 * Source: Gymnasium's FrozenLake-v1.
 */
export class FrozenLakeEnv extends TabularEnv<FrozenLakePicture> {
  static readonly metadata: EnvMetadata = { renderModes: ['human', 'ansi', 'rgb_array'], renderFps: 4 };

  override readonly metadata: EnvMetadata = FrozenLakeEnv.metadata;
  override readonly renderMode: string | null;
  override readonly drawing: Drawing<FrozenLakePicture> = frozenLakeDrawing;
  /** The lake, a string for each row. */
  readonly desc: readonly string[];

  constructor(options: FrozenLakeOptions = {}) {
    const { desc = null, mapName = '4x4', renderMode = null } = options;
    const map = checkedMap(desc ?? (mapName === null ? generateRandomMap() : FROZEN_LAKE_MAPS[mapName]), mapName);
    const tiles = map.join('');
    const starts = tiles.split('S').length - 1;
    super(
      'FrozenLake',
      transitionTable(map, options),
      Float64Array.from(tiles, (tile) => (tile === 'S' ? 1 / starts : 0)),
    );
    this.desc = map;
    this.renderMode = checkedRenderMode('FrozenLake', renderMode, this.metadata);
  }

  /** The lake and the player, for the picture. */
  override renderState(): FrozenLakePicture | null {
    return this.state === null ? null : { desc: this.desc, cell: this.state, lastAction: this.lastAction };
  }

  /** With render mode `ansi`: the last action, then the lake, with the player's tile on red. With `rgb_array` a picture. */
  override render(): unknown {
    if (this.renderMode !== 'ansi') return super.render();
    if (this.state === null) return null;
    const columns = this.desc[0]?.length ?? 0;
    const rows = this.desc.map((row) => [...row]);
    const row = rows[Math.floor(this.state / columns)];
    const column = this.state % columns;
    row[column] = colored(row[column], 'red', { highlight: true });
    const heading = this.lastAction === null ? '' : `  (${ACTION_NAMES[this.lastAction]})`;
    return `${heading}\n${rows.map((line) => line.join('')).join('\n')}\n`;
  }
}

/**
 * A random lake of `size` rows and columns with a way from the start, top left, to the goal, bottom right.
 *
 * @param size rows and columns; default 8
 * @param p the probability that a tile is frozen; default 0.8
 * @param seed makes the lake reproducible, the same as Gymnasium's `generate_random_map`
 */
export function generateRandomMap(size = 8, p = 0.8, seed?: number | bigint): string[] {
  if (!(Number.isInteger(size) && size >= 2))
    throw new RangeError(`size must be an integer of at least 2 but is ${size}`);
  if (!(p > 0)) throw new RangeError(`p must be a probability above 0 but is ${p}; no lake of holes can be crossed`);
  const [random] = npRandom(seed);
  const frozen = Math.min(1, p);
  for (;;) {
    // NumPy's choice(['F', 'H'], p=[p, 1 - p]) takes the first entry whose share of the cumulative sum exceeds a uniform number.
    const share = frozen / (frozen + (1 - frozen));
    const tiles = Array.from({ length: size * size }, (): string => (random.random() < share ? 'F' : 'H'));
    tiles[0] = 'S';
    tiles[size * size - 1] = 'G';
    const map = Array.from({ length: size }, (_, row) => tiles.slice(row * size, (row + 1) * size).join(''));
    if (hasPath(map)) return map;
  }
}

function hasPath(map: readonly string[]): boolean {
  const frontier: [row: number, column: number][] = [[0, 0]];
  const seen = new Set<string>();
  for (let place = frontier.pop(); place !== undefined; place = frontier.pop()) {
    const [row, column] = place;
    const tile = map[row]?.[column];
    if (tile === 'G') return true;
    if (tile === undefined || tile === 'H' || seen.has(`${row},${column}`)) continue;
    seen.add(`${row},${column}`);
    frontier.push([row + 1, column], [row, column + 1], [row - 1, column], [row, column - 1]);
  }
  return false;
}

function checkedMap(map: readonly string[] | undefined, mapName: string | null): readonly string[] {
  if (map === undefined) {
    throw new RangeError(
      `FrozenLake: no map is called '${mapName}'; maps: ${Object.keys(FROZEN_LAKE_MAPS).join(', ')}`,
    );
  }
  if (new Set(map.map((row) => row.length)).size !== 1 || !map.every((row) => /^[SFHG]+$/.test(row))) {
    throw new RangeError(
      `FrozenLake: the rows of desc must be equally long and made of S, F, H and G, got ${JSON.stringify(map)}`,
    );
  }
  if (!map.some((row) => row.includes('S')))
    throw new RangeError(`FrozenLake: desc has no start S: ${JSON.stringify(map)}`);
  return map;
}

function transitionTable(map: readonly string[], options: FrozenLakeOptions): TransitionTable {
  const { isSlippery = true, successRate = 1 / 3, rewardSchedule = [1, 0, 0] } = options;
  const failRate = (1 - successRate) / 2;
  const rows = map.length;
  const columns = map[0]?.length ?? 0;
  const [goal, hole, frozen] = rewardSchedule;

  const outcome = (probability: number, row: number, column: number, direction: number): Transition => {
    let nextRow = row;
    let nextColumn = column;
    if (direction === LEFT) nextColumn = Math.max(column - 1, 0);
    else if (direction === DOWN) nextRow = Math.min(row + 1, rows - 1);
    else if (direction === RIGHT) nextColumn = Math.min(column + 1, columns - 1);
    else nextRow = Math.max(row - 1, 0);
    const tile = map[nextRow]?.[nextColumn];
    const reward = tile === 'G' ? goal : tile === 'H' ? hole : frozen;
    return [probability, nextRow * columns + nextColumn, reward, tile === 'G' || tile === 'H'];
  };

  const transitions = (row: number, column: number, action: number): Transition[] => {
    const tile = map[row]?.[column];
    if (tile === 'G' || tile === 'H') return [[1, row * columns + column, 0, true]];
    if (!isSlippery) return [outcome(1, row, column, action)];
    return [
      outcome(failRate, row, column, (action + 3) % 4),
      outcome(successRate, row, column, action),
      outcome(failRate, row, column, (action + 1) % 4),
    ];
  };

  return Array.from({ length: rows * columns }, (_, state) =>
    [0, 1, 2, 3].map((action) => transitions(Math.floor(state / columns), state % columns, action)),
  );
}
