// What an RLHF environment asks for answers to: queries, as text or as token ids.

import { DatasetError, readRecords, recordError } from '../../../lm/datasets/index.ts';
import type { MaybePromise } from '../../env.ts';
import { EnvError } from '../../errors.ts';
import { sharedReader } from '../shared-files.ts';

/** A query: text, or ids of the policy's tokenizer. */
export type Query = string | ArrayLike<number>;

/** A row of a dataset: a query by itself, or under `query` (as in OpenAI's label files) or `prompt`. */
export type QueryRow = Query | { readonly query: Query } | { readonly prompt: Query };

/**
 * The queries of a dataset: rows in memory, which are checked now; or a file or folder of JSON, JSON lines, CSV or Parquet, which is
 * read once for all who ask.
 *
 * @throws EnvError for a row without a query, by its number; for a file it is a DatasetError that names file and line, and comes
 *   with the promise
 */
export function readQueries(dataset: string | readonly QueryRow[]): MaybePromise<readonly Query[]> {
  if (typeof dataset === 'string') return fromFile(dataset);
  if (!Array.isArray(dataset)) {
    throw new EnvError(`the dataset must be a file, a folder or a list of queries, but is ${typeof dataset}`);
  }
  if (dataset.length === 0) throw new EnvError('the dataset is empty: there is no query in it');
  return (dataset as readonly QueryRow[]).map((row, i) => {
    const [query, problem] = checked(queryOf(row));
    if (query === undefined) throw new EnvError(`the dataset, row ${i}: ${problem}`);
    return query;
  });
}

const fromFile = sharedReader(async (path: string): Promise<readonly Query[]> => {
  const records = await readRecords(path);
  if (records.length === 0) throw new DatasetError(`${path}: there is no query in it`);
  return records.map((record) => {
    const [query, problem] = checked(record.fields['query'] ?? record.fields['prompt']);
    if (query === undefined) throw recordError(record, problem);
    return query;
  });
});

function queryOf(row: QueryRow): unknown {
  if (typeof row !== 'object' || row === null || 'length' in row) return row;
  return 'query' in row ? row.query : row.prompt;
}

function checked(query: unknown): readonly [query: Query | undefined, problem: string] {
  if (query === undefined || query === null) return [undefined, "it has neither 'query' nor 'prompt'"];
  if (typeof query === 'string') return query.trim() === '' ? [undefined, 'the query is empty'] : [query, ''];
  const isList = Array.isArray(query) || (ArrayBuffer.isView(query) && 'length' in query);
  if (!isList) return [undefined, `the query must be text or a list of token ids, but is ${JSON.stringify(query)}`];
  const ids = Array.from(query as ArrayLike<unknown>, (id) => (typeof id === 'bigint' ? Number(id) : id));
  if (ids.length === 0) return [undefined, 'the query is empty'];
  const wrong = ids.findIndex((id) => !(Number.isInteger(id) && (id as number) >= 0));
  if (wrong >= 0) return [undefined, `token ${wrong} of the query is ${String(ids[wrong])}, which is no id`];
  return [Int32Array.from(ids as number[]), ''];
}
