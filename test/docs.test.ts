import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { arithmeticProblems } from '../src/env/text/index.ts';
import { chatmlTemplate, fromConfig, savePretrained, trainByteLevelTokenizer } from '../src/lm/index.ts';
import { testSnippets } from './snippets.ts';

/** What snippets of docs find where they run: the model folder models/tiny, the dataset rows.jsonl, the problems problems.json. */
async function prepare(folder: string): Promise<void> {
  const tokenizer = trainByteLevelTokenizer('', {
    specialTokens: { eosToken: '<|im_end|>', padToken: '<|pad|>', additional: ['<|im_start|>'] },
  });
  tokenizer.chatTemplate = chatmlTemplate;
  const config = { model_type: 'gpt2', n_embd: 16, n_layer: 1, n_head: 2, n_positions: 1024 };
  const model = fromConfig({ ...config, vocab_size: tokenizer.vocabSize }, { seed: 1 });
  await savePretrained(model, join(folder, 'models/tiny'), { tokenizer });
  const rows = Array.from({ length: 10 }, (_, i) => ({ prompt: `${i} + ${i} = `, completion: `${2 * i}` }));
  writeFileSync(join(folder, 'rows.jsonl'), rows.map((row) => JSON.stringify(row)).join('\n'));
  writeFileSync(join(folder, 'problems.json'), JSON.stringify(arithmeticProblems({ count: 20, seed: 1 })));
}

const docs = join(import.meta.dirname, '../docs');
const pages = new Map([['README.md', 5]]);
for (const folder of ['', 'guides/']) {
  for (const name of readdirSync(join(docs, folder)).filter((file) => file.endsWith('.md'))) {
    if (/^```ts/m.test(readFileSync(join(docs, folder, name), 'utf8'))) pages.set(`docs/${folder}${name}`, 1);
  }
}
testSnippets(pages, prepare);
