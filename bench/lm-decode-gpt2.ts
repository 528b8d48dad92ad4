// Tokens a second of GPT-2 small, one text, beside what the machine's memory allows: each token reads all weights once.

import { type Benchmark, secondsOf } from './benchmark.ts';
import { loadModel, median } from './language-model.ts';

const [WARMUP, TOKENS] = [16, 100];

export const benchmark: Benchmark = {
  metrics: [
    {
      key: 'tokensPerSecond',
      what: 'gpt2 decoding, one text',
      unit: 'tokens/s',
      better: 'higher',
      target: { kind: 'ratio', limit: 0.6 },
    },
  ],
  peers: [{ name: 'reading the weights once', script: 'memory_bandwidth.py', args: ['gpt2'] }],
  async measure() {
    const model = await loadModel('gpt2');
    const decoder = model.decoder({ batch: 1, maxLength: 128 });
    const token = Int32Array.of(1);
    const seconds = Array.from({ length: WARMUP + TOKENS }, () => secondsOf(() => decoder.step(token)));
    return { tokensPerSecond: 1 / median(seconds.slice(WARMUP)) };
  },
};
