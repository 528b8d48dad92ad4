// Tokens a second of a small GPT-2, 32 texts side by side, beside transformers' generate. Prompts and texts are as long as those of
// recipes/cot-arithmetic.yaml.

import { generationBenchmark } from './language-model.ts';

export const benchmark = generationBenchmark('small', { batch: 32, prompt: 8, tokens: 48, repeats: 20, target: 8 });
