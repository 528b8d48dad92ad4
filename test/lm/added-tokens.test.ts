// Tokens that are added to a tokenizer, and the room for them in a model.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { classifierFromConfig, fromConfig, fromPretrained, savePretrained, Tokenizer } from '../../src/lm/index.ts';
import { tensor } from '../../src/tensor/index.ts';
import { families, folderOf } from './recorded-tokenizers.ts';

const root = mkdtempSync(join(tmpdir(), 'gymformer-added-'));
afterAll(() => rmSync(root, { recursive: true }));

interface Added {
  readonly added: string[];
  readonly special: [answer: string, pad: string];
  readonly tokenizers: Record<
    string,
    { words: number; size: number; pad: number; rows: { text: string; ids: number[]; decoded: string }[] }
  >;
}
// record_added.py makes it.
const recorded = JSON.parse(
  readFileSync(new URL('../fixtures/tokenizers/added.json', import.meta.url), 'utf8'),
) as Added;

describe('added tokens', () => {
  test.each(families)('%s: ids and texts are those of transformers, also from the saved folder', async (family) => {
    const expected = recorded.tokenizers[family]!;
    const [answer, pad] = recorded.special;
    const tokenizer = await Tokenizer.fromPretrained(folderOf(family));
    const before = tokenizer.vocabSize;
    expect(tokenizer.addTokens(recorded.added)).toBe(expected.words);
    expect(tokenizer.addTokens(recorded.added)).toBe(0);
    tokenizer.addSpecialTokens({ padToken: pad, additional: [answer] });
    expect(tokenizer.vocabSize).toBe(expected.size);
    expect(tokenizer.vocabSize - before).toBe(expected.words + 2);
    await tokenizer.save(join(root, family));
    for (const kind of [tokenizer, await Tokenizer.fromPretrained(join(root, family))]) {
      expect(kind.padTokenId).toBe(expected.pad);
      for (const { text, ids, decoded } of expected.rows) {
        expect([text, kind.encode(text)]).toEqual([text, ids]);
        // Python's byte-level decoders take 'Ü' for a byte; of Llama 2's, see addTokens.
        if (family !== 'llama2' && !decoded.includes('\uFFFD')) expect(kind.decode(ids)).toBe(decoded);
      }
    }
  });

  test('an empty token is refused', async () => {
    const tokenizer = await Tokenizer.fromPretrained(folderOf('gpt2'));
    expect(() => tokenizer.addTokens(['a', ''])).toThrow('a token is empty');
  });
});

const sizes = { vocab_size: 20, hidden_size: 8, intermediate_size: 8, num_hidden_layers: 1, num_attention_heads: 2 };
const configs = [
  { model_type: 'gpt2', vocab_size: 20, n_embd: 8, n_layer: 1, n_head: 2, n_positions: 16 },
  { model_type: 'gpt2', vocab_size: 20, n_embd: 8, n_layer: 1, n_head: 2, n_positions: 16, tie_word_embeddings: false },
  { model_type: 'llama', ...sizes, tie_word_embeddings: true },
  { model_type: 'llama', ...sizes },
  { model_type: 'qwen2', ...sizes, num_key_value_heads: 1, tie_word_embeddings: true },
];
const ids = tensor([[1, 5, 19, 0]], { dtype: 'int32' });
const logitsOf = (model: ReturnType<typeof fromConfig>): Float32Array => model.forward(ids).dataSync() as Float32Array;

describe('resizeTokenEmbeddings', () => {
  test.each(configs)(
    '$model_type, tied: $tie_word_embeddings: old tokens score as before, config.json says how many',
    async (config) => {
      const model = fromConfig(config, { seed: 1 });
      const before = logitsOf(model);
      expect(model.resizeTokenEmbeddings(23, { seed: 2 })).toBe(23);
      expect(model.config.vocabSize).toBe(23);
      const after = logitsOf(model);
      for (let position = 0; position < 4; position++) {
        const old = before.slice(position * 20, (position + 1) * 20);
        expect(after.slice(position * 23, position * 23 + 20)).toEqual(old);
        // Rows that are the mean of the others score as the mean of the others.
        const mean = old.reduce((sum, score) => sum + score, 0) / 20;
        for (let token = 20; token < 23; token++) expect(after[position * 23 + token]).toBeCloseTo(mean, 4);
      }
      const folder = join(root, 'resized');
      await savePretrained(model, folder);
      const saved = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as { vocab_size: number };
      expect(saved.vocab_size).toBe(23);
      expect(logitsOf(await fromPretrained(folder))).toEqual(after);
      // And back: what was there is as it was.
      model.resizeTokenEmbeddings(20);
      expect(logitsOf(model)).toEqual(before);
    },
  );

  test('new rows have a billionth of the covariance of the old ones, or are fresh', () => {
    const config = { ...configs[0]!, vocab_size: 50 };
    const rowsOf = (count: number, options: object): Float32Array => {
      const model = fromConfig(config, { seed: 1 });
      const [name, weight] = [...model.namedParameters()].find(([key]) => key.endsWith('wte.weight'))!;
      const old = weight.storage.data.slice();
      model.resizeTokenEmbeddings(count, { seed: 3, ...options });
      const resized = model.namedParameters().get(name)!.storage.data;
      expect(resized.slice(0, old.length)).toEqual(old);
      return resized;
    };
    const variance = (values: Float32Array, column: number, first: number, last: number): number => {
      const taken = Array.from({ length: last - first }, (_, i) => values[(first + i) * 8 + column]!);
      const mean = taken.reduce((sum, value) => sum + value, 0) / taken.length;
      return taken.reduce((sum, value) => sum + (value - mean) ** 2, 0) / taken.length;
    };
    const near = rowsOf(1050, {});
    const fresh = rowsOf(1050, { meanResizing: false });
    for (let column = 0; column < 8; column++) {
      const old = variance(near, column, 0, 50);
      // The deviation of an estimated deviation over 1000 draws is 2 %; rounding to float32 adds some.
      expect(Math.sqrt(variance(near, column, 50, 1050) / old / 1e-9)).toBeCloseTo(1, 0);
      expect(Math.sqrt(variance(fresh, column, 50, 1050))).toBeCloseTo(0.02, 2);
    }
  });

  test('rounds up to a multiple, serves classifiers, keeps what is frozen', () => {
    const model = classifierFromConfig({ ...configs[2]!, num_labels: 1 }, { seed: 1 }).freeze();
    expect(model.resizeTokenEmbeddings(21, { padToMultipleOf: 8 })).toBe(24);
    expect(model.parameters().every(({ frozen }) => frozen)).toBe(true);
    model.forward(tensor([[23]], { dtype: 'int32' })).dataSync();
    expect(() => model.resizeTokenEmbeddings(0)).toThrow('count is 0');
    expect(() => model.resizeTokenEmbeddings(1.5)).toThrow('count is 1.5');
  });
});
