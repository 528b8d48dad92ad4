// tokenizer.json: reading it, and turning a text into tokens and back.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { characterTokenizer, Tokenizer, trainByteLevelTokenizer, wordTokenizer } from '../../src/lm/index.ts';
import { TokenizerError } from '../../src/lm/tokenizer-files.ts';
import type { Target } from '../target.ts';

const written: Uint8Array[] = [];
const TEXT = 'the cat sat on the mat, the dog ran to the cat';

const target: Target = {
  words: [
    '"BPE"',
    '"WordLevel"',
    '"Unigram"',
    '"ByteLevel"',
    '"Sequence"',
    '"Regex":"(a+)+$"',
    '"add_prefix_space":true',
    '"special":true',
    '"Metaspace"',
    '"TemplateProcessing"',
    '"Split"',
    '"Replace"',
    '"unk_token":"x"',
  ], // prettier-ignore
  refusals: [TokenizerError],
  wrapsLibrary: true,
  async prepare(folder) {
    for (const [i, tokenizer] of [
      trainByteLevelTokenizer(TEXT, { vocabSize: 270 }),
      characterTokenizer(TEXT),
      wordTokenizer(TEXT),
    ].entries()) {
      await tokenizer.save(join(folder, String(i)));
      written.push(Uint8Array.from(readFileSync(join(folder, String(i), 'tokenizer.json'))));
    }
  },
  seeds: () => written,
  async read(bytes, folder) {
    writeFileSync(join(folder, 'tokenizer.json'), bytes);
    const tokenizer = await Tokenizer.fromPretrained(folder);
    tokenizer.decode(tokenizer.encode(`${TEXT} \u00e9\ud83d\ude00 1234`));
  },
};
export default target;
