import type { ActionOf, Env } from '../env.ts';
import type { Arrays, Dtype } from '../spaces/arrays.ts';
import { zeros } from '../spaces/arrays.ts';
import { Box } from '../spaces/box.ts';
import type { Space } from '../spaces/space.ts';
import { isBox } from '../space-kinds.ts';
import { ActionWrapper } from '../wrapper.ts';
import { type Bounds, rescaleBox } from './rescale-box.ts';

/** Options of {@link TransformAction}. */
export interface TransformActionOptions<E extends Env, Action> {
  /** Turns an action of the wrapper into one of the wrapped environment. */
  readonly func: (action: Action) => ActionOf<E>;
  /** The wrapper's action space. Default: that of the wrapped environment. */
  readonly actionSpace?: Space<Action> | undefined;
}

/** Applies a function to every action, before the environment gets it. */
export class TransformAction<E extends Env = Env, Action = ActionOf<E>> extends ActionWrapper<E, Action> {
  readonly #func: (action: Action) => ActionOf<E>;

  constructor(env: E, options: TransformActionOptions<E, Action>) {
    super(env, options, { actionSpace: options.actionSpace });
    this.#func = options.func;
  }

  override action(action: Action): ActionOf<E> {
    return this.#func(action);
  }
}

/** Clips actions to the bounds of the environment's Box. The wrapper's own action space has no bounds. */
export class ClipAction<E extends Env = Env> extends ActionWrapper<E> {
  readonly #inner: Box<Dtype>;

  constructor(env: E) {
    const inner = boxOf(env, 'ClipAction');
    const { shape, dtype } = inner;
    const [low, high] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
    super(env, {}, { actionSpace: new Box({ low, high, shape, dtype }) as unknown as Space<ActionOf<E>> });
    this.#inner = inner;
  }

  override action(action: ActionOf<E>): ActionOf<E> {
    const { low, high, dtype } = this.#inner;
    const clipped = zeros(dtype, low.length);
    const values = action as ArrayLike<number>;
    for (let i = 0; i < clipped.length; i++) clipped[i] = Math.min(Math.max(values[i], low[i]), high[i]);
    return clipped as ActionOf<E>;
  }
}

/** Options of {@link RescaleAction}. */
export interface RescaleActionOptions {
  /** The lower bounds of the wrapper's action space. */
  readonly minAction: Bounds;
  /** The upper bounds of the wrapper's action space. */
  readonly maxAction: Bounds;
}

/** Maps actions from `[minAction, maxAction]` affinely onto the bounds of the environment's Box. */
export class RescaleAction<E extends Env = Env> extends ActionWrapper<E> {
  readonly #backward: (action: ArrayLike<number>) => Arrays[Dtype];

  constructor(env: E, options: RescaleActionOptions) {
    const { box, backward } = rescaleBox(boxOf(env, 'RescaleAction'), options.minAction, options.maxAction);
    super(env, options, { actionSpace: box as unknown as Space<ActionOf<E>> });
    this.#backward = backward;
  }

  override action(action: ActionOf<E>): ActionOf<E> {
    return this.#backward(action as ArrayLike<number>) as ActionOf<E>;
  }
}

function boxOf(env: Env, wrapper: string): Box<Dtype> {
  const space: Space = env.actionSpace;
  if (!isBox(space)) throw new TypeError(`${wrapper} needs a Box as action space, but ${env} has ${space}`);
  return space;
}
