// A decoder against the whole sequence at once: the same scores, whichever way tokens come in.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CausalLM, fromConfig, type RawConfig } from '../../src/lm/index.ts';
import { FlatParameters } from '../../src/nn/index.ts';
import { defaultRng } from '../../src/random/index.ts';
import { tensor } from '../../src/tensor/index.ts';
import { fill, relativeError } from './recorded.ts';

const VOCABULARY = 31;
const MAX = 44;
const shared = { vocab_size: VOCABULARY, initializer_range: 0.4 };
const llama = { ...shared, hidden_size: 32, intermediate_size: 40, num_hidden_layers: 2, max_position_embeddings: MAX };

/** Heads that the kernel takes as they are (32, 16), and others that are filled up (12, 6). */
const configs: Readonly<Record<string, RawConfig>> = {
  'gpt2, heads of 32': { model_type: 'gpt2', ...shared, n_positions: MAX, n_embd: 64, n_layer: 2, n_head: 2 },
  'gpt2, heads of 12': { model_type: 'gpt2', ...shared, n_positions: MAX, n_embd: 36, n_layer: 2, n_head: 3 },
  'llama, heads of 16': { model_type: 'llama', ...llama, num_attention_heads: 2 },
  'qwen2, grouped heads of 6': {
    model_type: 'qwen2',
    ...llama,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    head_dim: 6,
  },
};

const models = Object.fromEntries(
  Object.entries(configs).map(([name, config]) => [name, fromConfig(config, { seed: 1 })]),
);

/** The scores after the last of `tokens`, by one pass over all. */
function wholeSequence(model: CausalLM, tokens: readonly number[]): Float32Array {
  const logits = model.forward(tensor([tokens], { dtype: 'int32' })).slice([null, -1]);
  return logits.dataSync() as Float32Array;
}

function text(length: number, seed: number): number[] {
  return Array.from(defaultRng(seed).integers(0, VOCABULARY, { size: length }), Number);
}

describe.each(Object.keys(configs))('%s', (name) => {
  const model = models[name]!;

  it('scores as the whole sequence does, in any order of prompts, tokens, copies and resets', {
    timeout: 60_000,
  }, () => {
    const slot = fc.nat({ max: 2 });
    const action = fc.oneof(
      fc.record({ kind: fc.constant('extend' as const), slot, count: fc.constantFrom(1, 2, 8, 9, 13, 33, 40) }),
      fc.record({ kind: fc.constant('step' as const), active: fc.tuple(fc.boolean(), fc.boolean(), fc.boolean()) }),
      fc.record({ kind: fc.constant('copy' as const), slot, to: slot }),
      fc.record({ kind: fc.constant('reset' as const), slot }),
      fc.record({
        kind: fc.constant('prefill' as const),
        filled: fc.integer({ min: 1, max: 3 }),
        counts: fc.tuple(...[20, 20, 20].map((max) => fc.integer({ min: 1, max }))),
      }),
    );
    const decoder = model.decoder({ batch: 3, maxLength: MAX });
    let seed = 0;
    fc.assert(
      fc.property(fc.array(action, { minLength: 1, maxLength: 6 }), (actions) => {
        const held: number[][] = [[], [], []];
        for (let i = 0; i < 3; i++) decoder.reset(i);
        const same = (i: number, scores: Float32Array): void => {
          expect(decoder.lengths[i]).toBe(held[i]!.length);
          expect(relativeError(scores, wholeSequence(model, held[i]!))).toBeLessThan(1e-5);
        };
        const part = (scores: Float32Array, i: number): Float32Array =>
          scores.subarray(i * VOCABULARY, (i + 1) * VOCABULARY);
        for (const given of actions) {
          switch (given.kind) {
            case 'extend': {
              const tokens = text(given.count, seed++);
              if (held[given.slot]!.length + tokens.length > MAX) break;
              held[given.slot]!.push(...tokens);
              same(given.slot, decoder.extend(given.slot, tokens));
              break;
            }
            case 'step': {
              const tokens = text(3, seed++).map((token, i) => (given.active[i] && held[i]!.length < MAX ? token : -1));
              for (const [i, token] of tokens.entries()) if (token >= 0) held[i]!.push(token);
              const scores = decoder.step(Int32Array.from(tokens));
              for (const [i, token] of tokens.entries()) if (token >= 0) same(i, part(scores, i));
              break;
            }
            case 'copy':
              decoder.copy(given.slot, given.to);
              held[given.to] = [...held[given.slot]!];
              break;
            case 'reset':
              decoder.reset(given.slot);
              held[given.slot] = [];
              break;
            case 'prefill': {
              for (let i = 0; i < 3; i++) held[i] = i < given.filled ? text(given.counts[i]!, seed++) : [];
              const scores = decoder.prefill(held.slice(0, given.filled)).slice();
              for (let i = 0; i < given.filled; i++) same(i, part(scores, i));
              break;
            }
          }
        }
        expect([...decoder.lengths]).toEqual(held.map((tokens) => tokens.length));
      }),
      { seed: 20261122, numRuns: 25 },
    );
    decoder.release();
  });
});

describe('a decoder', () => {
  const model = models['gpt2, heads of 32']!;

  it('fills a slot to its end, while another that is full stays as it is', () => {
    const decoder = model.decoder({ batch: 2, maxLength: MAX });
    const tokens = text(MAX, 5);
    decoder.extend(0, tokens);
    decoder.extend(1, tokens.slice(0, MAX - 1));
    const scores = decoder.step(Int32Array.of(-1, tokens.at(-1)!)).slice(VOCABULARY);
    expect(relativeError(scores, wholeSequence(model, tokens))).toBeLessThan(1e-5);
    // The full slot's cache is whole, although it was under the kernel's hands.
    decoder.copy(0, 1);
    decoder.lengths[1]!--;
    expect(relativeError(decoder.extend(1, tokens.slice(-1)), wholeSequence(model, tokens))).toBeLessThan(1e-5);
    expect(() => decoder.step(Int32Array.of(1, -1))).toThrow(`slot 0 holds ${MAX} tokens and takes no 1 more`);
    decoder.release();
  });

  it('sees new weights at once, and weights that have moved', () => {
    const changing = fromConfig(configs['gpt2, heads of 12']!, { seed: 2 });
    const decoder = changing.decoder({ batch: 1, maxLength: 10 });
    const before = decoder.extend(0, [1, 2, 3]).slice();
    fill(changing);
    decoder.reset(0);
    const after = decoder.extend(0, [1, 2, 3]).slice();
    expect(relativeError(after, wholeSequence(changing, [1, 2, 3]))).toBeLessThan(1e-5);
    expect(relativeError(after, before)).toBeGreaterThan(0.1);
    const { weights } = new FlatParameters(changing.parameters());
    decoder.reset(0);
    expect(relativeError(decoder.extend(0, [1, 2, 3]), after)).toBeLessThan(1e-6);
    for (let i = 0; i < weights.length; i++) weights[i]! *= 0.5;
    decoder.reset(0);
    const moved = decoder.extend(0, [1, 2, 3]);
    expect(relativeError(moved, wholeSequence(changing, [1, 2, 3]))).toBeLessThan(1e-5);
    expect(relativeError(moved, after)).toBeGreaterThan(0.01);
    decoder.release();
  });

  it('says what it cannot hold', () => {
    expect(() => model.decoder({ batch: 0, maxLength: 4 })).toThrow('a batch of 0 has no slots');
    expect(() => model.decoder({ batch: 1, maxLength: MAX + 1 })).toThrow(`${MAX} tokens that this model can read`);
    const decoder = model.decoder({ batch: 2, maxLength: 4 });
    expect(() => decoder.extend(2, [1])).toThrow('there is no slot 2 among 2');
    expect(() => decoder.extend(0, [])).toThrow('no tokens were given for slot 0');
    expect(() => decoder.extend(0, [1, 2, 3, 4, 5])).toThrow('takes no 5 more: its limit is 4');
    expect(() => decoder.extend(0, [VOCABULARY])).toThrow(`${VOCABULARY} is no token`);
    expect(() => decoder.step(Int32Array.of(1))).toThrow('there are 2 slots');
    expect(() => decoder.prefill([[1], [1], [1]])).toThrow('there are 2 slots');
    decoder.release();
    expect(() => decoder.extend(0, [1])).toThrow('has been released');
  });
});

describe('room that grows', () => {
  it.each(Object.keys(configs))('changes no bit of the scores: %s', (name) => {
    const model = models[name]!;
    const full = model.decoder({ batch: 3, maxLength: MAX });
    const growing = model.decoder({ batch: 3, maxLength: MAX, initialLength: 4 });
    for (const decoder of [full, growing]) decoder.prefill([text(2, 1), text(3, 2)]);
    for (let step = 0; step < 9; step++) {
      const tokens = Int32Array.from(text(3, 10 + step), (token, slot) => (slot + step === 5 ? -1 : token));
      const [expected, found] = [full.step(tokens).slice(), growing.step(tokens)];
      tokens.forEach((token, slot) => {
        const part = [slot * VOCABULARY, (slot + 1) * VOCABULARY] as const;
        if (token >= 0) expect(found.subarray(...part)).toEqual(expected.subarray(...part));
      });
    }
    expect(growing.extend(1, text(20, 3))).toEqual(full.extend(1, text(20, 3)));
    for (const decoder of [full, growing]) decoder.copy(1, 0);
    expect(growing.extend(0, text(9, 4))).toEqual(full.extend(0, text(9, 4)));
    expect([...growing.lengths]).toEqual([...full.lengths]);
    expect(() => growing.extend(0, text(MAX, 5))).toThrow('its limit is 44');
    full.release();
    growing.release();
  });
});

describe('many slots of a small model, half of which run on a second thread', () => {
  it('score as they do one by one', () => {
    const model = models['gpt2, heads of 32']!;
    const many = model.decoder({ batch: 32, maxLength: MAX, threads: 2 });
    const single = model.decoder({ batch: 1, maxLength: MAX, threads: 1 });
    const prompts = Array.from({ length: 32 }, (_, slot) => text(1 + (slot % 7), slot));
    many.prefill(prompts);
    const steps = [0, 1, 2].map((step) => text(32, 100 + step));
    // Some slots are left as they are, now and then.
    const given = steps.map((tokens, step) =>
      Int32Array.from(tokens, (token, slot) => (slot % 5 === step ? -1 : token)),
    );
    const scores = given.map((tokens) => many.step(tokens).slice());
    prompts.forEach((prompt, slot) => {
      single.reset(0);
      single.extend(0, prompt);
      given.forEach((tokens, step) => {
        if (tokens[slot]! < 0) return;
        const alone = single.step(Int32Array.of(tokens[slot]!));
        const beside = scores[step]!.subarray(slot * VOCABULARY, (slot + 1) * VOCABULARY);
        expect(relativeError(beside, alone)).toBeLessThan(1e-5);
      });
    });
    many.release();
    single.release();
  });
});
