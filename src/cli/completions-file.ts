// Texts of a run as a file for other programs: JSON lines, or Parquet, which pandas, DuckDB and Polars open with types and without parsing.

import { writeFileSync } from 'node:fs';
import type { Row } from '../tracking/index.ts';

export const TEXT_FORMATS = ['parquet', 'jsonl'] as const;
export type TextFormat = (typeof TEXT_FORMATS)[number];

/** Writes rows of completions.jsonl to a file. */
export async function writeTexts(file: string, format: TextFormat, rows: readonly Row[]): Promise<void> {
  if (format === 'jsonl') writeFileSync(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  else writeFileSync(file, new Uint8Array(await parquetOf(rows)));
}

/** What is counted; all other numbers are fractions, whatever a run happens to have of them. */
const COUNTS = new Set(['update', 'episode', 'group', 'tokens', 'completionIds']);

/** A list's elements are of the kinds that cells are of. */
type Kind = 'INT32' | 'DOUBLE' | 'BOOLEAN' | 'STRING';

interface Column {
  readonly name: string;
  readonly isList: boolean;
  readonly kind: Kind;
}

async function parquetOf(rows: readonly Row[]): Promise<ArrayBuffer> {
  const { parquetWriteBuffer } = await import('hyparquet-writer');
  const columns = columnsOf(rows);
  const leaf = (name: string, kind: Kind) =>
    kind === 'STRING'
      ? ({ name, type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' } as const)
      : ({ name, type: kind, repetition_type: 'OPTIONAL' } as const);
  const schema = columns.flatMap(({ name, isList, kind }) =>
    isList
      ? [
          { name, converted_type: 'LIST', repetition_type: 'OPTIONAL', num_children: 1 } as const,
          { name: 'list', repetition_type: 'REPEATED', num_children: 1 } as const,
          leaf('element', kind),
        ]
      : [leaf(name, kind)],
  );
  return parquetWriteBuffer({
    columnData: columns.map((column) => ({
      name: column.name,
      data: rows.map((row) => cell(row[column.name], column)),
    })),
    schema: [{ name: 'root', num_children: columns.length }, ...schema],
  });
}

/** The columns that some row has a value for, in the order of their appearance. */
function columnsOf(rows: readonly Row[]): Column[] {
  const found = new Map<string, { isList: boolean; kinds: Set<string> }>();
  for (const row of rows) {
    for (const [name, value] of Object.entries(row)) {
      if (value === null || value === undefined) continue;
      let column = found.get(name);
      if (column === undefined) found.set(name, (column = { isList: Array.isArray(value), kinds: new Set() }));
      for (const one of Array.isArray(value) ? value : [value]) if (one !== null) column.kinds.add(typeof one);
    }
  }
  return [...found].map(([name, { isList, kinds }]) => ({ name, isList, kind: kindOf(name, kinds) }));
}

/** Answers may be numbers here and texts there: they are texts then. */
function kindOf(name: string, kinds: ReadonlySet<string>): Kind {
  const [only] = kinds;
  if (kinds.size !== 1 || (only !== 'number' && only !== 'boolean')) return 'STRING';
  return only === 'boolean' ? 'BOOLEAN' : COUNTS.has(name) ? 'INT32' : 'DOUBLE';
}

function cell(value: unknown, { isList, kind }: Column): unknown {
  if (value === null || value === undefined || Array.isArray(value) !== isList) return null;
  const one = (entry: unknown): unknown => {
    if (entry === null || kind !== 'STRING' || typeof entry === 'string') return entry;
    return typeof entry === 'object' ? JSON.stringify(entry) : String(entry);
  };
  return isList ? (value as readonly unknown[]).map(one) : one(value);
}
