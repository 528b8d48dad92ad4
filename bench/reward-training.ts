// Training a reward model, all of it, on pairs of a small GPT-2: steps of 8 pairs, TRL's default, and of 32. bench/peers/preferences.py
// is the same by TRL's RewardTrainer, on the same texts and the same model folder. Best of four is a format of ours alone.

import { trainReward } from '../src/trainer/index.ts';
import { type Benchmark, peakMemory } from './benchmark.ts';
import { Clock, EPOCHS, fours, pairs, strangers, tokenizer, writePreferences } from './preference-data.ts';
import { classifierFromPretrained } from '../src/lm/pretrained.ts';

/** Rows a second. */
async function rate(folder: string, datasetsPath: readonly object[], batchSize: number): Promise<number> {
  const clock = new Clock();
  await trainReward({
    model: await classifierFromPretrained(folder, { numLabels: 1 }),
    tokenizer,
    datasetsPath,
    train: 'full',
    testSize: 0,
    epochs: EPOCHS,
    batchSize,
    normalizeBefore: false,
    normalizeAfter: false,
    runDirectory: null,
    savePath: `${folder}-trained`,
    rewardModelPath: `${folder}-trained/model`,
    seed: 1,
    callbacks: clock,
  });
  return clock.rate();
}

export const benchmark: Benchmark = {
  metrics: [
    {
      key: 'pairs8',
      what: 'reward model, small, 8 pairs a step',
      unit: 'pairs/s',
      better: 'higher',
      target: { kind: 'ratio', limit: 2 },
    },
    {
      key: 'pairs32',
      what: '32 pairs a step',
      unit: 'pairs/s',
      better: 'higher',
      target: { kind: 'ratio', limit: 2 },
    },
    { key: 'strangers8', what: '8 pairs that share no prompt', unit: 'pairs/s', better: 'higher' },
    { key: 'fours8', what: '8 prompts with four answers each', unit: 'prompts/s', better: 'higher' },
    { key: 'peakMemory', what: 'reward model, peak memory', unit: 'MB', better: 'lower' },
  ],
  peers: [{ name: 'TRL', script: 'preferences.py', args: ['reward'] }],
  async measure() {
    const { reward } = await writePreferences();
    return {
      pairs8: await rate(reward, pairs(), 8),
      pairs32: await rate(reward, pairs(), 32),
      strangers8: await rate(reward, strangers(), 8),
      fours8: await rate(reward, fours(), 8),
      peakMemory: peakMemory(),
    };
  },
};
