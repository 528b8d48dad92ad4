// Datasets in each format, read as preferences are and as examples to imitate are.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { DatasetError, readPreferences, readRecords, sftExample } from '../src/lm/index.ts';
import type { Target } from './target.ts';

const pairs = [
  { prompt: 'Is it so?', chosen: 'Yes, it is.', rejected: 'No "way", no' },
  { prompt: 'And\nthen?', chosen: 'More', rejected: 'Less' },
];
const ranked = [{ query: 'a b', sample0: 'c', sample1: 'd', sample2: 'e', sample3: 'f', best: 2 }];
const chats = [
  {
    messages: [
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: 'Hello' },
    ],
  },
];
const texts = [{ text: 'one' }, { text: 'two' }];
const kinds: readonly (readonly object[])[] = [pairs, ranked, chats, texts];
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const lines = (rows: readonly object[]): string => rows.map((row) => JSON.stringify(row)).join('\n');

export const json = targetOf('json', [
  ...kinds.map((rows) => bytes(JSON.stringify(rows))),
  bytes(JSON.stringify({ data: pairs })),
]);
export const jsonl = targetOf(
  'jsonl',
  kinds.map((rows) => bytes(lines(rows))),
);
export const csv = targetOf('csv', [
  bytes('prompt,chosen,rejected\n"a, b","c ""d""",e\nf,g,"h\ni"\n'),
  bytes('text\none\ntwo\n'),
]);
export const parquet = targetOf('parquet', [
  parquetOf(pairs, 'UNCOMPRESSED'),
  parquetOf(pairs, 'SNAPPY'),
  parquetOf(texts, 'SNAPPY'),
]);

function targetOf(extension: string, seeds: readonly Uint8Array[]): Target {
  return {
    words: ['"best":', 'sample4', '"chosen"', '"role":"system"', '\n', '\r\n', ',', '"', '\uFEFF', 'PAR1'],
    refusals: [DatasetError],
    // What is no UTF-8 is found out by the decoder, and CSV and Parquet are read by libraries.
    wrapsLibrary: true,
    seeds: () => seeds,
    async read(file, folder) {
      const path = join(folder, `rows.${extension}`);
      writeFileSync(path, file);
      const records = await readRecords(path);
      const refused = await settled([
        () => readPreferences(path),
        () => readPreferences(path, { badRows: 'skip' }),
        () => records.map(sftExample),
      ]);
      // Rows may be for one purpose and not for another, but are for none at all only where that is said.
      if (refused.length === 3) throw refused[0];
    },
  };
}

async function settled(readers: readonly (() => unknown)[]): Promise<DatasetError[]> {
  const refused: DatasetError[] = [];
  for (const reader of readers) {
    try {
      await reader();
    } catch (error) {
      if (!(error instanceof DatasetError)) throw error;
      refused.push(error);
    }
  }
  return refused;
}

function parquetOf(rows: readonly Readonly<Record<string, string>>[], codec: 'UNCOMPRESSED' | 'SNAPPY'): Uint8Array {
  const columnData = Object.keys(rows[0]!).map((name) => ({
    name,
    data: rows.map((row) => row[name]),
    type: 'STRING' as const,
  }));
  return new Uint8Array(parquetWriteBuffer({ columnData, codec }));
}
