// What a command of several phases shows, and what Ctrl-C means meanwhile.

import { Interrupt } from './interrupt.ts';
import { type Progress, ProgressLine } from './progress-line.ts';

/** Flags of commands that train. */
export interface ScreenFlags {
  /** Print nothing but errors. */
  readonly quiet?: boolean | undefined;
  /** Print the result as JSON, and nothing else. */
  readonly json?: boolean | undefined;
}

/** Text that is printed, one line of progress below it, and the signal that ends the work. Release it in the end. */
export class Screen {
  readonly #silent: boolean;
  readonly #json: boolean;
  readonly #interrupt: Interrupt;
  #line = new ProgressLine(process.stderr);
  #unit = 'step';

  constructor({ quiet = false, json = false }: ScreenFlags) {
    this.#silent = quiet || json;
    this.#json = json;
    this.#interrupt = new Interrupt(() => {
      this.#line.clear();
      if (!this.#silent)
        console.error(`Stopping after this ${this.#unit}. Ctrl-C again stops at once, without saving.`);
    });
  }

  /** Aborted by the first Ctrl-C. */
  get signal(): AbortSignal {
    return this.#interrupt.signal;
  }

  /**
   * A phase begins, with a line of progress of its own.
   *
   * @param unit what is finished before Ctrl-C takes effect
   * @param phase what the line calls it, where there are several
   */
  begin(unit: string, phase?: string): void {
    this.#line.clear();
    this.#line = new ProgressLine(process.stderr, phase);
    this.#unit = unit;
  }

  say(text: string): void {
    this.#line.clear();
    if (!this.#silent) console.log(text);
  }

  warn(text: string): void {
    this.#line.clear();
    if (!this.#silent) console.error(`warning: ${text}`);
  }

  /** Draws the line of progress, now and then. */
  progress(progress: Progress): void {
    if (!this.#silent && !this.signal.aborted) this.#line.update(progress);
  }

  /** The result, for programs. */
  result(value: object): void {
    if (this.#json) console.log(JSON.stringify(value));
  }

  release(): void {
    this.#line.clear();
    this.#interrupt.release();
  }
}
