// A row of a dataset, which knows where it comes from.

import { DatasetError } from './dataset-error.ts';

/** One row of a dataset. */
export interface DataRecord {
  /** Its values by name. From CSV they are all strings. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** The path of its file. */
  readonly file: string;
  /** Where it begins in the file: `line 12`, or `row 12` in files that have no lines. Both count from 1. */
  readonly position: string;
}

/** What is wrong with a record, with its file and line. */
export function recordError(record: DataRecord, problem: string): DatasetError {
  return new DatasetError(`${record.file}, ${record.position}: ${problem}`);
}

/**
 * A field that must be there.
 *
 * @throws DatasetError naming file, line and the fields that there are.
 */
export function requiredField(record: DataRecord, name: string): unknown {
  const value = record.fields[name];
  if (value !== undefined && value !== null) return value;
  const names = Object.keys(record.fields).join(', ') || 'none';
  throw recordError(record, `has no field '${name}'; its fields are: ${names}`);
}

/**
 * A text that must be there. Numbers count as text.
 *
 * @throws DatasetError naming file and line.
 */
export function textField(record: DataRecord, name: string): string {
  const value = requiredField(record, name);
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  throw recordError(record, `field '${name}' should be a text, but is ${JSON.stringify(value)?.slice(0, 60)}`);
}
