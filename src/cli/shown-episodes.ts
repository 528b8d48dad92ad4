// Episodes of an environment, one after another, each step shown in the page.

import { setTimeout as sleep } from 'node:timers/promises';
import { DrawnEnv, drawingOf, type Env, type EnvKwargs, make } from '../env/index.ts';
import type { ViewerServer } from '../env/rendering/viewer-server.ts';
import { CliError } from './cli-error.ts';

/** An environment that the page can draw. Throws a CliError that says which can if it is none. */
export function makeDrawn(id: string, kwargs: EnvKwargs = {}): { readonly env: Env; readonly drawn: DrawnEnv } {
  const env: Env = make(id, kwargs);
  const drawn = env.unwrapped;
  if (drawn instanceof DrawnEnv && drawingOf(env.spec?.id ?? id) === drawn.drawing) return { env, drawn };
  throw new CliError(`${id} has no picture: only classic control and toy text environments can be drawn`);
}

/** Where the episodes stand. */
export class ShownEpisodes {
  readonly #env: Env;
  readonly #drawn: DrawnEnv;
  readonly #viewer: ViewerServer;
  readonly #fps: number;
  /** Of each episode that has ended. */
  readonly returns: number[] = [];
  observation: unknown;
  /** Whether the episode is over. */
  ended = true;
  length = 0;
  #return = 0;
  #next = 0;

  constructor({ env, drawn }: { readonly env: Env; readonly drawn: DrawnEnv }, viewer: ViewerServer, fps?: number) {
    this.#env = env;
    this.#drawn = drawn;
    this.#viewer = viewer;
    this.#fps = fps ?? drawn.drawing?.fps ?? 30;
  }

  /** Begins an episode. One that was under way does not count. */
  async reset(seed: number | undefined, status?: string): Promise<void> {
    [this.observation] = await this.#env.reset({ seed });
    this.ended = false;
    this.length = 0;
    this.#return = 0;
    this.show(status);
  }

  /** @param status of what is shown, told whether the episode is over, and with which return */
  async step(action: unknown, status?: (ended: boolean, total: number) => string): Promise<void> {
    const [observation, reward, terminated, truncated] = await this.#env.step(action);
    this.observation = observation;
    this.#return += reward;
    this.length++;
    this.ended = terminated || truncated;
    if (this.ended) this.returns.push(this.#return);
    this.show(status?.(this.ended, this.#return));
  }

  show(status?: string): void {
    const lastReturn = this.returns.at(-1);
    this.#viewer.show({
      state: this.#drawn.renderState(),
      episode: this.returns.length + (this.ended ? 0 : 1),
      length: this.length,
      return: this.#return,
      lastReturn,
      status,
    });
  }

  /** Waits until it is time for the next frame. */
  async pace(signal: AbortSignal): Promise<void> {
    const now = performance.now();
    this.#next = Math.max(this.#next, now - 1000 / this.#fps) + 1000 / this.#fps;
    await sleep(Math.max(0, this.#next - now), undefined, { signal }).catch(() => undefined);
  }
}
