import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { logProbability, processLogits, Sampler, type SamplingOptions } from '../../src/lm/index.ts';
import { defaultRng } from '../../src/random/index.ts';
import fixture from '../fixtures/transformers/processors.json' with { type: 'json' };
import { decoded } from './recorded.ts';

// Recorded from transformers: test/fixtures/transformers/record.py.
describe('filters against transformers', () => {
  it.each(fixture.rows)('$options', ({ options, seen, scores, processed }) => {
    const found = decoded(scores);
    processLogits(found, seen, options as SamplingOptions);
    const expected = decoded(processed);
    expect([...found].map((x) => x === -Infinity)).toEqual([...expected].map((x) => x === -Infinity));
    expect(expected.some((x) => x > -Infinity)).toBe(true);
    for (const [i, x] of expected.entries()) if (x > -Infinity) expect(found[i]).toBeCloseTo(x, 5);
  });
});

const scores = fc.array(fc.float({ min: -20, max: 20, noNaN: true }), { minLength: 1, maxLength: 60 });

describe('filters', () => {
  it('top-k keeps the k largest and ties of the last', () => {
    fc.assert(
      fc.property(scores, fc.integer({ min: 1, max: 70 }), (given, topK) => {
        const found = Float32Array.from(given);
        const smallest = found.toSorted().at(-Math.min(topK, given.length))!;
        const kept = found.map((x) => Number(x >= smallest));
        processLogits(found, [], { topK });
        expect(found.map((x) => Number(x > -Infinity))).toEqual(kept);
      }),
    );
  });

  it('top-p keeps the fewest that weigh enough: without the least of them they weigh too little', () => {
    fc.assert(
      fc.property(scores, fc.double({ min: 0.01, max: 0.99, noNaN: true }), (given, topP) => {
        const found = Float32Array.from(given);
        const exact = Array.from(found, (x) => Math.exp(logProbability(found, 0) - found[0]! + x));
        processLogits(found, [], { topP });
        const kept = exact.filter((_, i) => found[i]! > -Infinity);
        const mass = kept.reduce((sum, p) => sum + p, 0);
        expect(mass).toBeGreaterThan(topP - 1e-5);
        if (kept.length > 1) expect(mass - Math.min(...kept)).toBeLessThan(topP + 1e-5);
      }),
    );
  });

  it.each([
    [{ temperature: -1 }, 'temperature is -1'],
    [{ topK: 1.5 }, 'topK is 1.5'],
    [{ topP: 0 }, 'topP is 0'],
    [{ minP: 2 }, 'minP is 2'],
    [{ repetitionPenalty: 0 }, 'repetitionPenalty is 0'],
  ])('refuses %o', (options, message) => {
    expect(() => new Sampler(4, options)).toThrow(message);
  });
});

describe('Sampler', () => {
  const logits = Float32Array.of(0.5, 2, -1, 1, 0);

  it.each<SamplingOptions>([{}, { temperature: 0.6, topK: 4, topP: 0.95, repetitionPenalty: 1.4 }])(
    'draws tokens as often as their probability says, with %o',
    (options) => {
      const shaped = logits.slice();
      processLogits(shaped, [1, 1, 2], options);
      const sampler = new Sampler(5, options);
      const generator = defaultRng(3);
      const counts = [0, 0, 0, 0, 0];
      const draws = 40_000;
      for (let i = 0; i < draws; i++) {
        const { token, logProb, sampledLogProb } = sampler.sample(logits, [1, 1, 2], generator);
        counts[token]!++;
        expect(logProb).toBeCloseTo(logProbability(logits, token), 5);
        expect(sampledLogProb).toBeCloseTo(logProbability(shaped, token), 5);
      }
      for (const [token, count] of counts.entries()) {
        const p = Math.exp(logProbability(shaped, token));
        // Five standard deviations.
        expect(Math.abs(count / draws - p)).toBeLessThanOrEqual(5 * Math.sqrt((p * (1 - p)) / draws));
      }
    },
  );

  it('takes the first of the most likely tokens at temperature 0, without chance', () => {
    const sampler = new Sampler(3, { temperature: 0 });
    const generator = defaultRng(0);
    const before = JSON.stringify(generator.state, (_, value: unknown) => String(value));
    const sampled = sampler.sample(Float32Array.of(1, 3, 3), [], generator);
    expect(sampled).toEqual({
      token: 1,
      logProb: expect.closeTo(logProbability(Float32Array.of(1, 3, 3), 1), 7) as number,
      sampledLogProb: 0,
    });
    expect(JSON.stringify(generator.state, (_, value: unknown) => String(value))).toBe(before);
  });

  it('never draws a banned token, nor from scores that are not numbers', () => {
    const sampler = new Sampler(5);
    const generator = defaultRng(4);
    for (let i = 0; i < 200; i++) expect(sampler.sample(logits, [], generator, [1, 3]).token % 2).toBe(0);
    expect(() => sampler.sample(Float32Array.of(NaN, NaN, NaN, NaN, NaN), [], generator)).toThrow('not numbers');
  });
});
