// Ctrl-C or SIGTERM: the first lets the run come to a clean end, the second ends the process at once.

import { EXIT_INTERRUPTED, EXIT_TERMINATED } from './cli-error.ts';

/** Turns SIGINT and SIGTERM into an abort. */
export class Interrupt {
  readonly #controller = new AbortController();
  readonly #onSignal: (signal: NodeJS.Signals) => void;

  /** @param announce called at the first signal */
  constructor(announce: () => void) {
    this.#onSignal = (signal) => {
      if (signal === 'SIGTERM') process.once('exit', terminated);
      // Without a handler of ours the next signal has its usual effect, even while JavaScript is busy.
      this.release();
      this.#controller.abort();
      announce();
    };
    process.on('SIGINT', this.#onSignal);
    process.on('SIGTERM', this.#onSignal);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Gives the signals their usual effect back. */
  release(): void {
    process.off('SIGINT', this.#onSignal);
    process.off('SIGTERM', this.#onSignal);
  }
}

/** Shells expect 128 + the signal's number. Commands say how they were interrupted as by Ctrl-C. */
function terminated(): void {
  if (process.exitCode === EXIT_INTERRUPTED) process.exitCode = EXIT_TERMINATED;
}
