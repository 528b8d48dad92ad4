// Files of records. The Parquet files were written by pyarrow (test/fixtures/datasets/record.py).

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as fc from 'fast-check';
import { parquetWriteFile } from 'hyparquet-writer';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { elementLines } from '../../../src/lm/datasets/json-lines.ts';
import { readRecords, streamRecords, textField } from '../../../src/lm/datasets/index.ts';

const fixture = (name: string): string => fileURLToPath(new URL(`../../fixtures/datasets/${name}`, import.meta.url));

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gymformer-datasets-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Writes a file into the folder and returns its path. */
function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

const rows = async (path: string, options = {}): Promise<unknown[]> =>
  (await readRecords(path, options)).map(({ fields }) => fields);
const positions = async (path: string): Promise<string[]> => (await readRecords(path)).map(({ position }) => position);

describe('formats', () => {
  test('JSON: a list, with the line of each element', async () => {
    const path = file('a.json', '[\n  {"q": "a", "x": [1, {"y": []}]},\n\n  {\n    "q": "],{"\n  }, {"q": "c"}\n]\n');
    expect(await rows(path)).toEqual([{ q: 'a', x: [1, { y: [] }] }, { q: '],{' }, { q: 'c' }]);
    expect(await positions(path)).toEqual(['line 2', 'line 4', 'line 6']);
  });

  test('JSON: a list under data', async () => {
    const path = file('a.json', '{"info": {"data": [1, 2]}, "other": ["data"],\n"data": [\n{"q": 1},\n{"q": 2}]}');
    expect(await rows(path)).toEqual([{ q: 1 }, { q: 2 }]);
    expect(await positions(path)).toEqual(['line 3', 'line 4']);
  });

  test('lines of elements are those where they were written', () => {
    const element = fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 3 });
    fc.assert(
      fc.property(fc.array(element, { maxLength: 5 }), fc.nat(3), (list, indent) => {
        const pieces = list.map((value) => JSON.stringify(value, undefined, indent));
        let line = 1;
        const expected = pieces.map((piece) => {
          const begins = line + 1;
          line += piece.split('\n').length;
          return begins;
        });
        const json = `[\n${pieces.join(',\n')}]`;
        expect(elementLines(json)).toEqual(expected);
        expect(elementLines(`{"x": [[1], {"data": []}], "data": ${json}, "y": [2]}`, 'data')).toEqual(expected);
      }),
    );
  });

  test('JSON lines, with blank lines, carriage returns, and separators that only other formats know', async () => {
    const path = file('a.jsonl', '{"q": "a\u2028b"}\r\n\n{"q": "c"}');
    expect(await rows(path)).toEqual([{ q: 'a\u2028b' }, { q: 'c' }]);
    expect(await positions(path)).toEqual(['line 1', 'line 3']);
  });

  test('JSON lines in a file named .json', async () => {
    expect(await rows(file('a.json', '{"q": 1}\n{"q": 2}\n'))).toEqual([{ q: 1 }, { q: 2 }]);
  });

  test('a character whose bytes lie in two chunks of a large file', async () => {
    const lines = Array.from({ length: 30_000 }, (_, i) => JSON.stringify({ i, text: 'süß😀' }));
    const path = file('a.jsonl', lines.join('\n'));
    let count = 0;
    for await (const { fields } of streamRecords(path)) {
      expect(fields['text']).toBe('süß😀');
      expect(fields['i']).toBe(count++);
    }
    expect(count).toBe(lines.length);
  });

  test('CSV: names in the first line, quotes, line breaks within a value', async () => {
    const path = file('a.csv', '\uFEFFq,a\n"x, ""y""",1\n"two\nlines",2\nlast,3\n');
    expect(await rows(path)).toEqual([
      { q: 'x, "y"', a: '1' },
      { q: 'two\nlines', a: '2' },
      { q: 'last', a: '3' },
    ]);
    expect(await positions(path)).toEqual(['line 2', 'line 3', 'line 5']);
  });

  test('TSV', async () => {
    expect(await rows(file('a.tsv', 'q\ta\nx, y\t1\n'))).toEqual([{ q: 'x, y', a: '1' }]);
  });

  test.each(['snappy', 'zstd', 'gzip'])('Parquet from Python (%s): all types, over row groups', async (compression) => {
    const records = await readRecords(fixture(`rows-${compression}.parquet`));
    expect(records).toHaveLength(7);
    expect(records.map(({ position }) => position)).toEqual([1, 2, 3, 4, 5, 6, 7].map((i) => `row ${i}`));
    expect(records[3]?.fields).toEqual({
      question: 'Was ist 3 + 3? 😀',
      answer: 6,
      score: 0.75,
      big: 2n ** 53n + 4n,
      messages: [
        { role: 'user', content: 'Hi 3' },
        { role: 'assistant', content: 'Yo' },
      ],
      note: null,
    });
  });

  test('Parquet from JavaScript', async () => {
    const path = join(folder, 'a.parquet');
    parquetWriteFile({ filename: path, columnData: [{ name: 'q', data: ['a', 'b'], type: 'STRING' }] });
    expect(await rows(path)).toEqual([{ q: 'a' }, { q: 'b' }]);
  });

  test('a format may be named', async () => {
    expect(await rows(file('data.txt', '{"q": 1}\n'), { format: 'jsonl' })).toEqual([{ q: 1 }]);
  });
});

describe('folders', () => {
  test('hold files of one set, in the order of their names; what describes the set is left out', async () => {
    file('data/part-2.jsonl', '{"q": 2}');
    file('data/part-1.json', '[{"q": 1}]');
    file('dataset_info.json', '{"features": {}}');
    file('.cache/x.json', '[{"q": 9}]');
    file('README.md', '# Set');
    expect(await rows(folder)).toEqual([{ q: 1 }, { q: 2 }]);
  });

  test('of several splits one must be named, so that tests are not trained on', async () => {
    file('data/train-00000-of-00001.jsonl', '{"q": 1}');
    file('data/test-00000-of-00001.jsonl', '{"q": 2}');
    await expect(readRecords(folder)).rejects.toThrow('holds the splits test, train: say which, as split');
    expect(await rows(folder, { split: 'test' })).toEqual([{ q: 2 }]);
    await expect(readRecords(folder, { split: 'dev' })).rejects.toThrow("holds no split 'dev'; it has test, train");
  });

  test('without a dataset', async () => {
    await expect(readRecords(folder)).rejects.toThrow('holds no dataset file (.json, .jsonl');
    file('data-00000-of-00001.arrow', '');
    await expect(readRecords(folder)).rejects.toThrow('to_parquet');
  });
});

describe('fields', () => {
  test('are renamed', async () => {
    const path = file('a.jsonl', '{"question": "q", "answer": "a", "id": 1}');
    expect(await rows(path, { fields: { prompt: 'question', completion: 'answer' } })).toEqual([
      { id: 1, prompt: 'q', completion: 'a' },
    ]);
  });

  test('may swap names', async () => {
    expect(await rows(file('a.jsonl', '{"a": 1, "b": 2}'), { fields: { a: 'b', b: 'a' } })).toEqual([{ a: 2, b: 1 }]);
  });

  test('that are missing are an error with the line', async () => {
    const path = file('a.jsonl', '{"q": "x"}\n{"p": "y"}\n');
    await expect(readRecords(path, { fields: { prompt: 'q' } })).rejects.toThrow(
      `${path}, line 2: has no field 'q' to be called 'prompt'; its fields are: p`,
    );
    const [, second] = await readRecords(path);
    expect(() => second && textField(second, 'q')).toThrow(`${path}, line 2: has no field 'q'; its fields are: p`);
  });

  test('of a wrong type are an error with the line', async () => {
    const [record] = await readRecords(file('a.jsonl', '{"q": {"x": 1}, "n": 3}'));
    if (record === undefined) throw new Error('no record');
    expect(textField(record, 'n')).toBe('3');
    expect(() => textField(record, 'q')).toThrow(/line 1: field 'q' should be a text, but is {"x":1}/);
  });
});

describe('broken files', () => {
  test.each([
    ['a.json', '[{"q": 1},\n{"q": 2]\n', /a\.json, line 2: is no JSON/],
    ['a.json', '[{"q": 1},\n{"q":\n', /a\.json, line [23]: is no JSON/],
    ['a.json', '{"q": 1}', /a\.json: should hold a list of objects/],
    ['a.json', '[\n{"q": 1},\n3]', /a\.json, line 3: should be an object with named fields, but is 3/],
    ['a.json', '[]', /a\.json: has no records/],
    ['a.jsonl', '', /a\.jsonl: has no records/],
    ['a.jsonl', '\n\n', /a\.jsonl: has no records/],
    ['a.jsonl', '{"q": 1}\n{"q": \n', /a\.jsonl, line 2: is no JSON/],
    ['a.jsonl', '{"q": 1}\n["x"]\n', /a\.jsonl, line 2: should be an object.*\["x"\]/],
    ['a.csv', 'q,a\n1,2\n3,4,5\n', /a\.csv, line 3: .*length/],
    ['a.csv', 'q,q\n1,2\n', /a\.csv, line 1: has two columns named 'q'/],
    ['a.csv', 'q,a\n', /a\.csv: has no records/],
    ['a.csv', 'q,a\n"1,2\n', /a\.csv, line 2: .*[Qq]uote/],
    ['a.parquet', 'PAR1 is not this', /a\.parquet: is no Parquet file that can be read/],
    ['a.xlsx', 'x', /a\.xlsx: the format of 'a\.xlsx' is unknown/],
  ])('%s holding %j', async (name, content, message) => {
    await expect(readRecords(file(name, content))).rejects.toThrow(message);
  });

  test('what is no UTF-8', async () => {
    const latin = Uint8Array.from([0x7b, 0x22, 0x71, 0x22, 0x3a, 0x22, 0xfc, 0x22, 0x7d]);
    await expect(readRecords(file('a.jsonl', latin))).rejects.toThrow('is no UTF-8 text');
    await expect(readRecords(file('a.json', latin))).rejects.toThrow('is no UTF-8 text');
  });

  test('what is not there', async () => {
    await expect(readRecords(join(folder, 'nothing.json'))).rejects.toThrow('there is no such file or folder');
  });
});
