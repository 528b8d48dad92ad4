// Texts that share a row with what they begin with alike: losses and gradients are those of a row for each text.

import { describe, expect, test } from 'vitest';
import {
  type CausalLM,
  classifierFromConfig,
  fromConfig,
  type RawConfig,
  type SequenceClassifier,
} from '../../src/lm/index.ts';
import { type CompletionPair, pairRow } from '../../src/trainer/dpo-data.ts';
import { DpoLoss } from '../../src/trainer/dpo-loss.ts';
import type { Comparison } from '../../src/trainer/reward-data.ts';
import { RewardLoss } from '../../src/trainer/reward-loss.ts';
import { placeTexts, sharedRow } from '../../src/trainer/shared-rows.ts';
import { fill, relativeError } from '../lm/recorded.ts';

const GPT2 = { model_type: 'gpt2', n_embd: 16, n_layer: 2, n_head: 2, n_positions: 24 };
const LLAMA = {
  model_type: 'llama',
  hidden_size: 16,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  intermediate_size: 24,
  num_hidden_layers: 2,
  max_position_embeddings: 24,
};
const ARCHITECTURES: Readonly<Record<string, RawConfig>> = {
  gpt2: GPT2,
  llama: LLAMA,
  qwen2: { ...LLAMA, model_type: 'qwen2' },
};
const TOKENS = { vocab_size: 40, bos_token_id: 0, eos_token_id: 0 };

const ids = (...tokens: number[]): Int32Array => Int32Array.from(tokens);

/** Weights by a formula, large enough for a wrong mask or position to show. */
function filled<T extends CausalLM | SequenceClassifier>(model: T): T {
  fill(model);
  for (const parameter of model.parameters()) parameter.set(parameter.storage.data.map((x) => x * 0.5));
  return model;
}

function gradientsOf(model: CausalLM | SequenceClassifier): Map<string, Float32Array> {
  return new Map(
    [...model.namedParameters()].map(([name, { gradient }]) => [name, gradient.data.slice() as Float32Array]),
  );
}

function expectSame(apart: Map<string, Float32Array>, together: Map<string, Float32Array>): void {
  for (const [name, gradient] of apart) {
    const scale = Math.max(1e-3, ...gradient.map(Math.abs));
    const far = Math.max(...gradient.map((x, i) => Math.abs(x - together.get(name)![i]!)));
    expect(far / scale, name).toBeLessThan(1e-4);
  }
}

describe('sharedRow', () => {
  test('shares what all texts begin with, and leaves each a token of its own', () => {
    expect(sharedRow([ids(1, 2, 3, 4), ids(1, 2, 5)])).toEqual({ shared: 2, length: 5 });
    expect(sharedRow([ids(1, 2, 3), ids(1, 2, 3)])).toEqual({ shared: 2, length: 4 });
    expect(sharedRow([ids(1, 2, 3), ids(1), ids(1, 2)])).toEqual({ shared: 0, length: 6 });
    expect(sharedRow([ids(1, 2), ids(3, 4, 5)])).toEqual({ shared: 0, length: 5 });
    expect(sharedRow([ids(1, 2, 3, 4), ids(1, 2, 3, 5)], 1)).toEqual({ shared: 1, length: 7 });
  });
});

describe('placeTexts', () => {
  const rows = (length: number): { readonly length: number }[] => [{ length }, { length }];
  const placed = (length: number, together: number, hiddenSize = 64): unknown =>
    placeTexts({ train: rows(length), test: [] }, () => ({ shared: 0, length: together, texts: 2 }), hiddenSize);

  test('together where that is less to compute', () => {
    expect(placed(100, 130)).toEqual({ train: rows(130), test: [], together: true });
  });

  test('apart where long rows are compared with themselves', () => {
    expect(placed(1000, 2000)).toEqual({ train: rows(1000), test: [], together: false });
    // The wider the model, the less it weighs.
    expect(placed(100, 190)).toMatchObject({ together: false });
    expect(placed(100, 190, 4096)).toMatchObject({ together: true });
  });
});

describe.each(Object.keys(ARCHITECTURES))('%s', (architecture) => {
  const config = { ...ARCHITECTURES[architecture]!, ...TOKENS };

  test('rewards, their loss and its gradients', async () => {
    const model = filled(classifierFromConfig({ ...config, pad_token_id: 0 }, { numLabels: 1 }));
    const candidates = [
      [ids(5, 6, 7, 8, 9), ids(5, 6, 7, 3), ids(5, 6, 7, 8, 11, 12, 13)],
      [ids(4, 4, 4), ids(4, 4)],
      [ids(9), ids(8, 7, 6, 5)],
    ];
    const found = [];
    for (const together of [false, true]) {
      const rows = candidates.map((texts, best): Comparison => {
        const longest = Math.max(...texts.map(({ length }) => length));
        return { candidates: texts, best: best % 2, margin: 0.1, length: together ? sharedRow(texts).length : longest };
      });
      const loss = new RewardLoss(model, {
        batchSize: 4,
        numCandidates: 3,
        together,
        lengths: [16],
        accumulate: false,
        centerRewardsCoefficient: 0.1,
        bias: () => 0.5,
      });
      const batch = await loss.learn(rows, 1 / 3);
      found.push({ ...batch, gradients: gradientsOf(model) });
      loss.dispose();
    }
    const [apart, together] = found as [(typeof found)[0], (typeof found)[0]];
    expect(together.loss).toBeCloseTo(apart.loss, 6);
    for (const [i, rewards] of apart.rewards.entries()) {
      expect(relativeError(together.rewards[i]!, rewards)).toBeLessThan(1e-5);
    }
    expectSame(apart.gradients, together.gradients);
  });

  test('log-probabilities of completions, their loss and its gradients', async () => {
    const model = filled(fromConfig(config));
    const pairOf = (
      chosen: readonly number[],
      rejected: readonly number[],
      prompt: readonly number[],
    ): CompletionPair => {
      const example = (completion: readonly number[]): CompletionPair['chosen'] => ({
        ids: ids(...prompt, ...completion),
        learned: new Uint8Array(prompt.length + completion.length).fill(1, Math.max(1, prompt.length)),
      });
      return {
        chosen: example(chosen),
        rejected: example(rejected),
        length: prompt.length + Math.max(chosen.length, rejected.length) - 1,
      };
    };
    const pairs = [
      pairOf([7, 8, 9], [3], [5, 6, 4, 2]),
      // They begin alike: that is learned of both.
      pairOf([7, 8, 9], [7, 8, 3, 3], [5, 6]),
      pairOf([1, 2], [3, 4, 5], []),
    ];
    expect(pairs.map(pairRow)).toEqual([
      { shared: 3, length: 7 },
      { shared: 1, length: 8 },
      { shared: 0, length: 3 },
    ]);
    const found = [];
    for (const together of [false, true]) {
      const rows = pairs.map((pair) => (together ? { ...pair, length: pairRow(pair).length } : pair));
      const loss = new DpoLoss(model, {
        beta: 0.3,
        lossType: 'sigmoid',
        labelSmoothing: 0.1,
        batchSize: 4,
        together,
        lengths: [12],
        accumulate: false,
        reference: new Map(rows.map((row, i) => [row, [-3 - i, -4] as const])),
      });
      const batch = await loss.learn(rows, 1 / 3);
      found.push({ ...batch, gradients: gradientsOf(model) });
      loss.dispose();
    }
    const [apart, together] = found as [(typeof found)[0], (typeof found)[0]];
    expect(together.loss).toBeCloseTo(apart.loss, 6);
    for (const [i, pair] of apart.pairs.entries()) {
      for (const [k, completion] of pair.entries()) {
        expect(relativeError(Object.values(together.pairs[i]![k]!), Object.values(completion))).toBeLessThan(1e-5);
      }
    }
    expectSame(apart.gradients, together.gradients);
  });
});
