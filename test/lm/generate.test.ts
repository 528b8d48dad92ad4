import { describe, expect, it } from 'vitest';
import { fromConfig, generate, type GenerateOptions, type RawConfig, streamGenerate } from '../../src/lm/index.ts';
import { tensor } from '../../src/tensor/index.ts';
import fixture from '../fixtures/transformers/generation.json' with { type: 'json' };
import models from '../fixtures/transformers/models.json' with { type: 'json' };
import { decoded, fill, relativeError } from './recorded.ts';

// Recorded from transformers' generate, one prompt at a time: test/fixtures/transformers/record.py.
describe.each(fixture.rows)('greedily, $model', ({ model: name, prompts, repetitionPenalty, stop, rows }) => {
  const config = models.rows.find((row) => row.name === name)!.config as RawConfig;
  const model = fill(fromConfig(config, { seed: 0 }));

  it.each([1, 3, 8])('writes what transformers writes, %i prompts at a time', async (batchSize) => {
    const options = { temperature: 0, maxNewTokens: 8, stopTokenIds: [stop], repetitionPenalty, batchSize };
    const results = await generate(model, prompts, options);
    expect(results.map(({ tokens }) => tokens)).toEqual(rows.map(({ tokens }) => tokens));
    for (const [i, { logProbs, tokens, finishReason }] of results.entries()) {
      expect(relativeError(logProbs, decoded(rows[i]!.logProbs))).toBeLessThan(1e-4);
      expect(finishReason).toBe(tokens.at(-1) === stop ? 'stop' : 'length');
    }
  });
});

const VOCABULARY = 20;
const model = fromConfig(
  {
    model_type: 'gpt2',
    vocab_size: VOCABULARY,
    n_positions: 40,
    n_embd: 24,
    n_layer: 2,
    n_head: 3,
    initializer_range: 0.3,
    eos_token_id: 3,
  },
  { seed: 0 },
);
const prompts = [[1], [2, 5, 7], [4, 4, 4, 4, 4, 4, 4, 4, 4], [9, 8], [1], [6, 6, 1, 0, 2], [11]];

describe('generate', () => {
  it.each<GenerateOptions>([
    { seed: 5, maxNewTokens: 30 },
    { seed: 6, maxNewTokens: 12, temperature: 0.8, topK: 8, topP: 0.9, minP: 0.01, repetitionPenalty: 1.1 },
  ])('gives each prompt the same text whatever runs beside it, with %o', async (options) => {
    const together = await generate(model, prompts, options);
    for (const batchSize of [1, 2, 3]) {
      const apart = await generate(model, prompts, { ...options, batchSize });
      expect(apart.map(({ tokens }) => tokens)).toEqual(together.map(({ tokens }) => tokens));
      for (const [i, { logProbs, sampledLogProbs }] of apart.entries()) {
        expect(relativeError(logProbs, together[i]!.logProbs)).toBeLessThan(1e-4);
        expect(relativeError(sampledLogProbs, together[i]!.sampledLogProbs)).toBeLessThan(1e-4);
      }
    }
    // The two equal prompts draw from streams of their own.
    expect(together[0]!.tokens).not.toEqual(together[4]!.tokens);
  });

  it('gives the same with a decoder that has been used before and has more slots', async () => {
    const options = { seed: 5, maxNewTokens: 10 };
    const expected = await generate(model, prompts, options);
    const decoder = model.decoder({ batch: 9, maxLength: 30 });
    for (let i = 0; i < 2; i++) {
      const results = await generate(model, prompts, { ...options, decoder });
      expect(results.map(({ tokens }) => tokens)).toEqual(expected.map(({ tokens }) => tokens));
    }
    await expect(generate(model, prompts, { maxNewTokens: 35, decoder })).rejects.toThrow('takes 30 tokens');
    decoder.release();
  });

  it('reports log-probabilities of the whole sequence', async () => {
    const [result] = await generate(model, [prompts[1]!], { seed: 1, maxNewTokens: 20, stopTokenIds: [] });
    const text = [...prompts[1]!, ...result!.tokens];
    const logProbs = model
      .forward(tensor([text], { dtype: 'int32' }))
      .logSoftmax()
      .dataSync();
    const start = prompts[1]!.length - 1;
    const expected = result!.tokens.map((token, i) => logProbs[(start + i) * VOCABULARY + token]!);
    expect(relativeError(result!.logProbs, expected)).toBeLessThan(1e-4);
    expect(result!.sampledLogProbs).toEqual(result!.logProbs);
  });

  it('ends at stop tokens, but not before minNewTokens', async () => {
    const results = await generate(model, prompts, { seed: 2, maxNewTokens: 25 });
    expect(results.some(({ finishReason }) => finishReason === 'stop')).toBe(true);
    for (const { tokens, finishReason } of results) {
      expect(tokens.indexOf(3)).toBe(finishReason === 'stop' ? tokens.length - 1 : -1);
    }
    const longer = await generate(model, prompts, { seed: 2, maxNewTokens: 25, minNewTokens: 24 });
    for (const { tokens } of longer) expect(tokens.slice(0, 24)).not.toContain(3);
  });

  it('ends at a stop string, wherever tokens cut it', async () => {
    const tokenizer = { decode: (ids: number[]) => ids.map((id) => String.fromCharCode(97 + id)).join('') };
    const options = { seed: 3, maxNewTokens: 30, stopTokenIds: [], tokenizer };
    const [free] = await generate(model, [[1]], options);
    const text = tokenizer.decode(free!.tokens);
    const stopString = text.slice(5, 8);
    const [cut] = await generate(model, [[1]], { ...options, stopStrings: ['ZZ', stopString] });
    expect(tokenizer.decode(cut!.tokens)).toBe(text.slice(0, text.indexOf(stopString) + 3));
    expect(cut).toMatchObject({ finishReason: 'stop', stopString });
  });

  it('ends at the end of the context', async () => {
    const prompt = Array.from({ length: 38 }, (_, i) => i % VOCABULARY);
    const [result] = await generate(model, [prompt], { seed: 4, maxNewTokens: 10, stopTokenIds: [] });
    expect(result!.tokens).toHaveLength(2);
    expect(result!.finishReason).toBe('length');
  });

  it('gives nothing for no prompts, and for no tokens', async () => {
    expect(await generate(model, [])).toEqual([]);
    const [result] = await generate(model, [[1]], { maxNewTokens: 0 });
    expect(result).toMatchObject({ tokens: [], finishReason: 'length' });
  });

  it.each<[readonly number[], GenerateOptions, string]>([
    [[], {}, 'prompt 0 is empty'],
    [Array.from({ length: 40 }, () => 1), {}, 'prompt 0 has 40 tokens, but the model reads 40'],
    [[1], { maxNewTokens: -1 }, 'maxNewTokens is -1'],
    [[1], { stopStrings: ['x'] }, 'stopStrings need a tokenizer'],
    [[1], { temperature: NaN }, 'temperature is NaN'],
    [[99], {}, '99 is no token of a vocabulary of 20'],
  ])('refuses %o with %o', async (prompt, options, message) => {
    await expect(generate(model, [prompt], options)).rejects.toThrow(message);
  });
});

describe('streamGenerate', () => {
  it('gives tokens as they come, those of neighbours between them', async () => {
    const options = { seed: 5, maxNewTokens: 12 };
    const expected = await generate(model, prompts.slice(0, 2), options);
    const texts: number[][] = [[], []];
    const order: number[] = [];
    for await (const event of streamGenerate(model, prompts.slice(0, 2), options)) {
      texts[event.prompt]!.push(event.token);
      order.push(event.prompt);
    }
    expect(texts).toEqual(expected.map(({ tokens }) => tokens));
    expect(order.slice(0, 4)).toEqual([0, 1, 0, 1]);
  });

  it('stops when its consumer does, or at a signal', async () => {
    let count = 0;
    for await (const _ of streamGenerate(model, [[1]], { maxNewTokens: 30, seed: 0, stopTokenIds: [] })) {
      if (++count === 3) break;
    }
    expect(count).toBe(3);
    const controller = new AbortController();
    // Long enough for the event loop to get its turns, in one of which the signal comes.
    const prompts = Array.from({ length: 4000 }, () => [1]);
    const options = { maxNewTokens: 35, seed: 0, stopTokenIds: [], signal: controller.signal };
    const stopping = generate(model, prompts, options);
    setImmediate(() => controller.abort());
    const reasons = (await stopping).map(({ finishReason }) => finishReason);
    expect(reasons.at(-1)).toBe('aborted');
  });
});
