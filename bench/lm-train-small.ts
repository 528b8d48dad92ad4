// One training step of a GPT-2 of 0.83 million parameters on 32 x 64 tokens, as lm/ builds it, beside transformers in eager PyTorch.

import { trainingBenchmark } from './language-model.ts';

export const benchmark = trainingBenchmark('small', { batch: 32, time: 64, warmup: 10, steps: 50, target: 1.2 });
