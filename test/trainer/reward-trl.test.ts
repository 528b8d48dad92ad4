// Runs of TRL's RewardTrainer, and of the loss over four samples in PyTorch, recorded by test/fixtures/reward/record.py: at each step the
// same loss, norm of the gradients, learning rate, and agreement with the preferences.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { classifierFromConfig, type RawConfig, Tokenizer } from '../../src/lm/index.ts';
import { trainReward, type TrainRewardOptions } from '../../src/trainer/index.ts';
import { fill } from '../lm/recorded.ts';
import { temporaryDirectory } from './tiny-run.ts';

interface Recorded {
  readonly chatTemplate: string;
  readonly runs: Readonly<
    Record<
      string,
      {
        readonly config: RawConfig;
        readonly rows: readonly object[];
        readonly steps: readonly Readonly<Record<string, number>>[];
      }
    >
  >;
}

const fixtures = new URL('../fixtures/', import.meta.url);
const { chatTemplate, runs } = JSON.parse(readFileSync(new URL('reward/runs.json', fixtures), 'utf8')) as Recorded;
const root = temporaryDirectory();

const SETTINGS: Readonly<Record<string, Partial<TrainRewardOptions>>> = {
  pairs: { lrSchedule: 'linear', warmupSteps: 2 },
  'pairs, in two batches a step': {
    batchSize: 2,
    gradientAccumulation: 2,
    lrSchedule: 'constant',
    weightDecay: 0.1,
  },
  'margins, centered': { lrSchedule: 'cosine', centerRewardsCoefficient: 0.01 },
  chats: { lrSchedule: 'constant', maxGradNorm: 0.5 },
  'four samples, full': { lrSchedule: 'constant', maxGradNorm: null },
  'four samples, head': { lrSchedule: 'constant', maxGradNorm: null, train: 'head' },
};

describe.each(Object.keys(runs))('%s', (name) => {
  const { config, rows, steps } = runs[name]!;

  /**
   * The loss does not change if all rewards rise. So the gradient of GPT-2's last bias is 0 but for rounding errors, of which Adam makes
   * steps of full size: how high all rewards are is decided by them. TRL, besides, takes the means of batches' least and greatest.
   */
  function isUncertain(step: number): boolean {
    return config['model_type'] === 'gpt2' && !name.endsWith('head') && (step > 0 || name.includes('two batches'));
  }

  test('every step', async () => {
    const tokenizer = await Tokenizer.fromPretrained(fileURLToPath(new URL('tokenizers/gpt2', fixtures)));
    tokenizer.chatTemplate = chatTemplate;
    const model = fill(classifierFromConfig(config, { numLabels: 1 }));
    for (const parameter of model.parameters()) parameter.set(parameter.storage.data.map((x) => x * 0.25));
    const { metrics } = await trainReward({
      model,
      tokenizer,
      datasetsPath: rows,
      testSize: 0,
      train: 'full',
      maxSteps: 5,
      batchSize: rows.length,
      learningRate: 1e-2,
      warmupSteps: 0,
      weightDecay: 0,
      normalizeBefore: false,
      savePath: root,
      rewardModelPath: `${root}/model`,
      runDirectory: null,
      ...SETTINGS[name],
    });
    expect(metrics).toHaveLength(steps.length);
    steps.forEach((step, i) => {
      for (const [metric, value] of Object.entries(step)) {
        if (metric.endsWith('Reward') && isUncertain(i)) continue;
        const far = Math.abs(metrics[i]![metric]! - value) / Math.max(1e-2, Math.abs(value));
        expect(far, `${metric} of step ${i}`).toBeLessThan(metric === 'gradNorm' ? 1e-3 : 1e-4);
      }
    });
  });
});
