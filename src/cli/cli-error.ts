// Errors that a person at a terminal can do something about: printed as one message, without a stack.

/** What a command that could not do its work exits with. */
export const EXIT_FAILURE = 1;
/** What a command that was called wrongly exits with. */
export const EXIT_USAGE = 2;
/** What a command that Ctrl-C stopped exits with: 128 + SIGINT, as shells expect. */
export const EXIT_INTERRUPTED = 130;

/** An error whose message says all there is to say. */
export class CliError extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number = EXIT_FAILURE, options?: ErrorOptions) {
    super(message, options);
    this.name = 'CliError';
    this.exitCode = exitCode;
  }
}
