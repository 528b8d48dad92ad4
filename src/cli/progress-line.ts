// How training looks while it goes on: one line that is drawn anew on a terminal, a line now and then elsewhere.

import type { TrainProgress } from '../trainer/index.ts';
import { clock, figure, grouped, sparkline, spread } from './format.ts';

/** Where a line of progress goes: `process.stderr` is one. */
export interface ProgressStream {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

const REDRAW_SECONDS = 0.1;
const PLAIN_SECONDS = 5;
const BARS = 20;

/** A line that is drawn now and then. */
export class LiveLine {
  readonly #stream: ProgressStream;
  // The first moments go into compiling: what they say of the time left is not worth telling.
  #drawnAt = 0;
  #onScreen = false;

  constructor(stream: ProgressStream) {
    this.#stream = stream;
  }

  /** Draws what `text` gives, unless it did so just now. */
  update(seconds: number, text: (isTTY: boolean) => string): void {
    const isTTY = this.#stream.isTTY ?? false;
    if (seconds - this.#drawnAt < (isTTY ? REDRAW_SECONDS : PLAIN_SECONDS)) return;
    this.#drawnAt = seconds;
    if (!isTTY) {
      this.#stream.write(`${text(isTTY)}\n`);
      return;
    }
    // Back to the first column, the line, and clear what is left of the one before. No line break: it must not wrap.
    this.#stream.write(`\r${text(isTTY).slice(0, (this.#stream.columns ?? 80) - 1)}\x1b[K`);
    this.#onScreen = true;
  }

  /** Clears the line, so that other text can be printed. */
  clear(): void {
    if (this.#onScreen) this.#stream.write('\r\x1b[K');
    this.#onScreen = false;
  }
}

/** Draws an agent's progress on a stream. */
export class ProgressLine {
  readonly #line: LiveLine;
  readonly #total: string;
  readonly #unit: 'steps' | 'episodes';
  readonly #history: number[] = [];

  /** @param total what the run is to reach: `100,000 steps` or `1,000 episodes` */
  constructor(stream: ProgressStream, total: { readonly unit: 'steps' | 'episodes'; readonly count: number }) {
    this.#line = new LiveLine(stream);
    this.#total = `/${grouped(total.count)} ${total.unit}`;
    this.#unit = total.unit;
  }

  /** Draws, unless it did so just now. */
  update(progress: TrainProgress): void {
    this.#line.update(progress.seconds, (isTTY) => {
      if (progress.meanReturn !== null) this.#history.push(progress.meanReturn);
      return this.#text(progress, isTTY);
    });
  }

  /** Clears the line, so that other text can be printed. */
  clear(): void {
    this.#line.clear();
  }

  #text(progress: TrainProgress, isTTY: boolean): string {
    const { fraction, seconds, meanReturn, meanLength } = progress;
    const parts = [`${grouped(progress[this.#unit])}${this.#total}`, `${grouped(progress.stepsPerSecond)}/s`];
    if (meanReturn !== null) parts.push(`return ${figure(meanReturn)}`);
    if (meanLength !== null) parts.push(`length ${figure(meanLength)}`);
    if (fraction > 0) parts.push(`${clock((seconds * (1 - fraction)) / fraction)} left`);
    if (isTTY && this.#history.length > 1) parts.push(sparkline(spread(this.#history, BARS)));
    return parts.join('  ');
  }
}
