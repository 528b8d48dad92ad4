import { describe, expect, test } from 'vitest';
import { type Env, make, TimeLimit } from '../../src/env/index.ts';
import { KlController, RLHFEnv, type RLHFEnvOptions, whiten } from '../../src/env/text/index.ts';
import type { Reference } from '../../src/env/text/rlhf/reference.ts';
import { RlhfRewarder } from '../../src/env/text/rlhf/rewarder.ts';
import { applyLora } from '../../src/lm/index.ts';
import { Parameter } from '../../src/nn/index.ts';
import { defaultRng } from '../../src/random/index.ts';
import { EpisodeCollector, PPO, resolvePPOConfig, type TokenPolicy, type TokenRollout } from '../../src/rl/index.ts';
import { rolloutOf, TablePolicy } from './episode-agents.ts';
import { expectClose, recorded } from './recorded.ts';
import type { RecordedRlhf } from './recorded-rlhf.ts';
import { TalkEnv, tinyPolicy, tokenizer } from './token-agents.ts';

const record = recorded<RecordedRlhf>('rlhf');

describe("from log-probabilities and scores to PPO's gradients, as TRL's formulas have it", () => {
  const { lengths, scores, oldLogProbs, referenceLogProbs, oldValues, logProbs, values } = record;
  const { klCoef, ...config } = record.config;
  const firstRows = lengths.map((_, i) => lengths.slice(0, i).reduce((sum, length) => sum + length, 0));
  const rowsOf = (all: readonly number[], i: number): Float32Array =>
    Float32Array.from(all.slice(firstRows[i], firstRows[i]! + lengths[i]!));
  // A reference and a reward that say what was recorded.
  const scorer = { of: async () => lengths.map((_, i) => rowsOf(referenceLogProbs, i)) };
  const reference = { exists: true, scorer: () => scorer } as unknown as Reference;
  const reward = {
    name: 'recorded',
    models: [],
    folders: [],
    rate: async () => ({ values: Float64Array.from(scores), failed: false }),
  };

  test.each(record.cases)('$klEstimator, whitened: $whitenRewards', async (expected) => {
    const { klEstimator, whitenRewards } = expected;
    const rewarder = new RlhfRewarder({
      reward,
      reference,
      klController: new KlController(klCoef),
      klEstimator,
      whitenRewards,
      missingEosPenalty: 0,
      truncationScore: null,
      maxGeneration: 6,
      rewardMayFail: false,
    });
    const info = { prompt: '', completion: '', finishReason: 'eos', generatedTokens: 1 };
    const none = Int32Array.of();
    const episodes = await rewarder.reward(
      lengths.map((_, i) => ({ tokens: none, positions: none, logProbs: rowsOf(oldLogProbs, i), info })),
      { adapt: true },
    );
    const rewards = episodes.flatMap((episode) => [...episode.rewards]);
    expectClose(rewards, expected.whitenedRewards, 2e-6, 'rewards');
    expectClose(
      episodes.flatMap((episode) => episode.info['tokenRewards'] as number[]),
      expected.rewards,
      1e-6,
      'rewards before they are scaled',
    );
    expect(meanOf(episodes.map((episode) => episode.info['kl'] as number))).toBeCloseTo(expected.objectiveKl, 6);
    expect(meanOf(episodes.map((episode) => episode.return))).toBeCloseTo(expected.rlhfReward, 6);

    const policy = new TableWithCritic(logProbs, values, oldValues);
    const ppo = new PPO(
      policy,
      resolvePPOConfig(
        { ...config, entropyCoef: 0, maxGradNorm: null, lrActor: 1e-3, minibatchSize: -1, updateEpochs: 1 },
        1,
      ),
      { generator: defaultRng(1) },
    );
    const rollout = { ...rolloutOf(scores, lengths, 1, oldLogProbs), rewards: Float64Array.from(rewards) };
    const metrics = await ppo.update(rollout);
    expectClose(policy.logProbs.gradient.data, expected.logProbGradients, 2e-6, 'gradient of the policy');
    expectClose(policy.values.gradient.data, expected.valueGradients, 2e-6, 'gradient of the critic');
    for (const name of ['policyLoss', 'valueLoss', 'clipFraction', 'valueClipFraction', 'ratio'] as const) {
      expect(metrics[name], name).toBeCloseTo(expected[name], 5);
    }
  });
});

/** Log-probabilities and values of the rows are its parameters. */
class TableWithCritic extends TablePolicy {
  readonly values: Parameter;
  readonly #oldValues: Float32Array;

  constructor(logProbs: readonly number[], values: readonly number[], oldValues: readonly number[]) {
    super(logProbs, 'episode');
    this.values = new Parameter([values.length]);
    this.values.set(values);
    this.#oldValues = Float32Array.from(oldValues);
  }

  override evaluateLayout([rows]: Parameters<TablePolicy['evaluateLayout']>[0]) {
    return { ...super.evaluateLayout([rows!]), values: this.values.take(rows!) };
  }

  override stateValues(): never {
    const { lengths } = record;
    const ends = new Set(lengths.map((_, i) => lengths.slice(0, i + 1).reduce((sum, length) => sum + length, 0) - 1));
    const nextValues = this.#oldValues.map((_, row) => (ends.has(row) ? 0 : this.#oldValues[row + 1]!));
    return { values: this.#oldValues, nextValues } as never;
  }
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

const queries = ['a', 'bc', 'defgh', 'ghabcdefab', 'hh'];
const options = {
  tokenizer,
  dataset: queries,
  reward: (completion: string) => completion.split('a').length - 1,
  klCoef: 0.3,
  maxGeneration: 12,
} satisfies RLHFEnvOptions;
const collectorOf = (policy: TokenPolicy, more: Partial<RLHFEnvOptions> = {}, slots = 4) =>
  new EpisodeCollector<TokenRollout>(
    Array.from({ length: slots }, () => make('RLHFEnv-v0', { ...options, ...more, renderMode: undefined })),
    policy,
    { generator: defaultRng(5), seeds: defaultRng(6) },
  );

/** The same episodes in one environment, step by step, told what the policy thought. */
async function replayed(rollout: TokenRollout, more: Partial<RLHFEnvOptions>): Promise<number[]> {
  const env = new RLHFEnv({ ...options, ...more });
  const rewards: number[] = [];
  for (const [i, { tokens, positions, firstRow }] of rollout.sequences.entries()) {
    const index = queries.indexOf(rollout.episodes[i]!.info['prompt'] as string);
    await env.reset({ options: { index } });
    for (const [k, position] of positions.entries()) {
      env.observePolicy(rollout.logProbs[firstRow + k]!);
      const [, reward] = await env.step(tokens[position]!);
      rewards.push(reward);
    }
  }
  return rewards;
}

describe('all episodes at once', () => {
  test.each([
    { temperature: 1, klEstimator: 'k1' },
    { temperature: 0.7, klEstimator: 'k3' },
  ] as const)('are rewarded as step by step: %o', async ({ temperature, klEstimator }) => {
    const refModel = tinyPolicy({ seed: 9 }).actor.model;
    const rollout = await collectorOf(tinyPolicy({ temperature }), { refModel, klEstimator }).collect({ episodes: 24 });
    expect(new Set(rollout.episodes.map(({ length }) => length)).size).toBeGreaterThan(3);
    expect(rollout.truncated.some(Boolean) && rollout.terminated.some(Boolean)).toBe(true);
    expectClose(rollout.rewards, await replayed(rollout, { refModel, klEstimator, temperature }), 2e-4, 'rewards');
    rollout.episodes.forEach((episode, i) => {
      const own = rollout.rewards.slice(episode.firstRow, episode.firstRow + episode.length);
      expect(episode.return).toBeCloseTo(
        own.reduce((sum, reward) => sum + reward, 0),
        9,
      );
      expect(episode.info['tokenRewards']).toEqual([...own]);
      expect(episode.info['rawReward']).toBe((episode.info['completion'] as string).split('a').length - 1);
      expect(rollout.sequences[i]!.positions).toHaveLength(episode.length);
    });
  });

  test('are told of when they are judged', async () => {
    const told: number[] = [];
    const rollout = await collectorOf(tinyPolicy()).collect({
      episodes: 8,
      onEpisode: ({ return: total }) => void told.push(total),
    });
    expect(told).toEqual(rollout.episodes.map((episode) => episode.return));
    expect(told.some((total) => total !== 0)).toBe(true);
  });

  test('are whitened together, for learning alone', async () => {
    const rollouts = [true, false].map((whitenRewards) =>
      collectorOf(tinyPolicy(), { whitenRewards, refModel: tinyPolicy({ seed: 9 }).actor.model }).collect({
        episodes: 12,
      }),
    );
    const [scaled, plain] = (await Promise.all(rollouts)) as [TokenRollout, TokenRollout];
    expectClose(scaled.rewards, whiten(plain.rewards, { shiftMean: false }), 1e-9, 'rewards');
    expect(scaled.episodes.map((episode) => episode.return)).toEqual(plain.episodes.map((episode) => episode.return));
  });

  test('adapt the coefficient once a rollout, and not in evaluation', async () => {
    const klCoef = new KlController({ initial: 0.2, target: 1e-6, horizon: 100 });
    const collector = collectorOf(tinyPolicy(), { klCoef, refModel: tinyPolicy({ seed: 9 }).actor.model });
    await collector.collect({ episodes: 8, deterministic: true });
    expect(klCoef.coef).toBe(0.2);
    const { episodes } = await collector.collect({ episodes: 8 });
    expect(episodes[0]!.info['klCoef']).toBe(0.2);
    expect(klCoef.coef).toBeCloseTo(0.2 * (1 + (0.2 * 8) / 100), 12);
  });
});

// Where a divergence that should be 0 or more is below, it is usually one of these.
describe('the traps of negative divergence', () => {
  const shaken = (policy: TokenPolicy): TokenPolicy => {
    const rng = defaultRng(3);
    for (const { storage } of policy.actor.parameters()) {
      storage.data.forEach((x, i) => (storage.data[i] = x + 0.1 * rng.normal()));
    }
    return policy;
  };
  const kls = ({ episodes }: TokenRollout): number[] => episodes.map(({ info }) => info['kl'] as number);

  test.each([1, 0.6, 1.7])(
    'at temperature %d a policy does not diverge from itself: padding, ends and all',
    async (temperature) => {
      const rollout = await collectorOf(tinyPolicy({ temperature })).collect({ episodes: 40 });
      expect(rollout.episodes.some(({ info }) => info['finishReason'] === 'eos')).toBe(true);
      for (const kl of kls(rollout)) expect(Math.abs(kl)).toBeLessThan(2e-4);
      for (const { info } of rollout.episodes) {
        for (const kl of info['tokenKls'] as number[]) expect(Math.abs(kl)).toBeLessThan(1e-4);
      }
    },
  );

  test.each([1, 0.6])(
    'at temperature %d nor where its model has more rows than there are tokens, at once or step by step',
    async (temperature) => {
      // Were the spare rows given a probability, the reference would find every token less likely than the policy does.
      const policy = tinyPolicy({ temperature, spareRows: 30 });
      const rollout = await collectorOf(policy).collect({ episodes: 20 });
      for (const kl of kls(rollout)) expect(Math.abs(kl)).toBeLessThan(2e-4);
      const more = { refModel: tinyPolicy({ spareRows: 30 }).actor.model, temperature, reward: () => 0, klCoef: 1 };
      expectClose(await replayed(rollout, more), new Float64Array(rollout.rows), 1e-4, 'rewards');
    },
  );

  test('and does, upwards on average, once it has changed; its reference is what it was', async () => {
    const policy = tinyPolicy();
    const collector = collectorOf(policy);
    shaken(policy);
    const found = kls(await collector.collect({ episodes: 200 }));
    const deviation = Math.sqrt(meanOf(found.map((kl) => (kl - meanOf(found)) ** 2)) / found.length);
    expect(meanOf(found)).toBeGreaterThan(4 * deviation);
  });

  test('a temperature that differs between the two is refused', () => {
    expect(() => collectorOf(tinyPolicy({ temperature: 0.7 }), { temperature: 1 })).toThrow(
      'the policy acts at temperature 0.7 but the environment was told 1',
    );
  });

  test('the end of a text counts, and what fills up a batch does not', async () => {
    const policy = tinyPolicy();
    const rollout = await collectorOf(policy, { refModel: tinyPolicy({ seed: 9 }).actor.model }).collect({
      episodes: 20,
    });
    rollout.episodes.forEach(({ length, info }, i) => {
      const { tokens, positions } = rollout.sequences[i]!;
      expect([positions.length, (info['tokenKls'] as number[]).length]).toEqual([length, length]);
      const ended = info['finishReason'] === 'eos';
      expect(tokens[positions.at(-1)!] === tokenizer.eosTokenId).toBe(ended);
    });
  });
});

describe('adapters', () => {
  const adapted = (): TokenPolicy => {
    const policy = tinyPolicy();
    applyLora(policy.actor.model, { r: 2, targetModules: 'all-linear' }, { seed: 1 });
    return policy;
  };
  const turnOn = (policy: TokenPolicy): void => {
    for (const [name, { storage }] of policy.actor.namedParameters()) {
      if (name.includes('lora_B')) storage.data.fill(0.2);
    }
  };

  test.each(['initial', 'adapters-off', 'the model itself'] as const)(
    'off, they are the reference, which takes no memory: %s',
    async (choice) => {
      const policy = adapted();
      const refModel = choice === 'the model itself' ? policy.actor.model : choice;
      const collector = collectorOf(policy, { refModel });
      for (const { info } of (await collector.collect({ episodes: 8 })).episodes) {
        expect(Math.abs(info['kl'] as number)).toBeLessThan(2e-4);
      }
      turnOn(policy);
      const rollout = await collector.collect({ episodes: 8 });
      const plain = await replayed(rollout, { refModel: tinyPolicy().actor.model });
      expectClose(rollout.rewards, plain, 2e-4, 'rewards');
      expect(Math.max(...rollout.episodes.map(({ info }) => Math.abs(info['kl'] as number)))).toBeGreaterThan(0.1);
    },
  );

  test('that there are not cannot be turned off', () => {
    expect(() => collectorOf(tinyPolicy(), { refModel: 'adapters-off' })).toThrow('the policy has no adapters');
    const policy = tinyPolicy();
    expect(() => collectorOf(policy, { refModel: policy.actor.model })).toThrow(
      "the reference is the policy's own model, which never diverges from itself",
    );
  });
});

test('what does not go together is said', () => {
  const policy = tinyPolicy();
  const collector = (envs: readonly Env[]) =>
    new EpisodeCollector(envs, policy, { generator: defaultRng(1), seeds: defaultRng(2) });
  const env = () => make('RLHFEnv-v0', options);
  expect(() => collector([env(), new TalkEnv()])).toThrow('some of these environments reward their episodes later');
  expect(() => collector([new TimeLimit(env(), { maxEpisodeSteps: 3 })])).toThrow(
    'TimeLimit stands around <RLHFEnv<RLHFEnv-v0>>, whose rewards come after the episodes and pass by it',
  );
});

test('a reference of another vocabulary is named', () => {
  const { model } = tinyPolicy().actor;
  const refModel = { config: { ...model.config, vocabSize: 5 } } as typeof model;
  const { vocabSize } = model.config;
  expect(() => collectorOf(tinyPolicy(), { refModel })).toThrow(
    `the reference model knows 5 tokens and the policy ${vocabSize}`,
  );
});
