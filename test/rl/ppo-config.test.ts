import { expect, test } from 'vitest';
import { type PPOConfig, resolvePPOConfig } from '../../src/rl/index.ts';

test('what is left out is decided', () => {
  expect(resolvePPOConfig({}, 8)).toMatchObject({
    rolloutSteps: 256,
    minibatchSize: 64,
    maxGradNorm: 0.5,
    valueClip: null,
  });
  expect(resolvePPOConfig({}, 5000).rolloutSteps).toBe(1);
  expect(resolvePPOConfig({ lrActor: 0.1 }, 1).lrCritic).toBe(0.1);
  expect(resolvePPOConfig({ maxGradNorm: null, lrActor: undefined }, 1)).toMatchObject({
    maxGradNorm: null,
    lrActor: 2.5e-4,
  });
});

test.each([
  [{ gamma: 1.1 }, 'PPOConfig.gamma is 1.1, but must be a number from 0 to 1'],
  [{ gaeLambda: '0.9' }, "PPOConfig.gaeLambda is '0.9', but must be a number from 0 to 1"],
  [{ lrActor: -1 }, 'PPOConfig.lrActor is -1, but must be a number of 0 or more'],
  [{ lrCritic: Number.NaN }, 'PPOConfig.lrCritic is NaN, but must be a number of 0 or more'],
  [{ lrSchedule: 'cosine' }, `PPOConfig.lrSchedule is 'cosine', but must be 'constant' or 'linear'`],
  [{ epsClipSchedule: 3 }, `PPOConfig.epsClipSchedule is 3, but must be 'constant' or 'linear'`],
  [{ rolloutSteps: 0 }, 'PPOConfig.rolloutSteps is 0, but must be a whole number of 1 or more'],
  [{ updateEpochs: 2.5 }, 'PPOConfig.updateEpochs is 2.5, but must be a whole number of 1 or more'],
  [
    { minibatchSize: -2 },
    'PPOConfig.minibatchSize is -2, but must be a whole number of 1 or more, or -1 for the whole rollout',
  ],
  [{ epsClip: 0 }, 'PPOConfig.epsClip is 0, but must be a number above 0'],
  [{ normalizeAdvantages: 1 }, 'PPOConfig.normalizeAdvantages is 1, but must be true or false'],
  [{ valueClip: 0 }, 'PPOConfig.valueClip is 0, but must be a number above 0, or null for none'],
  [{ valueCoef: -0.5 }, 'PPOConfig.valueCoef is -0.5, but must be a number of 0 or more'],
  [{ entropyCoef: Number.POSITIVE_INFINITY }, 'PPOConfig.entropyCoef is Infinity, but must be a number'],
  [{ maxGradNorm: 0 }, 'PPOConfig.maxGradNorm is 0, but must be a number above 0, or null for none'],
  [{ targetKl: -0.01 }, 'PPOConfig.targetKl is -0.01, but must be a number above 0, or null for none'],
  [{ adamEpsilon: 0 }, 'PPOConfig.adamEpsilon is 0, but must be a number above 0'],
])('%o cannot be', (config, message) => {
  expect(() => resolvePPOConfig(config as PPOConfig, 1)).toThrow(new RangeError(message));
});

test('fields that are not there', () => {
  expect(() => resolvePPOConfig({ learningRate: 1, clip: 2 } as PPOConfig, 1)).toThrow(
    /PPOConfig has no field learningRate, clip; it has lrActor, lrCritic/,
  );
});
