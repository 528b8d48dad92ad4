import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { additionProblems } from '../../src/env/text/index.ts';
import { applyLora, fromConfig, fromPretrained } from '../../src/lm/index.ts';
import { characterTokenizer } from '../../src/lm/tokenizer-training.ts';
import { LMActorNetwork, LMCriticNetwork } from '../../src/rl/index.ts';
import { tensor } from '../../src/tensor/index.ts';
import { trainAgent, type TrainTextOptions } from '../../src/trainer/index.ts';
import { tinyActor, tinyConfig, tinyText } from './tiny-text.ts';

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

  test('trackers are not told of texts of an update that a signal gives up: the run that goes on tells of them', async () => {
    const told: number[] = [];
    const run = (more: Partial<TrainTextOptions>) =>
      tinyText(join(folder, 'checkpoints'), {
        maxEpisodes: 24,
        trackers: [{ log: () => undefined, completions: (rows) => void told.push(...rows.map((row) => row.update)) }],
        ...more,
      });
    const controller = new AbortController();
    const begin = ({ updates }: { readonly updates: number }) => (updates === 1 ? controller.abort() : undefined);
    const half = await run({ signal: controller.signal, callbacks: { onUpdateStart: begin } });
    expect(half).toMatchObject({ stoppedBy: 'signal', updates: 1 });
    await run({ resume: half.checkpoint });
    expect(told).toEqual([1, 2, 3].flatMap((update) => Array(8).fill(update)));
  });
});

describe('a reference to stay close to', () => {
  const run = (klCoef: number, more: Partial<TrainTextOptions> = {}, network = tinyActor()) =>
    tinyText(join(folder, `kl-${klCoef}`), {
      algorithm: { name: 'grpo', learningRate: 3e-3, updateEpochs: 2, klCoef },
      actor: network,
      maxEpisodes: 48,
      ...more,
    });
  /** The mean squared distance of logits from those of the untouched model. */
  const moved = (network: LMActorNetwork): number => {
    const ids = tensor([[1, 2, 3, 4, 5, 6]], { dtype: 'int32' });
    const [now, before] = [network.forward(ids).dataSync(), tinyActor().forward(ids).dataSync()];
    return Array.from(now, (x, i) => (Number(x) - Number(before[i])) ** 2).reduce((a, b) => a + b) / now.length;
  };

  test('holds the actor back, the more the greater its weight', async () => {
    const distances: number[] = [];
    for (const klCoef of [0, 1, 100]) {
      const network = tinyActor();
      await run(klCoef, {}, network);
      distances.push(moved(network));
    }
    expect(distances[0]).toBeGreaterThan(distances[1]!);
    expect(distances[1]).toBeGreaterThan(distances[2]!);
  });

  test('from which an untrained actor does not diverge, be there rows in its tables that are no tokens', async () => {
    const network = new LMActorNetwork(
      fromConfig({ ...tinyConfig, vocab_size: tokenizer.vocabSize + 30 }, { seed: 0 }),
    );
    const { metrics } = await tinyText(join(folder, 'spare-rows'), {
      actor: network,
      envOptions: { ...envOptions, reward: () => 0 },
      algorithm: { name: 'grpo', learningRate: 0, klCoef: 1 },
      maxEpisodes: 8,
    });
    // Nothing but the divergence has gradients here. Were those rows counted, their norm would be about 1.
    expect(metrics[0]!['gradNorm']).toBeLessThan(1e-4);
  });

  test('by default is what the actor was; one that is given does the same; a run that goes on needs the same', async () => {
    const [first, given] = [await run(1), await run(1, { reference: tinyActor().model })];
    expect(given.policy.stateDict()).toEqual(first.policy.stateDict());
    const half = await run(1, { maxEpisodes: 24 });
    const whole = await run(1, { resume: half.checkpoint });
    expect(whole.policy.stateDict()).toEqual(first.policy.stateDict());
    await expect(run(1, { resume: half.checkpoint }, tinyActor(7))).rejects.toThrow(/reference was \w+ and is \w+/);
  });

  test('is the actor itself with its adapters off, where it has some; checkpoints hold these alone', async () => {
    const network = tinyActor();
    applyLora(network.model, { r: 2, targetModules: 'all-linear' }, { seed: 1 });
    const before = network.model.stateDict();
    const { checkpoint } = await run(1, {}, network);
    expect(readdirSync(checkpoint)).toContain('adapter_model.safetensors');
    const after = network.model.stateDict();
    const changed = [...after].filter(([name, { data }]) => data.some((x, i) => x !== before.get(name)!.data[i]));
    expect(changed.length).toBeGreaterThan(0);
    expect(changed.every(([name]) => /lora_[AB]/.test(name))).toBe(true);
  });

  test('what does not go together is said', async () => {
    const network = tinyActor();
    await expect(run(0, { reference: tinyActor().model })).rejects.toThrow(
      'a reference is for an algorithm with a klCoef',
    );
    await expect(run(1, { reference: network.model }, network)).rejects.toThrow('never diverges from itself');
    const other = fromConfig({ ...tinyConfig, vocab_size: 99 }, { seed: 1 });
    await expect(run(1, { reference: other })).rejects.toThrow('the reference model knows 99 tokens and the policy 20');
  });
});
