// Ctrl-C, SIGTERM, or a terminal that is closed: the first lets the run come to a clean end, the second ends the process at once.

import { constants } from 'node:os';
import { EXIT_INTERRUPTED } from './cli-error.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Milliseconds in which a signal that comes again is the same one: npm sends on what its children have got already. */
const SAME = process.env['npm_lifecycle_event'] === undefined ? 0 : 1000;

/** Turns signals into an abort. */
export class Interrupt {
  readonly #controller = new AbortController();
  readonly #announce: (signal: NodeJS.Signals) => void;

  /** @param announce called at the first signal; SIGPIPE says that nobody reads the output any more */
  constructor(announce: (signal: NodeJS.Signals) => void) {
    this.#announce = announce;
    for (const signal of SIGNALS) process.on(signal, this.#onSignal);
    for (const stream of [process.stdout, process.stderr]) stream.on('error', this.#onLostOutput);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Gives the signals their usual effect back. */
  readonly release = (): void => {
    for (const signal of SIGNALS) process.off(signal, this.#onSignal);
  };

  readonly #onSignal = (signal: NodeJS.Signals): void => {
    if (this.signal.aborted) return;
    process.once('exit', () => exitBy(signal));
    // Without a handler of ours the next signal has its usual effect, even while JavaScript is busy.
    if (SAME === 0) this.release();
    else setTimeout(this.release, SAME).unref();
    this.#controller.abort();
    this.#announce(signal);
  };

  /** As a program that is killed by SIGPIPE, but saved. */
  readonly #onLostOutput = ({ code }: NodeJS.ErrnoException): void => {
    if (code === 'EPIPE' || code === 'EIO') this.#onSignal('SIGPIPE');
  };
}

/** Shells expect 128 + the signal's number. Commands say how they were interrupted as by Ctrl-C. */
function exitBy(signal: NodeJS.Signals): void {
  if (process.exitCode === EXIT_INTERRUPTED) process.exitCode = 128 + constants.signals[signal];
}
