// Tokenizers against transformers; see recorded-tokenizers.ts.

import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Tokenizer } from '../../src/lm/tokenizer.ts';
import { TokenizerError } from '../../src/lm/tokenizer-files.ts';
import { characterTokenizer, trainByteLevelTokenizer, wordTokenizer } from '../../src/lm/tokenizer-training.ts';
import { families, folderOf, recorded } from './recorded-tokenizers.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gymformer-tokenizer-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe.each(families)('%s', (family) => {
  const expected = recorded(family);

  test('ids and texts are those of Python', async () => {
    const tokenizer = await Tokenizer.fromPretrained(folderOf(family));
    for (const { text, ids, plain, decoded, skipped } of expected.rows) {
      expect(tokenizer.encode(text), text).toEqual(ids);
      expect(tokenizer.encode(text, { addSpecialTokens: false }), text).toEqual(plain);
      expect(tokenizer.decode(ids), text).toBe(decoded);
      expect(tokenizer.decode(ids, { skipSpecialTokens: true }), text).toBe(skipped);
    }
  });

  test('special tokens and size are those of Python', async () => {
    const tokenizer = await Tokenizer.fromPretrained(folderOf(family));
    const { size, bos, eos, pad, unk, special } = expected;
    expect(tokenizer.vocabSize).toBe(size);
    expect([tokenizer.bosTokenId, tokenizer.eosTokenId, tokenizer.padTokenId, tokenizer.unkTokenId]).toEqual(
      [bos, eos, pad, unk].map((id) => id ?? undefined),
    );
    expect(tokenizer.specialTokenIds).toEqual(expect.arrayContaining(special));
  });

  test('batches are filled and cut as in Python', async () => {
    const tokenizer = await Tokenizer.fromPretrained(folderOf(family));
    const texts = [...expected.rows.slice(0, 4).map(({ text }) => text), ''];
    for (const { padding, truncation, ids, mask } of expected.batches ?? []) {
      const batch = tokenizer.encodeBatch(texts, {
        paddingSide: padding,
        truncation: true,
        truncationSide: truncation,
        maxLength: 16,
        padToMultipleOf: 8,
      });
      expect(batch.shape).toEqual([texts.length, ids[0]?.length]);
      expect([...batch.ids]).toEqual(ids.flat());
      expect([...batch.attentionMask]).toEqual(mask.flat());
      expect([...batch.lengths]).toEqual(mask.map((row) => row.reduce((a, b) => a + b, 0)));
    }
  });

  test('a saved tokenizer is the same one', async () => {
    const tokenizer = await Tokenizer.fromPretrained(folderOf(family));
    tokenizer.addSpecialTokens({ padToken: '<|fill|>', additional: ['<answer>'] });
    tokenizer.chatTemplate = '{{ messages }}';
    await tokenizer.save(folder);
    const again = await Tokenizer.fromPretrained(folder);
    expect(again.specialTokens).toEqual(tokenizer.specialTokens);
    expect(again.chatTemplate).toBe('{{ messages }}');
    expect(again.vocabSize).toBe(tokenizer.vocabSize);
    for (const { text, ids } of expected.rows) expect(again.encode(text)).toEqual(ids);
    expect(again.encode('<answer>', { addSpecialTokens: false })).toEqual([tokenizer.tokenToId('<answer>')]);
    expect(readdirSync(folder).sort()).toEqual(['chat_template.jinja', 'tokenizer.json', 'tokenizer_config.json']);
  });

  test('streamed text joins to the decoded text', async () => {
    const tokenizer = await Tokenizer.fromPretrained(folderOf(family));
    for (const skipSpecialTokens of [false, true]) {
      for (const { ids } of expected.rows) {
        const stream = tokenizer.stream({ skipSpecialTokens });
        const pieces = ids.map((id) => stream.push(id));
        pieces.push(stream.end());
        expect(pieces.join('')).toBe(tokenizer.decode(ids, { skipSpecialTokens }));
        for (const piece of pieces.slice(0, -1)) expect(piece).not.toContain('\uFFFD');
      }
    }
  });
});

test('any ids stream to what they decode to, even those whose bytes are no characters', () => {
  const tokenizer = trainByteLevelTokenizer('');
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: tokenizer.vocabSize + 3 }), { maxLength: 24 }), (ids) => {
      const stream = tokenizer.stream();
      expect(ids.map((id) => stream.push(id)).join('') + stream.end()).toBe(tokenizer.decode(ids));
    }),
    { numRuns: 500 },
  );
});

test('a character comes when its last byte does', () => {
  const tokenizer = trainByteLevelTokenizer('');
  const stream = tokenizer.stream();
  expect(tokenizer.encode('a€😀').map((id) => stream.push(id))).toEqual(['a', '', '', '€', '', '', '', '😀']);
  expect(stream.end()).toBe('');
});

describe('decoding', () => {
  test('ids beyond the vocabulary give nothing, as in Python; what is no id is refused', async () => {
    const tokenizer = await Tokenizer.fromPretrained(folderOf('gpt2'));
    const [first = 0, second = 0] = tokenizer.encode('a b');
    expect(tokenizer.decode([first, 99_999, second])).toBe('a b');
    expect(tokenizer.decode(Int32Array.of(first, second))).toBe('a b');
    expect(() => tokenizer.decode([-1])).toThrow('-1 is no token id');
    expect(() => tokenizer.decode([0.5])).toThrow('0.5 is no token id');
  });
});

describe('padding', () => {
  test('without a padding token it is refused, and the end token is never taken silently', async () => {
    const tokenizer = await Tokenizer.fromPretrained(folderOf('gpt2'));
    expect(tokenizer.padTokenId).toBeUndefined();
    expect(() => tokenizer.encodeBatch(['a', 'a b b'])).toThrow(/no padding token.*addSpecialTokens/);
    expect(tokenizer.encodeBatch(['a', 'b']).shape).toEqual([2, 1]);
    const { vocabSize } = tokenizer;
    expect(tokenizer.addSpecialTokens({ padToken: '<|pad|>' })).toBe(1);
    expect(tokenizer.padTokenId).toBe(vocabSize);
    expect(tokenizer.vocabSize).toBe(vocabSize + 1);
    expect([...tokenizer.encodeBatch(['a', 'a b b']).attentionMask]).toEqual([1, 0, 0, 1, 1, 1]);
  });

  test('the end token is reused only when asked', async () => {
    const tokenizer = await Tokenizer.fromPretrained(folderOf('gpt2'));
    expect(tokenizer.addSpecialTokens({ padToken: '<|endoftext|>' })).toBe(0);
    expect(tokenizer.padTokenId).toBe(tokenizer.eosTokenId);
    // A row may end with the very token that fills it: the mask tells them apart.
    const { attentionMask, lengths } = tokenizer.encodeBatch(['a<|endoftext|>', 'a b b']);
    expect([...attentionMask]).toEqual([1, 1, 0, 1, 1, 1]);
    expect([...lengths]).toEqual([2, 3]);
  });

  test('rows longer than allowed are an error, not cut', async () => {
    const tokenizer = await Tokenizer.fromPretrained(folderOf('gpt2'));
    expect(() => tokenizer.encodeBatch(['a b b'], { maxLength: 2 })).toThrow(
      'Row 0 has 3 tokens, more than maxLength 2',
    );
    expect(() => tokenizer.encodeBatch(['a b b'], { truncation: true })).toThrow('truncation needs maxLength');
    expect([...tokenizer.pad([[5, 6, 7]], { maxLength: 2, truncation: true }).ids]).toEqual([5, 6]);
  });

  test('no rows make an empty batch', async () => {
    const tokenizer = await Tokenizer.fromPretrained(folderOf('gpt2'));
    expect(tokenizer.encodeBatch([])).toMatchObject({ shape: [0, 0] });
  });
});

describe('broken files are named with what is wrong', () => {
  const whole = JSON.parse(readFileSync(join(folderOf('gpt2'), 'tokenizer.json'), 'utf8')) as Record<string, unknown>;
  const model = whole['model'] as Record<string, unknown>;
  const cases: Record<string, [content: unknown, message: RegExp]> = {
    'a list': [[], /tokenizer\.json: should hold an object/],
    'no model': [{ ...whole, model: undefined }, /has no 'model'/],
    'a model that is a text': [{ ...whole, model: 'BPE' }, /'model' should be an object or null, but is "BPE"/],
    'an unknown model': [{ ...whole, model: { ...model, type: 'Magic' } }, /type "Magic" are unknown; there are BPE/],
    'no vocabulary': [{ ...whole, model: { ...model, vocab: 3 } }, /'vocab' should map tokens to ids, but is 3/],
    'an id that is a text': [
      { ...whole, model: { ...model, vocab: { a: '1' } } },
      /the id of "a" should be a natural number/,
    ],
    'a huge id': [{ ...whole, model: { ...model, vocab: { a: 4_000_000_000 } } }, /the id of "a".*4000000000/],
    'an id of two tokens': [
      { ...whole, model: { ...model, vocab: { ...(model['vocab'] as object), aaa: 1, aab: 1 }, merges: [] } },
      /have the same id 1/,
    ],
    'a merge of one': [{ ...whole, model: { ...model, merges: [['a']] } }, /merges\[0\] should be two tokens/],
    'a merge of unknowns': [{ ...whole, model: { ...model, merges: ['a zzz'] } }, /merges\[0\] needs the token "zzz"/],
    'merges that are a text': [{ ...whole, model: { ...model, merges: 'a b' } }, /'merges' should be a list/],
    'an added token without content': [{ ...whole, added_tokens: [{ id: 1 }] }, /added_tokens\[0\] has no content/],
    'an unknown pre-tokenizer': [{ ...whole, pre_tokenizer: { type: 'Magic' } }, /Unknown PreTokenizer type: Magic/],
    'a split that the engine cannot do': [
      {
        ...whole,
        pre_tokenizer: {
          type: 'Sequence',
          pretokenizers: [{ type: 'Split', pattern: { Regex: 'a' }, behavior: 'MergedWithNext' }],
        },
      },
      /'mergedwithnext' is not supported/,
    ],
  };

  test.each(Object.entries(cases))('%s', async (_name, [content, message]) => {
    writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(content));
    const reading = Tokenizer.fromPretrained(folder);
    await expect(reading).rejects.toThrow(TokenizerError);
    await expect(reading).rejects.toThrow(message);
  });

  test('ids that no token has are legal, as in Python, and decode to nothing', async () => {
    const vocab = Object.fromEntries(Object.entries(model['vocab'] as object).filter(([, id]) => id !== 40));
    const content = { ...whole, model: { ...model, vocab, merges: [] } };
    writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(content));
    expect((await Tokenizer.fromPretrained(folder)).decode([40])).toBe('');
  });

  test('cut off', async () => {
    const text = JSON.stringify(whole);
    writeFileSync(join(folder, 'tokenizer.json'), text.slice(0, text.length / 2));
    await expect(Tokenizer.fromPretrained(folder)).rejects.toThrow(/tokenizer\.json: is no JSON .*cut off/);
  });

  test('missing, with what to do', async () => {
    await expect(Tokenizer.fromPretrained(join(folder, 'nowhere'))).rejects.toThrow('there is no such folder');
    await expect(Tokenizer.fromPretrained(folder)).rejects.toThrow('holds no tokenizer.json. It has: nothing');
    writeFileSync(join(folder, 'tokenizer.model'), '');
    await expect(Tokenizer.fromPretrained(folder)).rejects.toThrow(/only tokenizer\.model\. Make one in Python/);
  });

  test('names that mean something to JavaScript are tokens as others', async () => {
    const names = ['__proto__', 'constructor', 'end', 'a'];
    const vocab = `{${names.map((name, id) => `"${name}": ${id}`).join(', ')}}`;
    const json = `{"model": {"type": "WordLevel", "unk_token": "a", "vocab": ${vocab}}, "pre_tokenizer": {"type": "WhitespaceSplit"}}`;
    writeFileSync(join(folder, 'tokenizer.json'), json);
    const tokenizer = await Tokenizer.fromPretrained(folder);
    expect(tokenizer.encode(names.join(' '))).toEqual([0, 1, 2, 3]);
    expect(tokenizer.decode([0, 1])).toBe('__proto__ constructor');
  });
});

test('all end tokens of the model stop generation', async () => {
  cpSync(folderOf('llama3'), folder, { recursive: true });
  writeFileSync(join(folder, 'generation_config.json'), '{"eos_token_id": [486, 489]}');
  const tokenizer = await Tokenizer.fromPretrained(folder);
  expect(tokenizer.eosTokenIds).toEqual([489, 486]);
});

test('special_tokens_map.json fills what tokenizer_config.json does not say', async () => {
  cpSync(folderOf('gpt2'), folder, { recursive: true });
  writeFileSync(join(folder, 'special_tokens_map.json'), '{"pad_token": {"content": "<|pad|>"}, "eos_token": "x"}');
  const tokenizer = await Tokenizer.fromPretrained(folder);
  expect(tokenizer.specialTokens).toMatchObject({ padToken: '<|pad|>', eosToken: '<|endoftext|>' });
});

// Runs where GYMFORMER_PYTHON names a Python with transformers.
test.skipIf(process.env['GYMFORMER_PYTHON'] === undefined)('Python opens what is saved, with equal ids', async () => {
  const program = `import json, sys
from transformers import AutoTokenizer
print(json.dumps([[AutoTokenizer.from_pretrained(f).encode(t) for t in texts] for f, texts in json.load(sys.stdin)]))`;
  const texts = recorded('gpt2').rows.map(({ text }) => text);
  const tokenizers: [name: string, tokenizer: Tokenizer, texts: string[]][] = [
    ['bytes', trainByteLevelTokenizer(texts, { vocabSize: 400, specialTokens: { eosToken: '</s>' } }), texts],
    ['characters', characterTokenizer(texts.slice(0, 4), { specialTokens: { padToken: '<pad>' } }), texts],
    ['words', wordTokenizer(texts.slice(0, 4)), texts],
  ];
  for (const family of families) {
    const tokenizer = await Tokenizer.fromPretrained(folderOf(family));
    tokenizer.addSpecialTokens({ additional: ['<answer>'] });
    tokenizers.push([family, tokenizer, [...texts, 'x <answer>y']]);
  }
  for (const [name, tokenizer] of tokenizers) await tokenizer.save(join(folder, name));
  const python = spawnSync(process.env['GYMFORMER_PYTHON'] ?? '', ['-c', program], {
    input: JSON.stringify(tokenizers.map(([name, , rows]) => [join(folder, name), rows])),
    encoding: 'utf8',
    env: { ...process.env, HF_HUB_OFFLINE: '1' },
  });
  expect(python.status, python.stderr).toBe(0);
  const ids = JSON.parse(python.stdout) as number[][][];
  tokenizers.forEach(([name, tokenizer, rows], i) => {
    expect(ids[i], name).toEqual(rows.map((text) => tokenizer.encode(text)));
  });
});
