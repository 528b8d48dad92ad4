import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  applyLora,
  type CausalLM,
  classifierFromCausalLM,
  fromConfig,
  mergeLora,
  type PretrainedModel,
  RewardModel,
  savePretrained,
  saveLora,
  type SequenceClassifier,
  trainByteLevelTokenizer,
  withoutAdapters,
} from '../../src/lm/index.ts';
import { FlatParameters } from '../../src/nn/index.ts';
import { tensor } from '../../src/tensor/index.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gymformer-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const tokenizer = trainByteLevelTokenizer('', { specialTokens: { eosToken: '<|end|>', padToken: '<|pad|>' } });
const shapes = {
  gpt2: { n_positions: 40, n_embd: 16, n_layer: 2, n_head: 2 },
  qwen2: {
    hidden_size: 16,
    intermediate_size: 20,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    max_position_embeddings: 40,
  },
};
const baseOf = (kind: keyof typeof shapes): CausalLM =>
  fromConfig({ model_type: kind, vocab_size: 260, initializer_range: 0.3, ...shapes[kind] }, { seed: 1 });

const TEXTS = ['a', 'the longest of these texts, 36 tokens', 'or not to be'];
const ids = tensor([[5, 6, 7, 8, 9]], { dtype: 'int32' });
const logitsOf = (model: CausalLM): Float32Array => model.forward(ids).dataSync() as Float32Array;

/** Makes adapters say something. */
function stir(model: PretrainedModel, value: number): void {
  for (const [name, { storage }] of model.namedParameters()) {
    if (name.includes('lora_B')) storage.data.forEach((_, i) => (storage.data[i] = value * Math.sin(i + 1)));
  }
}

/** A classifier over the weights of `base`, with adapters of its own that say something. */
function adaptedClassifier(base: CausalLM): SequenceClassifier {
  const classifier = classifierFromCausalLM(base, { numLabels: 1, seed: 2, shareWeights: true });
  applyLora(classifier, { r: 2, targetModules: 'all-linear' }, { seed: 3 });
  stir(classifier, 0.3);
  return classifier;
}

describe.each(['gpt2', 'qwen2'] as const)('a reward model over the weights of a policy: %s', (kind) => {
  it('has no weights of its own but adapters and a head', () => {
    const base = baseOf(kind);
    const own = new Set(base.parameters());
    const classifier = adaptedClassifier(base);
    const others = [...classifier.namedParameters()].filter(([, parameter]) => !own.has(parameter));
    expect(others.map(([name]) => name).filter((name) => !/\.lora_[AB]\.weight$/.test(name))).toEqual(['score.weight']);
    expect(others.every(([, { frozen }]) => !frozen)).toBe(true);
  });

  it('and the policy are each what they would be alone, whatever the adapters of the other', async () => {
    const base = baseOf(kind);
    const [before, classifier] = [logitsOf(base), adaptedClassifier(base)];
    const reward = new RewardModel(classifier, tokenizer);
    const scores = await reward.score(TEXTS);
    // The same adapters and head over a copy.
    const apart = classifierFromCausalLM(baseOf(kind), { numLabels: 1, seed: 2 });
    applyLora(apart, { r: 2, targetModules: 'all-linear' }, { seed: 3 });
    stir(apart, 0.3);
    expect(await new RewardModel(apart, tokenizer).score(TEXTS)).toEqual(scores);

    expect(logitsOf(base)).toEqual(before);
    applyLora(base, { r: 2 }, { seed: 4 });
    stir(base, 0.5);
    expect(logitsOf(base)).not.toEqual(before);
    expect(withoutAdapters(base, () => logitsOf(base))).toEqual(before);
    expect(await reward.score(TEXTS)).toEqual(scores);
  });

  it('read the memory that optimizers move weights to', async () => {
    const base = baseOf(kind);
    const classifier = classifierFromCausalLM(base, { numLabels: 1, seed: 2, shareWeights: true });
    const reward = new RewardModel(classifier, tokenizer);
    const scores = await reward.score(TEXTS);
    const flat = new FlatParameters(base.parameters());
    expect(await reward.score(TEXTS)).toEqual(scores);
    flat.weights.forEach((x, i) => (flat.weights[i] = 1.1 * x));
    expect(await reward.score(TEXTS)).not.toEqual(scores);
  });

  it('keep what they are when the other merges its adapters', async () => {
    const base = baseOf(kind);
    const [before, classifier] = [logitsOf(base), adaptedClassifier(base)];
    const reward = new RewardModel(classifier, tokenizer);
    const scores = await reward.score(TEXTS);
    applyLora(base, { r: 2 }, { seed: 4 });
    stir(base, 0.5);
    const adapted = logitsOf(base);
    mergeLora(base);
    logitsOf(base).forEach((x, i) => expect(x).toBeCloseTo(adapted[i]!, 4));
    expect(await reward.score(TEXTS)).toEqual(scores);
    mergeLora(classifier);
    reward.dispose();
    (await reward.score(TEXTS)).forEach((x, i) => expect(x).toBeCloseTo(scores[i]!, 4));
    logitsOf(base).forEach((x, i) => expect(x).toBeCloseTo(adapted[i]!, 4));
    expect(before).not.toEqual(adapted);
  });

  it('is opened again over the same weights, by their folder, or not at all', async () => {
    const base = baseOf(kind);
    const reward = new RewardModel(adaptedClassifier(base), tokenizer);
    await reward.normalize(TEXTS, { mean: 2 });
    const scores = await reward.score(TEXTS);
    const adapters = join(folder, 'adapters');
    await reward.savePretrained(adapters);

    const shared = await RewardModel.fromPretrained(adapters, { base });
    expect(await shared.score(TEXTS)).toEqual(scores);
    const own = new Set(base.parameters());
    expect(shared.model.parameters().filter((parameter) => own.has(parameter)).length).toBeGreaterThan(10);

    await expect(RewardModel.fromPretrained(adapters)).rejects.toThrow('does not say of which model: give it as base');
    await savePretrained(base, join(folder, 'base'));
    await reward.savePretrained(adapters, { baseModel: join(folder, 'base') });
    expect(await (await RewardModel.fromPretrained(adapters)).score(TEXTS)).toEqual(scores);
  });
});

it('adapters of another kind, or a whole model where adapters were meant, are named', async () => {
  const base = baseOf('gpt2');
  const [policy, whole] = [join(folder, 'policy'), join(folder, 'whole')];
  applyLora(base);
  await saveLora(base, policy);
  tokenizer.save(policy);
  await expect(RewardModel.fromPretrained(policy, { base })).rejects.toThrow('missing: base_model.model.score.weight');

  const reward = new RewardModel(classifierFromCausalLM(baseOf('gpt2'), { numLabels: 1 }), tokenizer);
  await reward.savePretrained(whole);
  await expect(RewardModel.fromPretrained(whole, { base })).rejects.toThrow('holds a whole model, no adapters');

  writeFileSync(join(whole, 'adapter_config.json'), '{"peft_type": "IA3"}');
  await expect(RewardModel.fromPretrained(whole, { base })).rejects.toThrow('peft_type');
  expect(() => classifierFromCausalLM(base, { numLabels: 1 })).toThrow('merge them first');
});
