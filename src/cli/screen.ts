// What a command that trains shows, and what Ctrl-C means meanwhile: text and a line of progress for people, or a JSON object a line for
// programs, never both.

import { memoryText, type RunStart } from '../trainer/index.ts';
import { Interrupt } from './interrupt.ts';
import { printable } from './printable.ts';
import { type Progress, ProgressLine } from './progress-line.ts';

/** Flags of commands that train. */
export interface ScreenFlags {
  /** Print nothing but errors; with `json`, the last line alone. */
  readonly quiet?: boolean | undefined;
  /** Print an object a line, and nothing else. */
  readonly json?: boolean | undefined;
}

/** What a line of `--json` is about. */
export type ScreenEvent = 'start' | 'progress' | 'evaluation' | 'checkpoint' | 'warning' | 'end';

/** Seconds between two lines of progress in JSON. */
const PROGRESS_SECONDS = 1;

const NEVER = new AbortController().signal;

/** Text that is printed, one line of progress below it, and the signal that ends the work. Release it in the end. */
export class Screen {
  readonly #silent: boolean;
  readonly #json: boolean;
  readonly #onlyEnd: boolean;
  #interrupt: Interrupt | undefined;
  #line = new ProgressLine(process.stderr);
  #unit = 'step';
  #phase: string | undefined;
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor({ quiet = false, json = false }: ScreenFlags) {
    this.#silent = quiet || json;
    this.#json = json;
    this.#onlyEnd = quiet;
  }

  /** Aborted by the first Ctrl-C. Before the first phase there is nothing to save, and Ctrl-C ends the process. */
  get signal(): AbortSignal {
    return this.#interrupt?.signal ?? NEVER;
  }

  /** Whether an error is what work throws that was given up for {@link signal}. */
  isInterrupt(error: unknown): boolean {
    return this.signal.aborted && error === this.signal.reason;
  }

  /**
   * A phase begins, with a line of progress of its own.
   *
   * @param unit what is under way when Ctrl-C comes: it is finished if that takes a moment, else given up
   * @param phase what the line calls it, where there are several
   */
  begin(unit: string, phase?: string): void {
    this.#interrupt ??= new Interrupt((signal) => this.#stopping(signal));
    this.#line.clear();
    this.#line = new ProgressLine(process.stderr, phase);
    this.#unit = unit;
    this.#phase = phase;
    this.#toldAt = Number.NEGATIVE_INFINITY;
  }

  say(text: string): void {
    this.#line.clear();
    if (!this.#silent) console.log(printable(text));
  }

  /** Shows a picture made of text, with the colours that it has. */
  draw(picture: string): void {
    this.#line.clear();
    if (!this.#silent) console.log(picture);
  }

  warn(text: string): void {
    this.#line.clear();
    if (!this.#silent) console.error(printable(`warning: ${text}`));
    this.tell('warning', { message: text });
  }

  /** Draws the line of progress, now and then. */
  progress(progress: Progress): void {
    if (!this.#silent && !this.signal.aborted) this.#line.update(progress);
    const now = performance.now() / 1000;
    if (!this.#json || now - this.#toldAt < PROGRESS_SECONDS) return;
    this.#toldAt = now;
    this.tell('progress', { ...progress.facts, secondsLeft: progress.left });
  }

  /** What happened, for programs. */
  tell(event: Exclude<ScreenEvent, 'end'>, facts: object): void {
    if (!this.#json || this.#onlyEnd) return;
    console.log(JSON.stringify({ event, ...(this.#phase === undefined ? {} : { phase: this.#phase }), ...facts }));
  }

  /** The result, for programs: the last line. */
  result(value: object): void {
    if (this.#json) console.log(JSON.stringify({ event: 'end' satisfies ScreenEvent, ...value }));
  }

  /** What trainers tell besides progress. */
  get callbacks() {
    return {
      onStart: ({ memory }: RunStart): void => this.say(`Memory: ${memoryText(memory)}.`),
      onCheckpoint: (path: string): void => this.tell('checkpoint', { path }),
      onEvaluate: (_loss: number, _progress: unknown, evaluation: object): void => this.tell('evaluation', evaluation),
    };
  }

  release(): void {
    this.#line.clear();
    this.#interrupt?.release();
  }

  #stopping(signal: NodeJS.Signals): void {
    this.#line.clear();
    const why = signal === 'SIGPIPE' ? 'Nobody reads the output any more. ' : '';
    const again = 'Ctrl-C again stops at once, without saving.';
    if (!this.#silent) console.error(`${why}Stopping at this ${this.#unit}. ${again}`);
  }
}
