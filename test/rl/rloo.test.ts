import { expect, test } from 'vitest';
import { defaultRng } from '../../src/random/index.ts';
import { RLOO, type RLOOConfig } from '../../src/rl/index.ts';
import { rolloutOf, TablePolicy } from './episode-agents.ts';
import { expectClose, recorded } from './recorded.ts';
import { type RecordedLosses } from './recorded-losses.ts';

const { rewards, lengths, logProbs, losses } = recorded<RecordedLosses<RLOOConfig>>('grpo');
const generator = defaultRng(1);

// test/fixtures/torch/grpo.json: TRL's loss of sequences' ratios. On policy its gradient is that of ours, of rows' ratios.
const rloo = losses.filter(({ name }) => name.startsWith('RLOO'));
test.each(
  rloo.flatMap((row) => [
    { ...row, by: 'row' as const },
    { ...row, by: 'episode' as const },
  ]),
)("gradients are TRL's: $name, minibatches by $by", async ({ config, gradients, by }) => {
  const policy = new TablePolicy(logProbs, by);
  const learner = new RLOO(policy, { ...config, learningRate: 1e-3, maxGradNorm: null }, { generator });
  await learner.update(rolloutOf(rewards, lengths, 4, logProbs));
  expectClose(policy.logProbs.gradient.data, gradients, 2e-6, 'gradient');
});

test("off policy, each row's own ratio weighs and is clipped", async () => {
  // Two episodes, of 1 and 2 rows: advantages 2 and -2, divided by two episodes, times the ratio where it is not clipped.
  const ratios = [1.1, 1.1, 0.7];
  const policy = new TablePolicy([-1, -2, -3], 'episode');
  const old = [-1, -2, -3].map((now, i) => now - Math.log(ratios[i]!));
  const learner = new RLOO(policy, { learningRate: 1e-3, maxGradNorm: null }, { generator });
  await learner.update(rolloutOf([3, 1], [1, 2], 2, old));
  expectClose(policy.logProbs.gradient.data, [-1.1, 1.1, 0], 1e-6);
});

test('an episode alone in its group has nothing to be compared with', async () => {
  const learner = new RLOO(new TablePolicy([-1, -1], 'row'), {}, { generator });
  await expect(learner.update(rolloutOf([1, 2], [1, 1], 1, [-1, -1]))).rejects.toThrow('groupSize of 2 or more');
});
