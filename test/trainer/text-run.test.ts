import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { additionProblems } from '../../src/env/text/index.ts';
import { fromConfig, fromPretrained } from '../../src/lm/index.ts';
import { characterTokenizer } from '../../src/lm/tokenizer-training.ts';
import { LMActorNetwork, LMCriticNetwork } from '../../src/rl/index.ts';
import { tensor } from '../../src/tensor/index.ts';
import { trainAgent } from '../../src/trainer/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'gymformer-text-run-'));
afterAll(() => rmSync(folder, { recursive: true }));

const tags = ['<think>', '</think>', '<final_answer>', '</final_answer>'];
const tokenizer = characterTokenizer('0123456789+=\n', {
  specialTokens: { padToken: '<pad>', eosToken: '<eos>', additional: tags },
});
const dataset = additionProblems({ digits: 1, count: 50, seed: 1 });
const envOptions = {
  tokenizer,
  dataset,
  promptFormat: 'plain',
  template: '{question}',
  fewShot: [],
  maxGeneration: 12,
  // The share of digits: something that differs from the first episode on.
  reward: (completion: string) => completion.replace(/\D/g, '').length / 12,
};

function actor(seed = 0): LMActorNetwork {
  const config = {
    model_type: 'gpt2',
    vocab_size: tokenizer.vocabSize,
    n_positions: 32,
    n_embd: 32,
    n_layer: 2,
    n_head: 2,
  };
  return new LMActorNetwork(fromConfig(config, { seed }));
}

describe('trainAgent with a language model', () => {
  test.each(['ppo', 'grpo', 'rloo', 'reinforce'] as const)(
    '%s runs in CoTEnv-v0 and writes everything down',
    async (name) => {
      const network = actor();
      const critic = name === 'ppo' ? new LMCriticNetwork(network.model, { seed: 1 }) : undefined;
      const before = network.stateDict();
      const result = await trainAgent({
        envName: 'CoTEnv-v0',
        envOptions,
        actor: network,
        critic,
        algorithm: name === 'ppo' ? { name, lrActor: 1e-3, updateEpochs: 1 } : { name, learningRate: 1e-3 },
        numEnvs: 8,
        updateInterval: 16,
        maxEpisodes: 32,
        seed: 3,
        runDirectory: join(folder, name),
      });
      expect(result.stoppedBy).toBe('maxEpisodes');
      expect(result.updates).toBe(2);
      expect(result.runningRewards).toHaveLength(32);
      expect(result.steps).toBe(result.episodeLengths.reduce((sum, length) => sum + length, 0));
      expect(network.stateDict()).not.toEqual(before);

      const completions = readFileSync(join(folder, name, 'completions.jsonl'), 'utf8')
        .trimEnd()
        .split('\n');
      expect(completions).toHaveLength(32);
      const first = JSON.parse(completions[0]!) as Record<string, unknown>;
      expect(first).toMatchObject({
        update: 1,
        episode: 1,
        prompt: expect.stringMatching(/^\d\+\d=$/),
        correct: false,
      });
      const metrics = readFileSync(join(folder, name, 'metrics.jsonl'), 'utf8')
        .trimEnd()
        .split('\n');
      expect(metrics.map((line) => (JSON.parse(line) as { update: number }).update)).toEqual([1, 2]);

      // The checkpoint is a model folder with the trained weights.
      const ids = tensor([[1, 2, 3, 4]], { dtype: 'int32' });
      const saved = await fromPretrained(result.checkpoint);
      expect(saved.forward(ids).dataSync()).toEqual(network.forward(ids).dataSync());
    },
  );

  test('same seed, same bits', async () => {
    const run = () =>
      trainAgent({
        envName: 'CoTEnv-v0',
        envOptions,
        actor: actor(),
        algorithm: { name: 'grpo', learningRate: 1e-3 },
        numEnvs: 4,
        updateInterval: 8,
        maxEpisodes: 16,
        seed: 5,
        runDirectory: null,
        savePath: join(folder, 'twice'),
      });
    const [a, b] = [await run(), await run()];
    expect(b.episodeReturns).toEqual(a.episodeReturns);
    expect(b.policy.stateDict()).toEqual(a.policy.stateDict());
  });

  test('PPO without a critic says what is missing', async () => {
    const options = {
      envName: 'CoTEnv-v0',
      envOptions,
      actor: actor(),
      numEnvs: 2,
      runDirectory: null,
      maxEpisodes: 4,
    };
    await expect(trainAgent(options)).rejects.toThrow(/has no critic, which PPO needs: give it an LMCriticNetwork/);
  });

  test('a callback ends the run', async () => {
    const result = await trainAgent({
      envName: 'CoTEnv-v0',
      envOptions,
      actor: actor(),
      algorithm: { name: 'reinforce' },
      numEnvs: 4,
      updateInterval: 8,
      seed: 1,
      runDirectory: join(folder, 'stopped'),
      callbacks: { onUpdateEnd: ({ updates }) => (updates === 2 ? { stop: 'enough' } : undefined) },
    });
    expect(result).toMatchObject({ stoppedBy: 'callback', stopReason: 'enough', updates: 2 });
  });
});
