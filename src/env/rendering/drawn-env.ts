// Environments that have a drawing, and so a picture of every state.

import { Env } from '../env.ts';
import type { Drawing } from './drawing.ts';
import { drawings } from './drawings.ts';
import { drawFrame, frameAddress } from './frame.ts';
import { HumanViewer } from './human-viewer.ts';

/**
 * An environment whose picture is drawn from plain data. Subclasses set `drawing` and `renderState`, list the render modes
 * `human` and `rgb_array` in their metadata, and call `this.showHuman()` at the end of `reset` and `step`; `render` is here.
 *
 * @typeParam State what its drawing takes
 */
export abstract class DrawnEnv<Observation = unknown, Action = unknown, State = unknown> extends Env<
  Observation,
  Action
> {
  /** How it is drawn; null if it is not. */
  readonly drawing: Drawing<State> | null = null;
  #viewer: HumanViewer | undefined;

  /** What a picture of the present state is drawn from, as plain data; null before the first reset. */
  renderState(): State | null {
    return null;
  }

  /**
   * In mode `rgb_array` a {@link Frame}, before the first reset and without a mode null. In mode `human` the page in the browser shows the
   * state, as it does after each `reset` and `step` by itself, and null is returned when it is time for the next.
   */
  override render(): unknown {
    const state = this.renderState();
    if (state === null || this.drawing === null) return null;
    if (this.renderMode === 'human') this.#show(state, this.drawing);
    return this.renderMode === 'rgb_array' ? drawFrame(this.drawing, state) : null;
  }

  override close(): void {
    this.#viewer?.close();
    this.#viewer = undefined;
  }

  /** Shows the state if the render mode is `human`. */
  protected showHuman(): void {
    if (this.renderMode === 'human') this.render();
  }

  #show(state: State, drawing: Drawing<State>): void {
    // The page knows the drawings of this package; those of others come as pictures.
    const known = Object.keys(drawings).find((name) => drawings[name] === drawing) ?? null;
    const title = this.spec?.id ?? this.constructor.name;
    this.#viewer ??= new HumanViewer({ title, envId: known, help: '', controls: [] }, drawing.fps);
    this.#viewer.show(known === null ? { picture: frameAddress(drawFrame(drawing, state)) } : { state });
  }
}
