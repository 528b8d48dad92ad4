import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { preferenceExample, readPreferences, Tokenizer } from '../../../src/lm/index.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'gymformer-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const write = (name: string, content: string | Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};
const user = (content: string) => ({ role: 'user', content });
const assistant = (content: string) => ({ role: 'assistant', content });
const of = (fields: Record<string, unknown>, options = {}) =>
  preferenceExample({ fields, file: 'rows.json', position: 'line 3' }, options);

describe('a row', () => {
  it('may be a pair, of texts or of messages, with a prompt or without', () => {
    expect(of({ prompt: 'a', chosen: ' b', rejected: ' c', margin: 0.5 })).toEqual({
      prompt: 'a',
      candidates: [' b', ' c'],
      best: 0,
      margin: 0.5,
    });
    expect(of({ chosen: 'ab', rejected: 'ac' })).toEqual({
      prompt: undefined,
      candidates: ['ab', 'ac'],
      best: 0,
      margin: 0,
    });
    const [chosen, rejected] = [[assistant('b')], [assistant('c')]];
    const candidates = [chosen, rejected];
    expect(of({ prompt: [user('a')], chosen, rejected })).toMatchObject({ prompt: [user('a')], candidates });
    expect(of({ prompt: 'a', chosen, rejected })).toMatchObject({ prompt: [user('a')], candidates });
    // As UltraFeedback has it: the prompt again, as a text.
    const whole = { chosen: [user('a'), ...chosen], rejected: [user('a'), ...rejected] };
    expect(of({ prompt: 'a', ...whole })).toMatchObject({
      prompt: undefined,
      candidates: [whole.chosen, whole.rejected],
    });
  });

  it('may have many samples, of which one is best', () => {
    expect(of({ prompt: 'a', samples: ['b', 'c', 'd'], best: 2 })).toMatchObject({
      prompt: 'a',
      candidates: ['b', 'c', 'd'],
      best: 2,
    });
    const samples = [[assistant('b')], [assistant('c')]];
    expect(of({ prompt: [user('a')], samples, best: 1 })).toMatchObject({ prompt: [user('a')], candidates: samples });
  });

  it("may be OpenAI's, of texts or of tokens, whose padding is left out", async () => {
    expect(of({ query: 'a', sample0: 'b', sample1: 'c', best: 1 })).toMatchObject({
      prompt: 'a',
      candidates: ['b', 'c'],
      best: 1,
    });
    const tokenizer = await Tokenizer.fromPretrained(
      fileURLToPath(new URL('../../fixtures/tokenizers/gpt2', import.meta.url)),
    );
    const [query, sample0, sample1] = ['The river', ' ran', ' ran fast'].map((text) => tokenizer.encode(text));
    const row = { query: [50259, ...query!], sample0: [...sample0!, 50259], sample1, best: 0 };
    expect(of(row, { decode: (ids: number[]) => tokenizer.decode(ids) })).toMatchObject({
      prompt: 'The river',
      candidates: [' ran', ' ran fast'],
    });
    expect(() => of(row)).toThrow('is a list of token ids: give the tokenizer that made them, as labelTokenizer');
  });

  const openai = { query: 'a', sample0: 'b', sample1: 'c', best: 1 };
  const pair = { prompt: 'a', chosen: 'b', rejected: 'c' };
  it.each([
    ['another format', { text: 'a' }, "needs 'chosen' and 'rejected', 'samples' and 'best', or 'query'"],
    ['a label beyond the samples', { ...openai, best: 2 }, 'best is 2, but must be the place of one of its 2 samples'],
    ['a negative label', { ...openai, best: -1 }, 'best is -1'],
    ['a label that is a text', { ...openai, best: 'b' }, 'best is "b"'],
    ['no label', { ...openai, best: null }, "has no field 'best'"],
    ['no query', { ...openai, query: undefined }, "has no field 'query'"],
    ['an empty query', { ...openai, query: '' }, 'its query is empty'],
    ['an empty query of tokens', { ...openai, query: [] }, 'its query is empty'],
    ['an empty prompt', { ...pair, prompt: '' }, 'its prompt is empty'],
    ['a gap', { ...openai, sample1: null, sample2: 'd' }, "has no field 'sample1'"],
    ['one sample', { query: 'a', sample0: 'b', best: 0 }, 'has 1 samples, but it takes two to compare'],
    ['samples that are no list', { prompt: 'a', samples: 'b', best: 0 }, 'samples should be a list, but is "b"'],
    ['a sample that is no text', { prompt: 'a', samples: ['b', 3], best: 0 }, 'samples[1] should be a text'],
    [
      'a sample of another kind',
      { prompt: 'a', samples: ['b', [assistant('c')]], best: 0 },
      'samples[1] should be a text, as prompt is',
    ],
    ['half a pair', { chosen: 'b' }, "has no field 'rejected'"],
    ['a pair of two kinds', { chosen: 'b', rejected: [assistant('c')] }, 'should both be texts'],
    ['no text', { ...pair, chosen: 3 }, 'chosen should be a text or a list of messages, but is 3'],
    ['a message without a role', { ...pair, chosen: [{ content: 'b' }] }, 'chosen[0].role should be one of'],
    ['a margin that is none', { ...pair, margin: 'big' }, 'margin should be a number, but is "big"'],
    ['nothing to read', { chosen: '', rejected: 'b' }, 'candidate 0 is empty'],
  ])('says what is wrong with it: %s', (_name, fields, message) => {
    expect(() => of(fields)).toThrow(`rows.json, line 3: `);
    expect(() => of(fields)).toThrow(message);
  });
});

describe('a file', () => {
  const rows = [
    { query: 'a', sample0: 'b', sample1: 'c', best: 1 },
    { query: 'd', sample0: 'e', sample1: 'f', best: 2 },
    { query: 'g', sample0: 'h', best: 0 },
    { query: 'i', sample0: 'j', sample1: 'k', best: 0 },
  ];

  it.each([
    ['json', JSON.stringify(rows, null, 2), 'line 8'],
    ['jsonl', rows.map((row) => JSON.stringify(row)).join('\n'), 'line 2'],
  ])('of %s: bad rows are named by line, or skipped', async (format, text, line) => {
    const path = write(`rows.${format}`, text);
    await expect(readPreferences(path)).rejects.toThrow(`${path}, ${line}: best is 2`);
    const { examples, skipped } = await readPreferences(path, { badRows: 'skip' });
    expect(examples.map(({ prompt }) => prompt)).toEqual(['a', 'i']);
    expect(skipped).toHaveLength(2);
    expect(skipped[1]).toContain('has 1 samples');
  });

  it.each([
    [
      'jsonl',
      [JSON.stringify(rows[0]), '{ "query": "d", ', '[1]', '', JSON.stringify(rows[3])].join('\n'),
      ['line 2: is no JSON', 'line 3: should be an object with named fields, but is [1]'],
    ],
    [
      'json',
      JSON.stringify([rows[0], 'text', rows[1], rows[3]], null, 1),
      ['line 8: should be an object with named fields, but is "text"', 'line 9: best is 2'],
    ],
    ['csv', 'chosen,rejected\na,b\nc\nd,e\n', ['line 3: Invalid Record Length']],
  ])('of %s: rows that cannot be read are named by line, or skipped', async (format, text, problems) => {
    const path = write(`broken.${format}`, text);
    await expect(readPreferences(path)).rejects.toThrow(`${path}, ${problems[0]}`);
    const { examples, skipped } = await readPreferences(path, { badRows: 'skip' });
    expect(examples).toHaveLength(2);
    expect(skipped).toHaveLength(problems.length);
    problems.forEach((problem, i) => expect(skipped[i]).toContain(`${path}, ${problem}`));
  });

  it('of nothing but broken lines is an error that names the first', async () => {
    const path = write('all-broken.jsonl', '{\n[\n');
    await expect(readPreferences(path, { badRows: 'skip' })).rejects.toThrow(
      `all 2 rows are bad, the first: ${path}, line 1: is no JSON`,
    );
  });

  it('of Parquet, with lists of tokens', async () => {
    const columnData = [
      { name: 'query', data: [[1, 2], [3]], type: 'JSON' as const },
      { name: 'sample0', data: [[4], [5]], type: 'JSON' as const },
      { name: 'sample1', data: [[6], [7]], type: 'JSON' as const },
      { name: 'best', data: [1, 5], type: 'INT32' as const },
    ];
    const path = write('rows.parquet', new Uint8Array(parquetWriteBuffer({ columnData })));
    const decode = (ids: readonly number[]): string => ids.join(' ');
    await expect(readPreferences(path, { decode })).rejects.toThrow(`${path}, row 2: best is 5`);
    const { examples } = await readPreferences(path, { decode, badRows: 'skip' });
    expect(examples).toEqual([{ prompt: '1 2', candidates: ['4', '6'], best: 1, margin: 0 }]);
  });

  it('has as many samples in each row as in the first, or as is said', async () => {
    const three = { query: 'd', sample0: 'e', sample1: 'f', sample2: 'g', best: 0 };
    await expect(readPreferences([rows[0]!, three])).rejects.toThrow(
      'dataset, row 2: has 3 candidates, but should have 2',
    );
    await expect(readPreferences([rows[0]!], { numSamples: 4 })).rejects.toThrow('has 2 candidates, but should have 4');
    const lists = [
      { prompt: 'a', samples: ['b', 'c'], best: 0 },
      { prompt: 'a', samples: ['b', 'c', 'd'], best: 0 },
    ];
    expect((await readPreferences(lists)).examples).toHaveLength(2);
  });

  it('may be a split of a folder, and fields may have other names', async () => {
    const other = JSON.stringify({ question: 'a', good: 'b', bad: 'c' });
    write('train.jsonl', other);
    write('test.jsonl', other);
    const fields = { prompt: 'question', chosen: 'good', rejected: 'bad' };
    const { examples } = await readPreferences(folder, { split: 'train', fields });
    expect(examples).toEqual([{ prompt: 'a', candidates: ['b', 'c'], best: 0, margin: 0 }]);
  });

  it('without a good row is an error', async () => {
    await expect(readPreferences([rows[2]!], { badRows: 'skip' })).rejects.toThrow('all 1 rows are bad, the first');
    await expect(readPreferences([])).rejects.toThrow('dataset has no rows');
  });
});
