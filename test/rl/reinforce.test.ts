import { expect, test } from 'vitest';
import { defaultRng } from '../../src/random/index.ts';
import { REINFORCE } from '../../src/rl/index.ts';
import { rolloutOf, TablePolicy } from './episode-agents.ts';
import { expectClose } from './recorded.ts';

const generator = defaultRng(1);

test('a row is worth the discounted rewards from it on, minus the running mean of returns', async () => {
  // By hand, gamma 0.5. Episode 1: rewards 0, 0, 4, so 1, 2, 4 to go; episode 2: reward 3. Baseline: the mean of 1 and 3.
  // The gradient of the mean over rows is -(G - b) / 4.
  const policy = new TablePolicy([-1, -1, -1, -1], 'row');
  const config = { learningRate: 0, gamma: 0.5, baselineDecay: 0.75, maxGradNorm: null };
  const learner = new REINFORCE(policy, config, { generator });
  await learner.update(rolloutOf([4, 3], [3, 1], 1, [-1, -1, -1, -1]));
  expect(learner.baseline).toBe(2);
  expectClose(policy.logProbs.gradient.data, [0.25, 0, -0.5, -0.25], 1e-6);

  // Then returns of 2 and 4, discounted: a mean of 3, of which a quarter comes in.
  await learner.update(rolloutOf([8, 4], [3, 1], 1, [-1, -1, -1, -1]));
  expect(learner.baseline).toBe(2.25);
  expectClose(policy.logProbs.gradient.data, [0.0625, -0.4375, -1.4375, -0.4375], 1e-6);
});

test('a return beyond float32 is skipped, and stays in no baseline', async () => {
  const policy = new TablePolicy([-1, -1], 'row');
  const learner = new REINFORCE(policy, { learningRate: 0, onNonFinite: 'skip' }, { generator });
  for (const [first, baseline, skippedSteps] of [
    [1e300, undefined, 1],
    [1, 2, 0],
    [-1e300, 2, 1],
  ] as const) {
    expect(await learner.update(rolloutOf([first, 3], [1, 1], 1, [-1, -1]))).toMatchObject({ skippedSteps });
    expect(learner.baseline).toBe(baseline);
  }
});
