import { describe, expect, test } from 'vitest';
import { defaultRng } from '../../src/random/index.ts';
import { GRPO, type GRPOConfig } from '../../src/rl/index.ts';
import { rolloutOf, TablePolicy } from './episode-agents.ts';
import { expectClose, recorded } from './recorded.ts';
import { type RecordedLosses } from './recorded-losses.ts';

const record = recorded<RecordedLosses<GRPOConfig>>('grpo');
const { rewards, lengths, logProbs, oldLogProbs } = record;
const referenceLogProbs = Float32Array.from(record.referenceLogProbs);
const losses = record.losses.filter(({ name }) => !name.startsWith('RLOO'));
const generator = defaultRng(1);

describe.each(['row', 'episode'] as const)('minibatches by %s', (by) => {
  // test/fixtures/torch/grpo.json: TRL's own loss in float64, here in float32.
  test.each(losses)("gradients are TRL's: $name", async ({ config, loss, gradients }) => {
    const policy = new TablePolicy(logProbs, by);
    const grpo = new GRPO(policy, { ...config, learningRate: 1e-3, maxGradNorm: null }, { generator });
    const metrics = await grpo.update(rolloutOf(rewards, lengths, 4, oldLogProbs), { referenceLogProbs });
    expectClose(policy.logProbs.gradient.data, gradients, 2e-6, 'gradient');
    if (!config.klCoef) expect(metrics.policyLoss).toBeCloseTo(loss, 6);
    expect(metrics.meanReturn).toBeCloseTo(rewards.reduce((sum, reward) => sum + reward, 0) / rewards.length, 12);
  });
});

test.each(['grpo', 'dapo', 'drGrpo'] as const)(
  '%s: minibatches of the same number of episodes add up to the whole',
  async (lossType) => {
    const rollout = rolloutOf(rewards, lengths, 4, oldLogProbs);
    const gradientOf = async (minibatchSize: number): Promise<Float64Array> => {
      // Without a learning rate all minibatches see the same weights; each leaves its gradient behind.
      const policy = new TablePolicy(logProbs, 'episode');
      const sum = new Float64Array(policy.logProbs.size);
      const config = { lossType, maxLength: 8, minibatchSize, learningRate: 0, maxGradNorm: null };
      const grpo = new GRPO(policy, config, { generator });
      const evaluate = policy.layout.bind(policy);
      let minibatches = 0;
      const collect = (): void => {
        if (minibatches++ > 0) policy.logProbs.gradient.data.forEach((g, i) => (sum[i]! += g));
      };
      policy.layout = (...args) => {
        collect();
        return evaluate(...args);
      };
      await grpo.update(rollout);
      collect();
      return sum.map((g) => g / (minibatches - 1));
    };
    expectClose(await gradientOf(3), await gradientOf(-1), 1e-6, 'gradient');
  },
);

test('groups whose episodes end alike teach nothing, and are counted', async () => {
  const policy = new TablePolicy(logProbs, 'episode');
  const grpo = new GRPO(policy, { learningRate: 0.1 }, { generator });
  const same = [1, 1, 1, 1, 0, 0, 0, 0, 2, 2, 2, 2];
  const metrics = await grpo.update(rolloutOf(same, lengths, 4, logProbs));
  expect(metrics).toMatchObject({ meanAbsAdvantage: 0, equalGroups: 1, gradNorm: 0 });
  expect([...policy.logProbs.storage.data]).toEqual(logProbs);
  const { equalGroups } = await grpo.update(rolloutOf([...same.slice(0, 11), 3], lengths, 4, logProbs));
  expect(equalGroups).toBeCloseTo(2 / 3, 12);
});

test('entries that only fill up a batch cannot overflow', async () => {
  // The second episode is one row shorter than the first, whose first row fills it up: far likelier than its own row, or far less.
  for (const [first, own] of [
    [-200, -0.01],
    [-0.01, -200],
  ] as const) {
    const now = [first, -1, own];
    const policy = new TablePolicy(now, 'episode');
    const grpo = new GRPO(policy, { learningRate: 1e-3, klCoef: 0.1, minibatchSize: 1 }, { generator });
    const metrics = await grpo.update(rolloutOf([1, 0], [2, 1], 2, now), { referenceLogProbs: Float32Array.from(now) });
    expect(metrics.gradNorm).toBeGreaterThan(0);
  }
});

test('what cannot work is said', async () => {
  const policy = new TablePolicy([-1, -1], 'row');
  const make = (config: GRPOConfig) => new GRPO(policy, config, { generator });
  expect(() => make({ lossType: 'drGrpo' })).toThrow('needs maxLength');
  expect(() => make({ lossType: 'mean' as 'grpo' })).toThrow("lossType is 'mean', but must be one of grpo, bnpo");
  await expect(make({}).update(rolloutOf([1, 2], [1, 1], 1, [-1, -1]))).rejects.toThrow(
    'GRPO compares episodes of a group: collect with a groupSize of 2 or more',
  );
  await expect(make({ klCoef: 0.1 }).update(rolloutOf([1, 2], [1, 1], 2, [-1, -1]))).rejects.toThrow(
    'referenceLogProbs',
  );
});
