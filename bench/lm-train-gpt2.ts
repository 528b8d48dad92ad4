// One training step of GPT-2 small (124 million parameters) on 4 x 64 tokens, as lm/ builds it, beside transformers in eager PyTorch.

import { trainingBenchmark } from './language-model.ts';

export const benchmark = trainingBenchmark('gpt2', { batch: 4, time: 64, warmup: 2, steps: 6, target: 1 });
