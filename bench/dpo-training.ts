// Direct preference optimization of a small GPT-2: steps of 8 pairs, TRL's default, and of 32. bench/peers/preferences.py is the same by
// TRL's DPOTrainer, on the same texts and the same model folder: as it comes, with its reference asked at every step, and with the
// reference's log-probabilities computed before, as ours are.

import { fromPretrained } from '../src/lm/index.ts';
import { trainDpo } from '../src/trainer/index.ts';
import { type Benchmark, peakMemory } from './benchmark.ts';
import { Clock, EPOCHS, pairs, tokenizer, writePreferences } from './preference-data.ts';

async function timed(folder: string, batchSize: number): Promise<Clock> {
  const clock = new Clock();
  await trainDpo({
    model: await fromPretrained(folder),
    tokenizer,
    dataset: pairs(),
    epochs: EPOCHS,
    batchSize,
    runDirectory: null,
    savePath: `${folder}-trained`,
    seed: 1,
    callbacks: clock,
  });
  return clock;
}

export const benchmark: Benchmark = {
  metrics: [
    {
      key: 'pairs8',
      what: 'DPO, small, 8 pairs a step',
      unit: 'pairs/s',
      better: 'higher',
      target: { kind: 'ratio', limit: 1.5 },
    },
    {
      key: 'pairs32',
      what: '32 pairs a step',
      unit: 'pairs/s',
      better: 'higher',
      target: { kind: 'ratio', limit: 1.5 },
    },
    {
      key: 'total8',
      what: 'DPO, 1,024 pairs in steps of 8, the reference and compilation included',
      unit: 's',
      better: 'lower',
    },
    { key: 'peakMemory', what: 'DPO, peak memory', unit: 'MB', better: 'lower' },
  ],
  peers: [
    { name: 'TRL', script: 'preferences.py', args: ['dpo'] },
    { name: 'TRL, reference computed before', script: 'preferences.py', args: ['dpo', 'precompute'] },
  ],
  async measure() {
    const { policy } = await writePreferences();
    const [few, many] = [await timed(policy, 8), await timed(policy, 32)];
    return { pairs8: few.rate(), pairs32: many.rate(), total8: few.total(), peakMemory: peakMemory() };
  },
};
