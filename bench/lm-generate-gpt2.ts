// Tokens a second of GPT-2 small, 8 texts side by side, beside transformers' generate.

import { generationBenchmark } from './language-model.ts';

export const benchmark = generationBenchmark('gpt2', { batch: 8, prompt: 16, tokens: 48, repeats: 3, target: 1.5 });
