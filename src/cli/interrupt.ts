// Ctrl-C: the first lets the run come to a clean end, the second ends the process at once.

/** Turns SIGINT and SIGTERM into an abort. */
export class Interrupt {
  readonly #controller = new AbortController();
  readonly #onSignal: () => void;

  /** @param announce called at the first signal */
  constructor(announce: () => void) {
    this.#onSignal = () => {
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
