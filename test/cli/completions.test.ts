// Texts of a run as files for other programs. The reader of Parquet is hyparquet; tracking_live.py reads them by pyarrow.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects, parquetSchema } from 'hyparquet';
import { afterAll, expect, test } from 'vitest';
import { completions } from '../../src/cli/completions.ts';

const root = mkdtempSync(join(tmpdir(), 'gymformer-test-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const rows = [
  {
    update: 1,
    episode: 1,
    prompt: '1 + 1 = ',
    completion: 'zwei "2"\n',
    return: 1,
    tokens: 2,
    correct: true,
    answer: 2,
    completionIds: [7, 8],
    tokenTexts: ['zwei', ' "2"\n'],
    logProbs: [-0.5, -1.25],
    tokenKls: [0, null],
  },
  { update: 1, episode: 2, prompt: 'ü', completion: '', return: -0.5, tokens: 0, correct: false, answer: 'none' },
  { update: 2, episode: 3, prompt: 'x', completion: 'y', return: 0, tokens: 1, correct: false, answer: null },
];
const run = root;
const torn = '{"update":2,"epis';
writeFileSync(join(run, 'completions.jsonl'), `${rows.map((row) => `${JSON.stringify(row)}\n`).join('')}${torn}`);

test('Parquet has a column for everything that is known, with its type', async () => {
  const out = join(root, 'texts.parquet');
  expect(await completions(run, { out })).toBe(`3 texts: ${out}`);
  const file = await asyncBufferFromFile(out);
  const { children } = parquetSchema(await parquetMetadataAsync(file));
  expect(children.map(({ element: { name, type, converted_type } }) => [name, converted_type ?? type])).toEqual([
    ['update', 'INT32'],
    ['episode', 'INT32'],
    ['prompt', 'UTF8'],
    ['completion', 'UTF8'],
    ['return', 'DOUBLE'],
    ['tokens', 'INT32'],
    ['correct', 'BOOLEAN'],
    ['answer', 'UTF8'],
    ['completionIds', 'LIST'],
    ['tokenTexts', 'LIST'],
    ['logProbs', 'LIST'],
    ['tokenKls', 'LIST'],
  ]);
  const lists = { completionIds: undefined, tokenTexts: undefined, logProbs: undefined, tokenKls: undefined };
  const [first, ...rest] = rows;
  expect(await parquetReadObjects({ file })).toEqual([
    { ...first, answer: '2' },
    ...rest.map((row) => ({ ...lists, ...row })),
  ]);
});

test('JSON lines are what the run wrote, without what a crash left; chosen as they are for reading', async () => {
  const out = join(root, 'wrong.txt');
  await completions(run, { out, format: 'jsonl', wrong: true });
  const written = readFileSync(out, 'utf8').trimEnd().split('\n');
  expect(written.map((line) => JSON.parse(line) as unknown)).toEqual(rows.slice(1));
  expect(await completions(run, { count: '1' })).toBe('update 1: return -0.50, wrong, 0 tokens\n  ü');
});

test.each([
  [{ format: 'parquet' }, '--format needs a file to write to: --out texts.parquet'],
  [{ out: 'texts.csv' }, '--out is texts.csv, which ends like no format: give one with --format (parquet, jsonl)'],
  [{ out: 'texts', format: 'csv' }, "--format is 'csv', but must be one of parquet, jsonl"],
])('what cannot be: %o', async (flags, message) => {
  await expect(completions(run, flags)).rejects.toThrow(message);
});
