// OpenAI's label files, such as descriptiveness_offline_5k: a JSON list of rows, each with `query` (64 of GPT-2's token ids), `sample0` to
// `sample3` (24 each) and `best`. That is what `download_labels` of lm_human_preferences/train_reward.py reads, by the schemas of
// label_types.py (best_of_4); texts are filled up with 50259, which encodings.py decodes to nothing. Rows here are made up.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { type PreferenceExample, Tokenizer } from '../../src/lm/index.ts';
import { readPreferenceSplit } from '../../src/trainer/reward-data.ts';
import { temporaryDirectory } from './tiny-run.ts';

const [QUERY_LENGTH, SAMPLE_LENGTH, PADDING] = [64, 24, 50_259];
const root = temporaryDirectory();
let tokenizer: Tokenizer;

const TEXTS = [
  { query: 'The river', samples: [' ran.', ' ran to the old mill.', ' was there.', '. It ran and ran.'], best: 1 },
  { query: '. He saw the tower', samples: [' and went', ' in the grey light', '.', ' then'], best: 3 },
  { query: 'One', samples: [' two', ' three', ' four', ' five'], best: 0 },
];
type Row = Record<string, unknown> & { readonly best: number };

function padded(text: string, length: number, atFront: boolean): number[] {
  const ids = tokenizer.encode(text);
  const padding = Array.from({ length: length - ids.length }, () => PADDING);
  return atFront ? [...padding, ...ids] : [...ids, ...padding];
}

function rows(asIds: boolean): Row[] {
  return TEXTS.map(({ query, samples, best }, i) => ({
    query: asIds ? padded(query, QUERY_LENGTH, i % 2 === 0) : query,
    ...Object.fromEntries(samples.map((s, k) => [`sample${k}`, asIds ? padded(s, SAMPLE_LENGTH, false) : s])),
    best,
  }));
}

function write(name: string, content: readonly object[]): string {
  const folder = join(root, name, 'descriptiveness_offline_5k');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'offline_5k.json'), `[\n${content.map((row) => JSON.stringify(row)).join(',\n')}\n]\n`);
  return folder;
}

async function read(dataset: string, more: object = {}): Promise<readonly PreferenceExample[]> {
  return (await readPreferenceSplit({ dataset, tokenizer, labelTokenizer: tokenizer, seed: 1, ...more })).train;
}

beforeAll(async () => {
  tokenizer = await Tokenizer.fromPretrained(fileURLToPath(new URL('../fixtures/tokenizers/gpt2', import.meta.url)));
});

test.each([
  ['token ids', true],
  ['texts', false],
])('as %s, in a file or a folder', async (_kind, asIds) => {
  const folder = write(`good-${asIds}`, rows(asIds));
  const expected = TEXTS.map(({ query, samples, best }) => ({ prompt: query, candidates: samples, best, margin: 0 }));
  expect(await read(folder)).toEqual(expected);
  expect(await read(join(folder, 'offline_5k.json'))).toEqual(expected);
});

describe.each([
  ['token ids', true],
  ['texts', false],
])('a bad row of %s is named by file and line, or skipped with a count', (_kind, asIds) => {
  const blank = (): unknown => (asIds ? Array.from({ length: QUERY_LENGTH }, () => PADDING) : '');
  test.each<[string, (row: Row) => object, string]>([
    [
      'a label out of range',
      (row) => ({ ...row, best: 4 }),
      'best is 4, but must be the place of one of its 4 samples',
    ],
    ['a negative label', (row) => ({ ...row, best: -1 }), 'best is -1'],
    ['a missing sample', ({ sample2: _sample2, ...row }) => row, "has no field 'sample2'"],
    ['fewer samples than the others', ({ sample3: _sample3, ...row }) => row, 'but should have 4'],
    ['an empty query', (row) => ({ ...row, query: blank() }), 'its query is empty'],
    ['no query', ({ query: _query, ...row }) => row, "has no field 'query'"],
  ])('%s', async (name, spoil, problem) => {
    const [first, second, third] = rows(asIds);
    const folder = write(`${name}-${asIds}`, [first!, { ...spoil({ ...second!, best: 0 }) }, third!]);
    const where = `${join(folder, 'offline_5k.json')}, line 3: `;
    await expect(read(folder)).rejects.toThrow(where);
    await expect(read(folder)).rejects.toThrow(problem);
    const warnings: string[] = [];
    const left = await read(folder, { badRows: 'skip', warn: (text: string) => warnings.push(text) });
    expect(left).toHaveLength(2);
    expect(warnings).toEqual([
      expect.stringContaining(`1 of 3 rows cannot be used and were left out; the first: ${where}`),
    ]);
  });
});

test('ids of another tokenizer are told, not dropped', async () => {
  const folder = write('foreign', [{ query: [50_256, 12_000], sample0: [1], sample1: [2], best: 0 }]);
  await expect(read(folder)).rejects.toThrow(
    'line 2: query has the token id 50256, but the tokenizer only 487 tokens: give the one that made the labels, as labelTokenizer',
  );
});
