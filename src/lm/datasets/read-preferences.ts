// Preferences from files or from memory. Bad rows end the reading, or are counted and left out.

import { DatasetError } from './dataset-error.ts';
import { type PreferenceExample, preferenceExample, type PreferenceOptions } from './preferences.ts';
import { type ReadOptions, recordsOf, streamRecords } from './read-records.ts';

/** Options of {@link readPreferences}. */
export interface ReadPreferencesOptions extends PreferenceOptions, Omit<ReadOptions, 'onBadRow'> {
  /** Whether a row that cannot be used is an error, or left out. Default throw. */
  readonly badRows?: 'throw' | 'skip' | undefined;
}

/** What {@link readPreferences} found. */
export interface Preferences {
  readonly examples: readonly PreferenceExample[];
  /** What was wrong with each row that was left out, with file and line. */
  readonly skipped: readonly string[];
}

/**
 * Reads a file or a folder (JSON, JSON lines, CSV, Parquet), or takes rows from memory: pairs, best of n, or OpenAI's labels, of which
 * each row must have as many samples as the first. See {@link preferenceExample}.
 *
 * @throws DatasetError naming file and line of the first bad row, unless those are skipped; or if there is no good one
 */
export async function readPreferences(
  source: string | readonly object[],
  { badRows = 'throw', ...options }: ReadPreferencesOptions = {},
): Promise<Preferences> {
  let { numSamples } = options;
  const examples: PreferenceExample[] = [];
  const skipped: string[] = [];
  const onBadRow = (error: DatasetError): void => {
    if (badRows === 'throw') throw error;
    skipped.push(error.message);
  };
  const records =
    typeof source === 'string'
      ? streamRecords(source, { ...options, onBadRow })
      : await recordsOf(source, 'dataset', options);
  for await (const record of records) {
    try {
      const example = preferenceExample(record, { ...options, numSamples });
      if ('sample0' in record.fields) numSamples ??= example.candidates.length;
      examples.push(example);
    } catch (error) {
      if (!(error instanceof DatasetError)) throw error;
      onBadRow(error);
    }
  }
  if (examples.length === 0) throw new DatasetError(`all ${skipped.length} rows are bad, the first: ${skipped[0]}`);
  return { examples, skipped };
}
