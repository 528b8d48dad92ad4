// Numbers on the command line.

import { CliError, EXIT_USAGE } from './cli-error.ts';

/** The whole number that a flag was given. Throws a CliError if it is none, or less than `least`. */
function natural(flag: string, text: string | boolean, least: number): number {
  const value = Number(text);
  if (!(Number.isSafeInteger(value) && value >= least)) {
    throw new CliError(`${flag} is '${text}', but must be a whole number of ${least} or more`, EXIT_USAGE);
  }
  return value;
}

/** As {@link natural}; undefined if the flag was not given. */
export function optionalNatural(flag: string, text: string | boolean | undefined, least: number): number | undefined {
  return text === undefined ? undefined : natural(flag, text, least);
}
