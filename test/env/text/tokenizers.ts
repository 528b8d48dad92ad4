// Small tokenizers for the tests of token environments.

import type { TextTokenizer } from '../../../src/env/text/index.ts';
import { characterTokenizer, trainByteLevelTokenizer } from '../../../src/lm/tokenizer-training.ts';

/** Characters of additions, and the four tags as one token each. */
export const additionTokenizer = characterTokenizer('0123456789+=\n', {
  specialTokens: {
    eosToken: '<eos>',
    padToken: '<pad>',
    additional: ['<think>', '</think>', '<final_answer>', '</final_answer>'],
  },
});

/** Every byte and some pairs of them; `<eos>` ends a text. */
export const byteTokenizer = trainByteLevelTokenizer(
  '</final_answer> </final_answer> the answer is 12, the sum of 7 and 5',
  {
    specialTokens: { eosToken: '<eos>' },
    vocabSize: 290,
  },
);

/** A tokenizer whose tokens are the given pieces; it cannot encode. Token 0 ends a text. */
export function pieceTokenizer(pieces: readonly string[]): TextTokenizer {
  return {
    vocabSize: pieces.length,
    eosTokenId: 0,
    encode: () => [1],
    decode: (ids) => Array.from(ids, (id) => pieces[id]).join(''),
  };
}
