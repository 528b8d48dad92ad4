// The Python original's example of chain of thought, line by line, with a model folder as people have them on their disks: a Qwen 2 with
// a byte-level tokenizer, a chat template, and a few rows more than there are tokens.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { arithmeticProblems, CoTEnv } from '../../src/env/text/index.ts';
import {
  chatmlTemplate,
  classifierFromPretrained,
  fromConfig,
  fromPretrained,
  savePretrained,
  Tokenizer,
  trainByteLevelTokenizer,
} from '../../src/lm/index.ts';
import { LMActorNetwork, LMCriticNetwork, TokenPolicy } from '../../src/rl/index.ts';
import { defaultRng } from '../../src/random/index.ts';
import { tensor } from '../../src/tensor/index.ts';
import { trainAgent } from '../../src/trainer/index.ts';
import { temporaryDirectory } from './tiny-run.ts';

const root = temporaryDirectory();
const MODEL_NAME = join(root, 'qwen');
const DATASET = join(root, 'questions.json');

async function makeModel(folder: string, { maxPositions = 2048, rows = 12 } = {}): Promise<void> {
  const tokenizer = trainByteLevelTokenizer('', {
    specialTokens: { eosToken: '<|im_end|>', padToken: '<|endoftext|>', additional: ['<|im_start|>'] },
  });
  tokenizer.chatTemplate = chatmlTemplate;
  const config = {
    model_type: 'qwen2',
    vocab_size: tokenizer.vocabSize + rows,
    hidden_size: 16,
    intermediate_size: 32,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    max_position_embeddings: maxPositions,
    tie_word_embeddings: true,
    eos_token_id: tokenizer.eosTokenId,
  };
  mkdirSync(folder, { recursive: true });
  await savePretrained(fromConfig(config, { seed: 1 }), folder, { tokenizer });
}

beforeAll(async () => {
  await makeModel(MODEL_NAME);
  writeFileSync(DATASET, JSON.stringify(arithmeticProblems({ count: 20, seed: 1 })));
});

describe("the original's example", () => {
  test('runs with any local model folder', async () => {
    const tokenizer = await Tokenizer.fromPretrained(MODEL_NAME);

    const actor = await LMActorNetwork.fromPretrained(MODEL_NAME, {
      padTokenId: tokenizer.padTokenId ?? tokenizer.eosTokenId,
    });
    const critic = await LMCriticNetwork.fromPretrained(MODEL_NAME, {
      padTokenId: tokenizer.padTokenId ?? tokenizer.eosTokenId,
    });

    const { runningRewards, checkpoint, metrics } = await trainAgent({
      envName: 'CoTEnv-v0',
      envOptions: { tokenizer: MODEL_NAME, dataset: DATASET, maxGeneration: 24 },
      actor,
      critic,
      ppoConfig: { lrActor: 3e-4, lrCritic: 1e-3, updateEpochs: 2, minibatchSize: 8 },
      maxEpisodes: 3,
      maxTimesteps: 400,
      numEnvs: 3,
      seed: 1,
      runDirectory: join(root, 'run'),
    });

    expect(runningRewards).toHaveLength(3);
    expect(runningRewards[0]).toBe(0.05 * -10);
    expect(metrics[0]).toMatchObject({ episodes: 3, valueLoss: expect.any(Number) });
    const line = readFileSync(join(root, 'run', 'completions.jsonl'), 'utf8').split('\n')[0]!;
    const { prompt, ...rest } = JSON.parse(line) as { readonly prompt: string };
    expect(prompt).toMatch(/^<\|im_start\|>system\nSolve .*<\|im_start\|>assistant\n$/s);
    expect(prompt).toContain('What is 7 + 2 * 5?');
    expect(rest).toMatchObject({ return: -10, correct: false });

    // Both open again, the actor as a language model, the critic as a classifier of one label.
    const ids = tensor([tokenizer.encode('1 + 1')], { dtype: 'int32' });
    expect((await fromPretrained(checkpoint)).forward(ids).dataSync()).toEqual(actor.forward(ids).dataSync());
    expect(readdirSync(checkpoint)).toContain('tokenizer.json');
    const again = await LMCriticNetwork.fromPretrained(join(checkpoint, 'critic'));
    expect(again.forward(ids).dataSync()).toEqual(critic.forward(ids).dataSync());
    const classifier = await classifierFromPretrained(join(checkpoint, 'critic'));
    expect(classifier.forward(ids).dataSync()[0]).toBeCloseTo(critic.forward(ids).dataSync().at(-1)!, 6);
  });

  test('a critic goes on with the head of a reward model, or begins it anew', async () => {
    const reward = await classifierFromPretrained(MODEL_NAME, { numLabels: 1, seed: 1 });
    const folder = join(root, 'reward');
    reward.score.weight.storage.data.fill(5);
    await savePretrained(reward, folder);
    const kept = await LMCriticNetwork.fromPretrained(folder);
    const fresh = await LMCriticNetwork.fromPretrained(folder, { freshHead: true, seed: 2 });
    const again = await LMCriticNetwork.fromPretrained(folder, { freshHead: true, seed: 2 });
    const head = (critic: LMCriticNetwork): number[] => [...critic.score.weight.storage.data];
    expect(new Set(head(kept))).toEqual(new Set([5]));
    expect(Math.max(...head(fresh).map(Math.abs))).toBeLessThan(1);
    expect(new Set(head(fresh)).size).toBeGreaterThan(2);
    expect(head(again)).toEqual(head(fresh));
  });

  test('rows beyond the tokens are never chosen, and count in no probability', async () => {
    const model = await fromPretrained(MODEL_NAME);
    const tokenizer = await Tokenizer.fromPretrained(MODEL_NAME);
    const [numTokens, rows] = [tokenizer.vocabSize, model.config.vocabSize];
    const policy = new TokenPolicy({ actor: new LMActorNetwork(model), numTokens, threads: 1 });
    const slots = policy.slots(1, 16);
    const [actions, logProbs] = [new Int32Array(1), new Float32Array(1)];
    const all = model.forward(tensor([[1, 2, 3]], { dtype: 'int32' })).dataSync() as Float32Array;
    const logits = all.slice(2 * rows);
    const total = logits.slice(0, numTokens).reduce((sum, logit) => sum + Math.exp(logit), 0);
    const generator = defaultRng(1);
    for (let draw = 0; draw < 200; draw++) {
      slots.act([Int32Array.of(1, 2, 3)], actions, logProbs, generator);
      slots.reset();
      expect(actions[0]).toBeLessThan(numTokens);
      expect(logProbs[0]).toBeCloseTo(logits[actions[0]!]! - Math.log(total), 4);
    }
    const { logProbs: learned } = policy.evaluateLayout([
      tensor([[1, 2, 3]], { dtype: 'int32' }),
      tensor([[2, 3, actions[0]!]], { dtype: 'int32' }),
    ]);
    expect(learned.dataSync()[2]).toBeCloseTo(logProbs[0]!, 5);
    slots.release();
  });
});

describe('what does not go together', () => {
  const run = async (folder: string, envOptions: object = {}) =>
    trainAgent({
      envName: 'CoTEnv-v0',
      envOptions: { tokenizer: MODEL_NAME, dataset: DATASET, maxGeneration: 8, ...envOptions },
      actor: await LMActorNetwork.fromPretrained(folder),
      algorithm: { name: 'reinforce' },
      numEnvs: 2,
      maxEpisodes: 4,
      runDirectory: null,
      savePath: join(root, 'models'),
    });

  test('prompts longer than the context: told before anything is played', async () => {
    const short = join(root, 'short');
    await makeModel(short, { maxPositions: 300 });
    await expect(run(short)).rejects.toThrow(
      /a prompt of \d+ tokens leaves no room in the model's context of 300 .*: make prompts shorter \(fewShot/,
    );
    // At reset too, for whoever plays without training.
    const env = new CoTEnv({ tokenizer: short, dataset: DATASET });
    expect(() => env.limitContext(300)).toThrow(/leaves no room/);
    expect(() => env.reset({ seed: 1 })).toThrow(/leaves no room/);
    // Prompts that fit are played, and cut off where the context ends.
    const options = { promptFormat: 'plain', template: '{question}', fewShot: [], maxGeneration: 1000 };
    const { episodeLengths } = await run(short, options);
    expect(Math.max(...episodeLengths)).toBeLessThan(300);
    expect(Math.max(...episodeLengths)).toBeGreaterThan(200);
  });

  test('a tokenizer of more tokens than the model has rows', async () => {
    const small = join(root, 'small');
    await makeModel(small, { rows: -2 });
    await expect(run(small)).rejects.toThrow(/has 259 tokens, but the model knows 257: .*resizeTokenEmbeddings/);
  });

  test('a padding token that the model does not know', async () => {
    const load = () => LMActorNetwork.fromPretrained(MODEL_NAME, { padTokenId: 271 });
    await expect(load()).rejects.toThrow('padTokenId is 271, but the model knows the tokens 0 to 270');
    await expect(LMCriticNetwork.fromPretrained(MODEL_NAME, { padTokenId: -1 })).rejects.toThrow('padTokenId is -1');
    await expect(LMActorNetwork.fromPretrained(join(root, 'nothing'))).rejects.toThrow('there is no folder');
  });

  test('a classifier of several labels as a critic', async () => {
    const classifier = await classifierFromPretrained(MODEL_NAME, { numLabels: 3 });
    expect(() => new LMCriticNetwork(classifier)).toThrow('a critic says one number, but this classifier has 3 labels');
  });

  test('an environment whose actions are no tokens', async () => {
    const actor = await LMActorNetwork.fromPretrained(MODEL_NAME);
    const options = { actor, algorithm: { name: 'reinforce' }, runDirectory: null } as const;
    await expect(trainAgent({ ...options, envName: 'Pendulum-v1' })).rejects.toThrow(
      /actions are tokens, Discrete\(n\)/,
    );
  });
});
