// Tokenizers made from text. The byte-level one is compared with what BpeTrainer of Hugging Face tokenizers made of the same
// text (test/fixtures/tokenizers/record.py).

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { characterTokenizer, trainByteLevelTokenizer, wordTokenizer } from '../../src/lm/tokenizer-training.ts';
import { Tokenizer } from '../../src/lm/tokenizer.ts';
import { corpus, folderOf, recorded } from './recorded-tokenizers.ts';

interface Saved {
  readonly model: { readonly vocab: Record<string, number>; readonly merges: [string, string][] };
}

describe('byte-level', () => {
  const python = JSON.parse(readFileSync(join(folderOf('gpt2'), 'tokenizer.json'), 'utf8')) as Saved;
  const options = { vocabSize: 700, specialTokens: { bosToken: '<|endoftext|>', eosToken: '<|endoftext|>' } };

  test('learns the vocabulary and merges that Python learns', () => {
    const tokenizer = trainByteLevelTokenizer(corpus, options);
    expect(python.model.merges.length).toBeGreaterThan(200);
    for (const [token, id] of Object.entries(python.model.vocab)) expect(tokenizer.tokenToId(token), token).toBe(id);
    expect(tokenizer.vocabSize).toBe(Object.keys(python.model.vocab).length);
    for (const { text, ids } of recorded('gpt2').rows) expect(tokenizer.encode(text)).toEqual(ids);
  });

  test('a smaller vocabulary has the first merges', () => {
    const tokenizer = trainByteLevelTokenizer(corpus, { ...options, vocabSize: 300 });
    expect(tokenizer.vocabSize).toBe(300);
    for (let id = 0; id < 300; id++) {
      expect(python.model.vocab[tokenizer.idToToken(id) ?? '']).toBe(id);
    }
  });

  test('without text it has the special tokens and 256 bytes, and any text decodes to itself', () => {
    const tokenizer = trainByteLevelTokenizer('', { specialTokens: { eosToken: '</s>', padToken: '<pad>' } });
    expect(tokenizer.vocabSize).toBe(258);
    expect([tokenizer.eosTokenId, tokenizer.padTokenId]).toEqual([0, 1]);
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
        const ids = tokenizer.encode(text);
        expect(ids).toHaveLength(Buffer.byteLength(text));
        expect(tokenizer.decode(ids)).toBe(text);
      }),
    );
  });

  test('a vocabulary without room for the bytes is refused', () => {
    expect(() => trainByteLevelTokenizer('', { vocabSize: 256, specialTokens: { eosToken: '</s>' } })).toThrow(
      'no room for 256 bytes and 1 special tokens: give at least 257',
    );
  });
});

describe('characters', () => {
  test('have ids in their order, after the special tokens', () => {
    const tokenizer = characterTokenizer('hello 😀', { specialTokens: { padToken: '<pad>' } });
    expect(tokenizer.vocabSize).toBe(2 + 6);
    expect(tokenizer.encode('oh 😀<pad>')).toEqual([6, 4, 2, 7, 1]);
    expect(tokenizer.decode([4, 3, 5, 5, 6])).toBe('hello');
  });

  test('that the text lacks become the unknown token', () => {
    const tokenizer = characterTokenizer('ab');
    expect(tokenizer.encode('abz')).toEqual([1, 2, 0]);
    expect(tokenizer.decode([1, 0])).toBe('a<unk>');
  });
});

describe('words', () => {
  test('have ids by how often they occur', () => {
    const tokenizer = wordTokenizer(['b a b', 'c a b'], { specialTokens: { eosToken: '.' } });
    expect(['.', '<unk>', 'b', 'a', 'c'].map((word) => tokenizer.tokenToId(word))).toEqual([0, 1, 2, 3, 4]);
    expect(tokenizer.encode('c  d\na.')).toEqual([4, 1, 3, 0]);
    expect(tokenizer.decode([4, 3])).toBe('c a');
  });
});

describe('added tokens', () => {
  const options = { specialTokens: { eosToken: '<eos>' }, addedTokens: ['<think>', '</think>'] };
  test.each([
    ['bytes', trainByteLevelTokenizer('', options)],
    ['characters', characterTokenizer('12+=', options)],
    ['words', wordTokenizer('1 2', { ...options, addedTokens: ['<think>'] })],
  ])('of %s are one token each, and part of the text', (_name, tokenizer) => {
    const ids = tokenizer.encode('<think>1<eos>');
    expect(ids).toHaveLength(3);
    expect(ids[0]).toBe(tokenizer.tokenToId('<think>'));
    expect(tokenizer.specialTokenIds).not.toContain(ids[0]);
    const text = tokenizer.decode(ids, { skipSpecialTokens: true }).replaceAll(' ', '');
    expect(text).toBe('<think>1');
  });

  test('are still that when the tokenizer is read from its files', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'gymformer-test-'));
    await characterTokenizer('12+=', options).save(folder);
    const tokenizer = await Tokenizer.fromPretrained(folder);
    rmSync(folder, { recursive: true });
    const ids = tokenizer.encode('1+2=<think>1</think><eos>');
    expect(tokenizer.decode(ids, { skipSpecialTokens: true })).toBe('1+2=<think>1</think>');
    expect(tokenizer.specialTokens.additional).toEqual([]);
  });
});
