// `gymformer play`: a person acts, with the keyboard, in a page on this machine.

import { EventEmitter, once } from 'node:events';
import { findSpec } from '../env/index.ts';
// So that environments of text are known, and refused for what they are.
import '../env/text/index.ts';
import { type ViewerInput, ViewerServer } from '../env/rendering/viewer-server.ts';
import { CliError } from './cli-error.ts';
import { optionalNatural } from './flags.ts';
import { counted, figure } from './format.ts';
import { Interrupt } from './interrupt.ts';
import { controlsOf, playable } from './play-keys.ts';
import { makeDrawn, ShownEpisodes } from './shown-episodes.ts';

const RESTART = { key: 'r', label: 'R restart' };

/** Serves the page until Ctrl-C. */
export async function play(id: string, flags: Readonly<Record<string, string | boolean>>): Promise<void> {
  const seed = optionalNatural('--seed', flags['seed'], 0);
  const fps = optionalNatural('--fps', flags['fps'], 1);
  const envId = findSpec(id).id;
  const controls = controlsOf(envId);
  if (controls === undefined) throw new CliError(`There are no keys for ${envId}. You can play ${playable.join(', ')}`);
  const environment = makeDrawn(envId);
  const keyboard = new Keyboard();
  const interrupt = new Interrupt(() => undefined);
  const { signal } = interrupt;
  const viewer = await ViewerServer.start(
    {
      title: envId,
      envId,
      help: 'Press a key to begin.',
      controls: [...controls.keys, RESTART].map(({ key, label }) => ({ key, label })),
    },
    {
      port: optionalNatural('--port', flags['port'], 0),
      onInput: (input) => keyboard.hear(input),
      onViewers: (count) => keyboard.watch(count),
    },
  );
  console.log(`Play ${envId} at ${viewer.url} (Ctrl-C ends)`);
  const episodes = new ShownEpisodes(environment, viewer, fps);
  const status = (ended: boolean, total: number): string =>
    ended ? `Episode over, with a return of ${figure(total)}. Press a key to play again.` : '';
  let begun = 0;
  const begin = async (line: string): Promise<void> => {
    await episodes.reset(seed === undefined ? undefined : seed + begun++, line);
    keyboard.forget();
  };
  try {
    await begin('Press a key to begin.');
    let waits = true;
    while (!signal.aborted) {
      if (waits || controls.idle === null) await keyboard.nextPress(signal);
      if (signal.aborted) break;
      const pressed = keyboard.take();
      if (pressed === RESTART.key) {
        await begin('Press a key to begin.');
        waits = true;
        continue;
      }
      waits = false;
      if (episodes.ended) {
        await begin('');
        continue;
      }
      // Whoever closed the page, or looks away from it, has not lost.
      if (!keyboard.isWatched) {
        waits = true;
        continue;
      }
      const held = controls.idle === null ? pressed : keyboard.held;
      const control = controls.keys.find(({ key }) => key === held);
      if (control !== undefined || controls.idle !== null) {
        await episodes.step(control === undefined ? controls.idle?.(episodes.length) : control.action, status);
        waits = episodes.ended;
      }
      if (controls.idle !== null) await episodes.pace(signal);
    }
  } finally {
    interrupt.release();
    await viewer.close();
    await environment.env.close();
  }
  const { returns } = episodes;
  const best = returns.length === 0 ? '' : `, the best with a return of ${figure(Math.max(...returns))}`;
  console.log(`You played ${counted(returns.length, 'episode')} of ${envId}${best}.`);
}

/** What the pages tell of keys. */
class Keyboard {
  readonly #events = new EventEmitter();
  #held: readonly string[] = [];
  #presses: string[] = [];
  #viewers = 0;

  hear({ keys, pressed }: ViewerInput): void {
    this.#held = keys;
    if (pressed === null) return;
    // Turns that were not waited for are not saved up.
    this.#presses = [...this.#presses.slice(-3), pressed];
    this.#events.emit('press');
  }

  watch(count: number): void {
    this.#viewers = count;
    if (count === 0) this.#held = [];
  }

  get isWatched(): boolean {
    return this.#viewers > 0;
  }

  /** The key that is held; of several, the latest. */
  get held(): string | undefined {
    return this.#held.at(-1);
  }

  /** The oldest press that was not taken yet. */
  take(): string | undefined {
    return this.#presses.shift();
  }

  forget(): void {
    this.#presses = [];
  }

  /** Resolves when a key is pressed, at once if one was and is not taken, or when `signal` is aborted. */
  async nextPress(signal: AbortSignal): Promise<void> {
    if (this.#presses.length === 0) await once(this.#events, 'press', { signal }).catch(() => undefined);
  }
}
