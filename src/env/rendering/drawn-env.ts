// Environments that have a drawing, and so a picture of every state.

import { Env } from '../env.ts';
import type { Drawing } from './drawing.ts';
import { drawFrame } from './frame.ts';

/**
 * An environment whose picture is drawn from plain data. Subclasses set `drawing` and `renderState`, and list the render mode
 * `rgb_array` in their metadata; `render` is here.
 *
 * @typeParam State what its drawing takes
 */
export abstract class DrawnEnv<Observation = unknown, Action = unknown, State = unknown> extends Env<
  Observation,
  Action
> {
  /** How it is drawn; null if it is not. */
  readonly drawing: Drawing<State> | null = null;

  /** What a picture of the present state is drawn from, as plain data; null before the first reset. */
  renderState(): State | null {
    return null;
  }

  /** In mode `rgb_array` a {@link Frame}, before the first reset and without a mode null. */
  override render(): unknown {
    const state = this.renderMode === 'rgb_array' ? this.renderState() : null;
    return state === null || this.drawing === null ? null : drawFrame(this.drawing, state);
  }
}
