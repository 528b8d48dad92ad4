// How work looks while it goes on: one line that is drawn anew on a terminal, a line now and then elsewhere. All of it looks the same: how
// much is done, how fast it goes, the three numbers that matter, the time that is left, and how the first of the numbers went.

import { clock, grouped, sparkline, spread } from './format.ts';

/** Where a line of progress goes: `process.stderr` is one. */
export interface ProgressStream {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

/** Where work stands. */
export interface Progress {
  /** Such as `12,345/49,380 steps`. */
  readonly done: string;
  /** Since it began. */
  readonly seconds: number;
  /** That are left; null while nothing can be said of it. */
  readonly left: number | null;
  /** What is done in a second. */
  readonly rate: { readonly count: number; readonly unit: string };
  /** The three numbers that matter, or fewer, as they are shown. */
  readonly numbers: readonly (readonly [name: string, shown: string])[];
  /** What is drawn as it rose or fell; null for nothing yet. */
  readonly trend: number | null;
  /** The same for programs, which read numbers. */
  readonly facts: Readonly<Record<string, unknown>>;
}

const REDRAW_SECONDS = 0.1;
const PLAIN_SECONDS = 5;
const BARS = 20;

/** Draws progress on a stream. */
export class ProgressLine {
  readonly #stream: ProgressStream;
  readonly #phase: string | undefined;
  readonly #trend: number[] = [];
  // The first moments go into compiling: what they say of the time left is not worth telling.
  #drawnAt = 0;
  #onScreen = false;

  /** @param phase what is going on, where that changes */
  constructor(stream: ProgressStream, phase?: string) {
    this.#stream = stream;
    this.#phase = phase;
  }

  /** Draws, unless it did so just now. */
  update(progress: Progress): void {
    const { seconds, trend } = progress;
    if (trend !== null && Number.isFinite(trend)) this.#trend.push(trend);
    const isTTY = this.#stream.isTTY ?? false;
    if (seconds - this.#drawnAt < (isTTY ? REDRAW_SECONDS : PLAIN_SECONDS)) return;
    this.#drawnAt = seconds;
    const text = this.#text(progress, isTTY);
    if (!isTTY) {
      this.#stream.write(`${text}\n`);
      return;
    }
    // Back to the first column, the line, and clear what is left of the one before. No line break: it must not wrap.
    this.#stream.write(`\r${text.slice(0, (this.#stream.columns ?? 80) - 1)}\x1b[K`);
    this.#onScreen = true;
  }

  /** Clears the line, so that other text can be printed. */
  clear(): void {
    if (this.#onScreen) this.#stream.write('\r\x1b[K');
    this.#onScreen = false;
  }

  #text({ done, rate, numbers, left }: Progress, isTTY: boolean): string {
    const parts = [this.#phase === undefined ? done : `${this.#phase}: ${done}`];
    parts.push(`${grouped(rate.count)} ${rate.unit}/s`, ...numbers.map(([name, shown]) => `${name} ${shown}`));
    if (left !== null) parts.push(`${clock(left)} left`);
    if (isTTY && this.#trend.length > 1) parts.push(sparkline(spread(this.#trend, BARS)));
    return parts.join('  ');
  }
}
