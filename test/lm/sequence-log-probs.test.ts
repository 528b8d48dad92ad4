import { describe, expect, test } from 'vitest';
import { applyLora, fromConfig, SequenceLogProbs } from '../../src/lm/index.ts';
import { logProbability } from '../../src/lm/sampling.ts';
import { defaultRng } from '../../src/random/index.ts';
import { tensor } from '../../src/tensor/index.ts';
import { expectClose } from '../rl/recorded.ts';

const config = { model_type: 'gpt2', vocab_size: 20, n_positions: 48, n_embd: 16, n_layer: 2, n_head: 2 };
const tiny = (seed = 1) => {
  const model = fromConfig(config, { seed });
  // Far from even.
  for (const { storage } of model.parameters()) storage.data.forEach((x, i) => (storage.data[i] = x === 1 ? 1 : 6 * x));
  return model;
};

const rng = defaultRng(2);
const sequences = [3, 40, 49, 17, 2, 18, 40, 33].map((length) => {
  const tokens = Int32Array.from({ length }, () => Number(rng.integers(20)));
  const positions = Array.from({ length: length - 1 }, (_, i) => i + 1).filter((p) => p % 3 !== 0 || p === length - 1);
  return { tokens, positions };
});

/** One text at a time, without padding. */
function plain(model: ReturnType<typeof tiny>, temperature: number): Float64Array[] {
  return sequences.map(({ tokens, positions }) => {
    const logits = model
      .forward(tensor([Array.from(tokens.subarray(0, -1))], { dtype: 'int32' }))
      .dataSync() as Float32Array;
    return Float64Array.from(positions, (position) => {
      const scores = logits.slice((position - 1) * 20, position * 20).map((score) => score / temperature);
      return logProbability(scores, tokens[position]!);
    });
  });
}

describe.each([1, 0.7])('at temperature %d', (temperature) => {
  test('many texts at once equal a plain forward pass of each', async () => {
    const model = tiny();
    const found = await new SequenceLogProbs(model, { temperature }).of(sequences);
    plain(model, temperature).forEach((expected, i) => expectClose(found[i]!, expected, 1e-4, `text ${i}`));
  });

  test('token by token, too', () => {
    const scorer = new SequenceLogProbs(tiny(), { temperature });
    const { tokens } = sequences[3]!;
    const decoder = scorer.decoder();
    const expected = plain(scorer.model, temperature)[3]!;
    sequences[3]!.positions.forEach((position, k) => {
      const scores = decoder.extend(0, tokens.slice(decoder.lengths[0], position));
      const scaled = scores.map((score) => score / temperature);
      expect(logProbability(scaled, tokens[position]!)).toBeCloseTo(expected[k]!, 4);
    });
    decoder.release();
  });
});

test('a model with adapters is asked without them', async () => {
  const [model, adapted] = [tiny(), tiny()];
  applyLora(adapted, { r: 4, targetModules: 'all-linear' }, { seed: 1 });
  for (const [name, { storage }] of adapted.namedParameters()) {
    if (name.includes('lora_B')) storage.data.fill(0.3);
  }
  const [expected, found] = await Promise.all([model, adapted].map((each) => new SequenceLogProbs(each).of(sequences)));
  found!.forEach((row, i) => expectClose(row, expected![i]!, 1e-6, `text ${i}`));
  const decoded = new SequenceLogProbs(adapted).decoder().extend(0, [1, 2, 3]).slice();
  expectClose(decoded, new SequenceLogProbs(model).decoder().extend(0, [1, 2, 3]), 1e-6, 'scores');
});

test('weights are read where they are: a change is seen', async () => {
  const model = tiny();
  const scorer = new SequenceLogProbs(model);
  const before = await scorer.of(sequences.slice(0, 1));
  for (const { storage } of model.parameters()) storage.data.forEach((x, i) => (storage.data[i] = 1.3 * x));
  const after = await scorer.of(sequences.slice(0, 1));
  expect(Math.abs(after[0]![0]! - before[0]![0]!)).toBeGreaterThan(1e-4);
});

test('what is too long is said', async () => {
  const tokens = new Int32Array(50);
  await expect(new SequenceLogProbs(tiny()).of([{ tokens, positions: [1] }])).rejects.toThrow(
    'a text of 50 tokens is longer than the 48 that this model can read',
  );
  expect(await new SequenceLogProbs(tiny()).of([])).toEqual([]);
  expect(() => new SequenceLogProbs(tiny(), { temperature: 0 })).toThrow('temperature is 0');
});
