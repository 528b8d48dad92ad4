// What a format's fuzzing needs to know. Everything else (mutation, coverage, limits) is the same for all.

/** A class of errors by which a reader refuses what it is given. */
type Refusal = abstract new (...args: never[]) => Error;

/** A format, and who reads it. */
export interface Target {
  /** Writes what a file lies among, once, before anything is read. */
  prepare?(folder: string): Promise<void> | void;
  /** Files to begin with: well-formed, small, and of every kind that the reader knows. */
  seeds(): Promise<readonly Uint8Array[]> | readonly Uint8Array[];
  /** Words of the format, put into files here and there. */
  readonly words: readonly string[];
  /** The errors by which the reader says what is wrong. Anything else that it throws is a finding. */
  readonly refusals: readonly Refusal[];
  /** Whether a refusal may stand for whatever a library threw, which then is its cause. Default false: that would be a mistake of ours. */
  readonly wrapsLibrary?: boolean;
  /**
   * Reads a file as the product does.
   *
   * @param folder a directory of this target alone, which may hold the file; outside it nothing may be opened
   */
  read(bytes: Uint8Array, folder: string): unknown;
}

/** A value as a file of JSON. */
export function bytesOf(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
