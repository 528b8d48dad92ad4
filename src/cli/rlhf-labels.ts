// Preferences as people would give them, had they a rule: of several answers, the more descriptive one; and now and then a slip.

import { writeFile } from 'node:fs/promises';
import { descriptiveness } from '../env/text/index.ts';
import { type CausalLM, generate, type Tokenizer } from '../lm/index.ts';
import { defaultRng } from '../random/index.ts';

/** A text that a model wrote. */
export interface WrittenText {
  readonly prompt: readonly number[];
  /** What followed, without the end token. */
  readonly response: readonly number[];
  /** The same with it, if the model ended the text. */
  readonly tokens: readonly number[];
  /** Prompt and response. */
  readonly text: string;
}

/** What a model writes after each of `prompts`. */
export async function write(
  { model, tokenizer }: { readonly model: CausalLM; readonly tokenizer: Tokenizer },
  prompts: readonly string[],
  {
    maxNewTokens,
    seed,
    signal,
  }: { readonly maxNewTokens: number; readonly seed: number; readonly signal: AbortSignal },
): Promise<readonly WrittenText[]> {
  const encoded = prompts.map((prompt) => tokenizer.encode(prompt));
  const written = await generate(model, encoded, { maxNewTokens, seed, signal, batchSize: 128 });
  return written.map(({ tokens }, i) => {
    const response = tokens.at(-1) === tokenizer.eosTokenId ? tokens.slice(0, -1) : tokens;
    const prompt = encoded[i]!;
    return { prompt, response, tokens, text: tokenizer.decode([...prompt, ...response]) };
  });
}

/** A row of OpenAI's label files. */
export interface LabelRow {
  readonly query: readonly number[];
  readonly best: number;
  readonly [sample: `sample${number}`]: readonly number[];
}

/** Labels for answers to one query each. */
export interface Labels {
  readonly rows: readonly LabelRow[];
  /** How many rows call another one best than the rule does. */
  readonly slips: number;
}

/**
 * Labels texts by {@link descriptiveness}; of equals the first is best.
 *
 * @param groups answers to compare, each to one query
 * @param noise the share of rows where another is called best
 */
export function label(
  groups: readonly (readonly WrittenText[])[],
  { noise, seed }: { readonly noise: number; readonly seed: number },
): Labels {
  const generator = defaultRng(seed);
  let slips = 0;
  const rows = groups.map((texts): LabelRow => {
    const scores = texts.map(({ text }) => descriptiveness(text));
    let best = scores.indexOf(Math.max(...scores));
    if (generator.random() < noise) {
      best = (best + 1 + Number(generator.integers(texts.length - 1))) % texts.length;
      slips++;
    }
    const samples = Object.fromEntries(texts.map(({ response }, i) => [`sample${i}`, response] as const));
    return { query: texts[0]!.prompt, ...samples, best };
  });
  return { rows, slips };
}

/** Writes labels as OpenAI's are: a JSON list. */
export async function writeLabels(path: string, rows: readonly LabelRow[]): Promise<void> {
  await writeFile(path, `[\n${rows.map((row) => JSON.stringify(row)).join(',\n')}\n]\n`);
}
