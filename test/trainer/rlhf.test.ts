import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import {
  applyLora,
  type CausalLM,
  classifierFromCausalLM,
  fromConfig,
  fromPretrained,
  loadLora,
  RewardModel,
  savePretrained,
} from '../../src/lm/index.ts';
import type { RewardContext } from '../../src/env/text/index.ts';
import { type CollectedEpisode, LMActorNetwork, LMCriticNetwork } from '../../src/rl/index.ts';
import { trainAgent, TrainingFailedError } from '../../src/trainer/index.ts';
import { rlhfMetrics } from '../../src/trainer/rlhf-metrics.ts';
import { tokenizer } from '../rl/token-agents.ts';

const folder = mkdtempSync(join(tmpdir(), 'gymformer-rlhf-run-'));
afterAll(() => rmSync(folder, { recursive: true }));

const model = () =>
  fromConfig(
    { model_type: 'gpt2', vocab_size: tokenizer.vocabSize, n_positions: 24, n_embd: 32, n_layer: 2, n_head: 2 },
    { seed: 1 },
  );
const envOptions = {
  tokenizer,
  dataset: ['ab', 'c', 'defg', 'hhh'],
  // The share of 'a'.
  reward: (completion: string) => (completion.split('a').length - 1) / 10,
  klCoef: 0.05,
  maxGeneration: 10,
};
const common = { envName: 'RLHFEnv-v0', envOptions, numEnvs: 16, updateInterval: 32, seed: 3 } as const;
const ppoConfig = { lrActor: 3e-3, gamma: 1, updateEpochs: 2, entropyCoef: 0, valueClip: 0.2, minibatchSize: 16 };
const lines = (path: string): Record<string, unknown>[] =>
  readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe('trainAgent in RLHFEnv-v0', () => {
  test('raises the score, pays for it in divergence, and writes both down, token by token', async () => {
    const actor = new LMActorNetwork(model());
    const critic = new LMCriticNetwork(actor.model, { seed: 1 });
    const runDirectory = join(folder, 'ppo');
    await trainAgent({ ...common, actor, critic, ppoConfig, maxEpisodes: 32 * 15, runDirectory });

    const metrics = lines(join(runDirectory, 'metrics.jsonl')) as Record<string, number>[];
    const [first, last] = [metrics[0]!, metrics.at(-1)!];
    expect(first['kl']).toBeCloseTo(0, 3);
    expect(last['scores']).toBeGreaterThan(first['scores']! + 0.2);
    expect(last['kl']).toBeGreaterThan(0.5);
    for (const row of metrics) {
      expect(row['rlhfReward']).toBeCloseTo(row['scores']! + row['nonScoreReward']!, 9);
      expect(row['nonScoreReward']).toBeCloseTo(-0.05 * row['kl']!, 9);
      expect(row['episodicReturn']).not.toBeNull();
    }
    for (const name of [
      'klPerToken',
      'klCoef',
      'scoreDeviation',
      'sequenceEntropy',
      'eosTokens',
      'ratio',
      'valueClipFraction',
    ]) {
      expect(last, name).toHaveProperty(name, expect.any(Number));
    }

    const completions = lines(join(runDirectory, 'completions.jsonl'));
    expect(completions).toHaveLength(32 * 15);
    for (const row of completions.slice(-20)) {
      const tokens = row['tokens'] as number;
      const sums = ['tokenKls', 'tokenRewards'].map((name) => {
        const values = row[name] as number[];
        expect(values).toHaveLength(tokens);
        return values.reduce((sum, value) => sum + value, 0);
      });
      expect(sums[0]).toBeCloseTo(row['kl'] as number, 4);
      expect(sums[1]).toBeCloseTo(row['return'] as number, 4);
      expect(tokenizer.decode((row['completionIds'] as number[]).filter((id) => id !== tokenizer.eosTokenId))).toBe(
        row['completion'],
      );
    }
  });

  test("the original's example runs with any local model, on OpenAI's labels; texts are cut off where it says, and scored", async () => {
    const modelName = join(folder, 'original');
    const dataset = join(folder, 'labels.json');
    await savePretrained(model(), modelName, { tokenizer });
    writeFileSync(dataset, JSON.stringify([{ query: [...tokenizer.encode('ab'), 50_259, 50_259], best: 0 }]));

    const actor = await LMActorNetwork.fromPretrained(modelName, { padTokenId: tokenizer.eosTokenId });
    const critic = await LMCriticNetwork.fromPretrained(modelName, { padTokenId: tokenizer.eosTokenId, seed: 1 });
    const runDirectory = join(folder, 'original-run');
    const { runningRewards } = await trainAgent({
      envName: 'RLHFEnv-v0',
      envOptions: {
        tokenizer: modelName,
        dataset,
        reward: (_text: string, { maxGeneration }: RewardContext) => maxGeneration,
      },
      actor,
      critic,
      ppoConfig: { lrActor: 3e-4, lrCritic: 1e-3, gamma: 0.99, epsClip: 0.2, updateEpochs: 10 },
      maxEpisodes: 10,
      maxTimesteps: 3,
      updateInterval: 5,
      saveInterval: 5,
      numEnvs: 5,
      seed: 1,
      runDirectory,
    });
    expect(runningRewards).toHaveLength(10);
    const rows = lines(join(runDirectory, 'completions.jsonl'));
    expect(rows.map(({ prompt }) => prompt)).toEqual(Array(10).fill('ab'));
    expect(rows.some(({ finishReason }) => finishReason === 'length')).toBe(true);
    expect(rows.every(({ score, tokens }) => score === 3 && Number(tokens) <= 3)).toBe(true);
  });

  test('adapters are trained and saved alone; one trunk is policy, critic and reference', async () => {
    const actor = new LMActorNetwork(model());
    applyLora(actor.model, { r: 4, targetModules: 'all-linear' }, { seed: 1 });
    const critic = new LMCriticNetwork(actor.model, { seed: 1 });
    const base = actor.model.namedParameters().get('transformer.h.0.mlp.c_fc.weight')!.storage.data.slice();
    const { checkpoint, metrics } = await trainAgent({
      ...common,
      envOptions: { ...envOptions, refModel: 'adapters-off', klCoef: { initial: 0.05, target: 1e-3, horizon: 64 } },
      actor,
      critic,
      ppoConfig: { ...ppoConfig, lrActor: 1e-2 },
      maxEpisodes: 96,
      runDirectory: join(folder, 'lora'),
    });
    expect(actor.model.namedParameters().get('transformer.h.0.mlp.c_fc.weight')!.storage.data).toEqual(base);
    expect(metrics[0]!['kl']).toBeCloseTo(0, 3);
    expect(metrics[2]!['kl']).toBeGreaterThan(0.01);
    // Grown by 0.2 * 32 / 64 after the second rollout, which diverged by far more than the target.
    expect(metrics[2]!['klCoef']! / metrics[1]!['klCoef']!).toBeCloseTo(1.1, 6);
    const opened = model();
    await loadLora(opened, checkpoint);
    expect(opened.stateDict()).toEqual(actor.model.stateDict());
  });

  describe('with one set of weights for all four models', () => {
    const lora = { r: 4, targetModules: 'all-linear' } as const;
    const judge = (base: CausalLM) => {
      const classifier = classifierFromCausalLM(base, { numLabels: 1, seed: 2, shareWeights: true });
      applyLora(classifier, lora, { seed: 2 });
      for (const [name, { storage }] of classifier.namedParameters()) {
        if (name.includes('lora_B')) storage.data.fill(0.1);
      }
      return new RewardModel(classifier, tokenizer);
    };
    /** Policy, critic and reward model; the critic has adapters of its own, or goes on from the policy's trunk. */
    const four = (base: CausalLM, criticHas: 'adapters' | 'a row') => {
      const reward = judge(base);
      let critic: LMCriticNetwork;
      if (criticHas === 'a row') critic = new LMCriticNetwork(base, { seed: 1 });
      else {
        const classifier = classifierFromCausalLM(base, { numLabels: 1, seed: 1, shareWeights: true });
        applyLora(classifier, lora, { seed: 3 });
        critic = new LMCriticNetwork(classifier);
      }
      applyLora(base, lora, { seed: 1 });
      return { reward, critic, actor: new LMActorNetwork(base) };
    };
    const options = (name: string, criticHas: 'adapters' | 'a row') => {
      const { reward, critic, actor } = four(model(), criticHas);
      return {
        ...common,
        envOptions: { ...envOptions, reward, refModel: 'adapters-off' as const },
        actor,
        critic,
        ppoConfig: { ...ppoConfig, lrActor: 1e-2 },
        runDirectory: join(folder, name),
      };
    };

    test.each(['a row', 'adapters'] as const)(
      'trains adapters alone, and rewards stay what they are; the critic has %s',
      async (criticHas) => {
        const run = options(`four, ${criticHas}`, criticHas);
        const { reward } = run.envOptions;
        const scores = await reward.score(['ab', 'hhca']);
        const { metrics, checkpoint } = await trainAgent({ ...run, maxEpisodes: 96 });
        expect(metrics[0]!['kl']).toBeCloseTo(0, 3);
        expect(metrics[2]!['kl']).toBeGreaterThan(0.01);
        expect(await reward.score(['ab', 'hhca'])).toEqual(scores);
        const base = model().namedParameters();
        const trained = [...run.actor.namedParameters(), ...run.critic.namedParameters()].filter(([name]) => {
          return !/lora|score/.test(name);
        });
        for (const [name, { storage }] of trained) {
          expect(storage.data, name).toEqual(base.get(name.replace('model.', ''))!.storage.data);
        }
        // What is scored as it comes is what the same reward model over a copy says.
        const [row] = lines(join(run.runDirectory, 'completions.jsonl'));
        const [alone] = await judge(model()).score([`${String(row!['prompt'])}${String(row!['completion'])}`]);
        expect(row!['rawReward']).toBeCloseTo(alone!, 4);

        const half = await trainAgent({ ...options(`half, ${criticHas}`, criticHas), maxEpisodes: 64 });
        const rest = options(`rest, ${criticHas}`, criticHas);
        await trainAgent({ ...rest, maxEpisodes: 96, resume: half.checkpoint });
        expect(rest.actor.stateDict()).toEqual(run.actor.stateDict());
        expect(rest.critic.stateDict()).toEqual(run.critic.stateDict());
        const opened = model();
        await loadLora(opened, checkpoint);
        expect(opened.stateDict()).toEqual(run.actor.model.stateDict());
      },
    );

    test('refuses to train weights that the reward model reads', async () => {
      const base = model();
      const reward = judge(base);
      base.unfreeze();
      const run = (critic: LMCriticNetwork, actor = base) =>
        trainAgent({
          ...common,
          envOptions: { ...envOptions, reward: [[reward, 1]] },
          actor: new LMActorNetwork(actor),
          critic,
          ppoConfig,
          maxEpisodes: 32,
        });
      await expect(run(new LMCriticNetwork(base, { seed: 1 }))).rejects.toThrow(
        'transformer.wte.weight is a weight of the reward model that policy or critic train',
      );
      await expect(run(new LMCriticNetwork(reward.model), model())).rejects.toThrow('give them adapters (applyLora)');
    });
  });

  test('goes on to the bit: the same reference, the coefficient where it was', async () => {
    const options = (runDirectory: string, actor = new LMActorNetwork(model())) => ({
      ...common,
      envOptions: { ...envOptions, klCoef: { initial: 0.05, target: 0.5, horizon: 64 } },
      actor,
      critic: new LMCriticNetwork(actor.model, { seed: 1 }),
      ppoConfig,
      runDirectory: join(folder, runDirectory),
    });
    const whole = await trainAgent({ ...options('whole'), maxEpisodes: 128 });
    const half = await trainAgent({ ...options('half'), maxEpisodes: 64 });
    const rest = await trainAgent({ ...options('rest'), maxEpisodes: 128, resume: half.checkpoint });
    const numbers = ({ kl, klCoef, scores, policyLoss }: Readonly<Record<string, unknown>>) => [
      kl,
      klCoef,
      scores,
      policyLoss,
    ];
    expect(rest.metrics.map(numbers)).toEqual(whole.metrics.slice(2).map(numbers));
    expect(new Set(whole.metrics.map(({ klCoef }) => klCoef)).size).toBe(4);
    // Were the reference the trained model, the divergence would begin at 0 again.
    const trained = new LMActorNetwork(await fromPretrained(half.checkpoint));
    await expect(
      trainAgent({ ...options('other', trained), maxEpisodes: 128, resume: half.checkpoint }),
    ).rejects.toThrow('the reference has other weights than when that run began');
  });

  test('a reward that fails on the way ends the run, which saves itself first', async () => {
    let calls = 0;
    const reward = {
      name: 'judge',
      batch: (texts: readonly string[]) => {
        if (++calls > 2) throw new Error('the judge has left');
        return texts.map((text) => text.length);
      },
    };
    const actor = new LMActorNetwork(model());
    const run = trainAgent({
      ...common,
      envOptions: { ...envOptions, reward },
      actor,
      critic: new LMCriticNetwork(actor.model, { seed: 1 }),
      ppoConfig,
      maxEpisodes: 320,
      runDirectory: join(folder, 'failing'),
    });
    const error = await run.then(
      () => undefined,
      (reason: unknown) => reason as TrainingFailedError,
    );
    expect(error).toBeInstanceOf(TrainingFailedError);
    expect(error!.message).toContain('reward judge: the judge has left');
    const saved = await fromPretrained(error!.checkpoint);
    expect(saved.stateDict()).toEqual(actor.model.stateDict());
  });

  test('critic-free algorithms learn from the same rewards', async () => {
    for (const name of ['grpo', 'rloo', 'reinforce'] as const) {
      const { metrics, checkpoint } = await trainAgent({
        ...common,
        actor: new LMActorNetwork(model()),
        algorithm: { name, learningRate: 1e-3 },
        maxEpisodes: 64,
        runDirectory: join(folder, name),
      });
      expect(metrics.map((row) => Object.hasOwn(row, 'kl'))).toEqual([true, true]);
      await fromPretrained(checkpoint);
    }
  });
});

test('metrics are what TRL calls them', () => {
  const episode = (info: Record<string, unknown>, total: number, length: number): CollectedEpisode => ({
    return: total,
    length,
    info,
    envIndex: 0,
    terminated: true,
    endedAt: length,
    group: 0,
    seed: 0,
    firstRow: 0,
  });
  const first = { rawReward: 1, score: 1, kl: 2, klCoef: 0.1, logProbs: [-1, -2], finishReason: 'eos' };
  const second = { rawReward: 4, score: 3, kl: 4, klCoef: 0.1, logProbs: [-3], finishReason: 'length' };
  expect(rlhfMetrics([episode(first, 0.8, 2), episode(second, 2.6, 1)])).toEqual({
    scores: 2,
    scoreDeviation: 1,
    rlhfReward: expect.closeTo(1.7, 12),
    eosTokens: 1,
    kl: 3,
    klPerToken: 2,
    klCoef: 0.1,
    nonScoreReward: expect.closeTo(-0.3, 12),
    sequenceEntropy: 3,
  });
  expect(rlhfMetrics([episode({ rawReward: 1, score: 1, finishReason: 'eos' }, 1, 1)])).not.toHaveProperty('kl');
  expect(rlhfMetrics([episode({ correct: true }, 1, 1)])).toEqual({});
});
