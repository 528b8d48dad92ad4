import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  chatmlTemplate,
  classifierFromConfig,
  classifierFromPretrained,
  EqualScoresError,
  fromConfig,
  type RawConfig,
  RewardModel,
  savePretrained,
  type Tokenizer,
  trainByteLevelTokenizer,
} from '../../src/lm/index.ts';
import { tensor } from '../../src/tensor/index.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'gymformer-'));
});
afterAll(() => rmSync(folder, { recursive: true }));
let folders = 0;
const fresh = (): string => join(folder, String(folders++));

/** One token a byte, and two more: 256 ends a text, 257 fills rows. */
const bytes = (): Tokenizer =>
  trainByteLevelTokenizer('', { specialTokens: { eosToken: '<|end|>', padToken: '<|pad|>' } });

const gpt2: RawConfig = {
  model_type: 'gpt2',
  vocab_size: 260,
  n_positions: 40,
  n_embd: 16,
  n_layer: 2,
  n_head: 2,
  initializer_range: 0.3,
};
const llama: RawConfig = {
  model_type: 'llama',
  vocab_size: 260,
  hidden_size: 16,
  intermediate_size: 20,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 40,
  initializer_range: 0.3,
};

const rewardModel = (config: RawConfig = gpt2, options = {}): RewardModel =>
  new RewardModel(classifierFromConfig(config, { numLabels: 1, seed: 1 }), bytes(), options);

const TEXTS = ['a', 'the longest of these texts, 36 tokens', 'to be', 'or not to be', 'that', 'is the question'];

/** Of one text, by the model alone. */
function plainScore({ model, tokenizer }: RewardModel, text: string): number {
  return model.forward(tensor([tokenizer.encode(text)], { dtype: 'int32' }), tensor(Int32Array.of(text.length))).item();
}

function moments(scores: Float64Array): [mean: number, std: number] {
  const mean = scores.reduce((sum, x) => sum + x, 0) / scores.length;
  return [mean, Math.sqrt(scores.reduce((sum, x) => sum + (x - mean) ** 2, 0) / scores.length)];
}

function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>): void {
  expect(actual.length).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) expect(actual[i]).toBeCloseTo(expected[i]!, 5);
}

describe.each([
  ['gpt2', gpt2],
  ['llama', llama],
])('scores of a %s', (_name, config) => {
  it.each([1, 2, 5, 16])('are those of each text alone, %i at once', async (batchSize) => {
    const reward = rewardModel(config, { batchSize });
    expectClose(
      await reward.score(TEXTS),
      TEXTS.map((text) => plainScore(reward, text)),
    );
    // Programs are there now, and see other weights.
    reward.model.score.weight.set(reward.model.score.weight.storage.data.map((x) => -2 * x));
    expectClose(
      await reward.score(TEXTS),
      TEXTS.map((text) => plainScore(reward, text)),
    );
  });

  it('have the mean and deviation they are normalised to, in the same order', async () => {
    const reward = rewardModel(config);
    const before = await reward.score(TEXTS);
    const was = await reward.normalize(TEXTS);
    const after = await reward.score(TEXTS);
    expectClose([was.mean, was.std], moments(before));
    expectClose(moments(after), [0, 1]);
    expectClose(
      after,
      before.map((score) => (score - was.mean) / was.std),
    );
    await reward.normalize(TEXTS, { mean: 3, std: 0.5 });
    expectClose(moments(await reward.score(TEXTS)), [3, 0.5]);
  });

  it('stay as they are in a folder', async () => {
    const reward = rewardModel(config);
    await reward.normalize(TEXTS, { mean: 2 });
    const before = await reward.score(TEXTS);
    const path = fresh();
    await reward.savePretrained(path);
    expectClose(await reward.score(TEXTS), before);
    const again = await RewardModel.fromPretrained(path);
    expectClose(await again.score(TEXTS), before);
    // Whoever knows nothing of a bias finds equal scores, or such that are lower by what config.json says.
    const plain = await classifierFromPretrained(path);
    const { reward_bias: bias } = JSON.parse(readFileSync(join(path, 'config.json'), 'utf8')) as {
      reward_bias: number;
    };
    expect(bias === 0).toBe(config === gpt2);
    const others = new RewardModel(plain, bytes(), { bias: 0 });
    expectClose(
      (await others.score(TEXTS)).map((score) => score + bias),
      before,
    );
    // It goes on from there.
    await again.normalize(TEXTS);
    await again.savePretrained(path);
    expectClose(moments(await (await RewardModel.fromPretrained(path)).score(TEXTS)), [0, 1]);
  });
});

describe('what is scored', () => {
  it('a text, its ids, and a conversation', async () => {
    const reward = rewardModel();
    reward.tokenizer.chatTemplate = chatmlTemplate;
    const chat = [{ role: 'user', content: '?' }];
    const rendered = reward.tokenizer.applyChatTemplate(chat, { tokenize: false });
    const ids = reward.tokenizer.encode('to be');
    const [text, array, typed, conversation, same] = await reward.score([
      'to be',
      ids,
      Int32Array.from(ids),
      chat,
      rendered,
    ]);
    expect([array, typed]).toEqual([text, text]);
    expect(conversation).toBe(same);
    expect(conversation).not.toBe(text);
  });

  it('the last token before the padding', async () => {
    const reward = rewardModel();
    const [plain, padded, ended] = await reward.score(['ab', 'ab<|pad|><|pad|>', 'ab<|end|>']);
    expect(padded).toBe(plain);
    expect(ended).not.toBe(plain);
    expect(reward.encode('<|pad|><|pad|>')).toHaveLength(1);
  });

  it('no end token, where that is the padding too', async () => {
    const tokenizer = trainByteLevelTokenizer('', { specialTokens: { eosToken: '<|end|>' } });
    const reward = new RewardModel(classifierFromConfig(gpt2, { numLabels: 1, seed: 1 }), tokenizer);
    const [plain, ended] = await reward.score(['ab', 'ab<|end|>']);
    expect(ended).toBe(plain);
    const path = fresh();
    await reward.savePretrained(path);
    expect((await RewardModel.fromPretrained(path)).model.config.padTokenId).toBe(tokenizer.eosTokenId);
  });

  it('one end of what is too long, if one is chosen', async () => {
    const long = 'x'.repeat(30) + 'y'.repeat(30);
    await expect(rewardModel().score(['a', long])).rejects.toThrow('text 1 has 60 tokens, but the model reads 40');
    const [left] = await rewardModel(gpt2, { truncationSide: 'left' }).score([long]);
    const [right] = await rewardModel(gpt2, { truncationSide: 'right' }).score([long]);
    expectClose([left!, right!], await rewardModel().score([long.slice(20), long.slice(0, 40)]));
  });

  it('nothing, if there is nothing', async () => {
    expect(await rewardModel().score([])).toEqual(new Float64Array(0));
  });
});

describe('what goes wrong', () => {
  it('another head, or none', async () => {
    expect(() => new RewardModel(classifierFromConfig(gpt2, { numLabels: 2, seed: 1 }), bytes())).toThrow(
      'gives a text 2 scores (num_labels), but a reward is one number',
    );
    const path = fresh();
    await savePretrained(fromConfig(gpt2, { seed: 1 }), path, { tokenizer: bytes() });
    await expect(RewardModel.fromPretrained(path)).rejects.toThrow('has no head that scores texts (score.weight)');
    await expect(RewardModel.fromPretrained('nowhere/at/all')).rejects.toThrow("there is no folder 'nowhere/at/all'");
  });

  it('the tokenizer of another model', () => {
    const model = classifierFromConfig({ ...gpt2, vocab_size: 100 }, { numLabels: 1 });
    expect(() => new RewardModel(model, bytes())).toThrow('the tokenizer has 258 tokens, but the model only 100');
  });

  it('no tokens, or unknown ones', async () => {
    await expect(rewardModel().score(['a', ''])).rejects.toThrow('text 1 has no tokens');
    await expect(rewardModel().score([[1, 260]])).rejects.toThrow("260 is none of the model's 260 tokens");
    await expect(rewardModel().score([[0.5]])).rejects.toThrow("0.5 is none of the model's 260 tokens");
  });

  it('samples of one score', async () => {
    await expect(rewardModel().normalize(['a', 'a'])).rejects.toThrow(EqualScoresError);
    const near = rewardModel();
    near.score = async () => Float64Array.of(5, 5 + 1e-6);
    await expect(near.normalize(['a', 'b'])).rejects.toThrow('the scores of all 2 samples are 5');
    near.score = async () => Float64Array.of(1, Number.NaN);
    await expect(near.normalize(['a', 'b'])).rejects.toThrow('are not all finite');
    await expect(rewardModel().normalize(['a'])).rejects.toThrow('takes two samples or more, but there are 1');
  });

  it('a bias that is no number', async () => {
    const path = fresh();
    await rewardModel().savePretrained(path);
    const config = JSON.parse(readFileSync(join(path, 'config.json'), 'utf8')) as object;
    writeFileSync(join(path, 'config.json'), JSON.stringify({ ...config, reward_bias: 'high' }));
    await expect(RewardModel.fromPretrained(path)).rejects.toThrow('reward_bias is "high", but must be a number');
  });
});
