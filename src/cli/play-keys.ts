// Which keys do what in each environment that can be drawn.

/** How a person acts. */
export interface Controls {
  readonly keys: readonly Control[];
  /** The action while no key is held, by the number of the step; null where the environment waits for a key. */
  readonly idle: ((step: number) => unknown) | null;
}

interface Control {
  /** As the browser names it. */
  readonly key: string;
  readonly label: string;
  readonly action: unknown;
}

const [LEFT, RIGHT, UP, DOWN] = ['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown'];

const lake: Controls = {
  keys: [
    { key: LEFT, label: '← left', action: 0 },
    { key: DOWN, label: '↓ down', action: 1 },
    { key: RIGHT, label: '→ right', action: 2 },
    { key: UP, label: '↑ up', action: 3 },
  ],
  idle: null,
};

const cliff: Controls = {
  keys: [
    { key: UP, label: '↑ up', action: 0 },
    { key: RIGHT, label: '→ right', action: 1 },
    { key: DOWN, label: '↓ down', action: 2 },
    { key: LEFT, label: '← left', action: 3 },
  ],
  idle: null,
};

/** By the environment's name: its id without the version. */
const CONTROLS: Readonly<Record<string, Controls>> = {
  CartPole: {
    keys: [
      { key: LEFT, label: '← push left', action: 0 },
      { key: RIGHT, label: '→ push right', action: 1 },
    ],
    // There is no action that does nothing: pushes to both sides by turns come closest.
    idle: (step) => step % 2,
  },
  MountainCar: {
    keys: [
      { key: LEFT, label: '← accelerate left', action: 0 },
      { key: RIGHT, label: '→ accelerate right', action: 2 },
    ],
    idle: () => 1,
  },
  MountainCarContinuous: {
    keys: [
      { key: LEFT, label: '← accelerate left', action: Float32Array.of(-1) },
      { key: RIGHT, label: '→ accelerate right', action: Float32Array.of(1) },
    ],
    idle: () => Float32Array.of(0),
  },
  Acrobot: {
    keys: [
      { key: LEFT, label: '← turn clockwise', action: 0 },
      { key: RIGHT, label: '→ turn counter-clockwise', action: 2 },
    ],
    idle: () => 1,
  },
  Pendulum: {
    keys: [
      { key: LEFT, label: '← turn counter-clockwise', action: Float32Array.of(2) },
      { key: RIGHT, label: '→ turn clockwise', action: Float32Array.of(-2) },
    ],
    idle: () => Float32Array.of(0),
  },
  FrozenLake: lake,
  FrozenLake8x8: lake,
  CliffWalking: cliff,
  CliffWalkingSlippery: cliff,
  Taxi: {
    keys: [
      { key: DOWN, label: '↓ south', action: 0 },
      { key: UP, label: '↑ north', action: 1 },
      { key: RIGHT, label: '→ east', action: 2 },
      { key: LEFT, label: '← west', action: 3 },
      { key: 'p', label: 'P pick up', action: 4 },
      { key: 'd', label: 'D drop off', action: 5 },
    ],
    idle: null,
  },
  Blackjack: {
    keys: [
      { key: 's', label: 'S stick', action: 0 },
      { key: 'h', label: 'H hit', action: 1 },
    ],
    idle: null,
  },
};

/** How a person acts in an environment; undefined if there are no keys for it. */
export function controlsOf(envId: string): Controls | undefined {
  const name = envId.replace(/-v\d+$/, '');
  return Object.hasOwn(CONTROLS, name) ? CONTROLS[name] : undefined;
}

/** The names of the environments that there are keys for. */
export const playable: readonly string[] = Object.keys(CONTROLS);
