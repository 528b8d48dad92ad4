/** A dataset that cannot be read or does not hold what is asked of it; the message says file, line or row, and what to do. */
export class DatasetError extends Error {
  override readonly name = 'DatasetError';
}
