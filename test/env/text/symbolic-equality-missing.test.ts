// The optional peer dependency is not installed: its lookup fails as Node's does.

import { expect, it, vi } from 'vitest';
import { symbolicEquality } from '../../../src/env/text/rewards/symbolic-equality.ts';

vi.mock('node:module', () => ({
  createRequire: () => ({
    resolve: (name: string): string => {
      throw new Error(`Cannot find module '${name}'`);
    },
  }),
}));

it('says which package is missing', async () => {
  const context = { question: '', answer: '2x', prompt: '', generatedTokens: 1, maxGeneration: 9, truncated: false };
  const answer = async () => symbolicEquality()('<final_answer>x+x</final_answer>', context);
  await expect(answer).rejects.toThrow(/npm install @cortex-js\/compute-engine@0\.140\.0/);
  await expect(answer).rejects.toThrow(/npm install/);
});
