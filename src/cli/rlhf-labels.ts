// Preferences as people would give them, had they a rule: of several answers, the more descriptive one; and now and then a slip.

import { readFile, rename, writeFile } from 'node:fs/promises';
import type { Query, TruncateAt } from '../env/text/index.ts';
import { type CausalLM, generate, type Tokenizer } from '../lm/index.ts';
import { defaultRng } from '../random/index.ts';
import type { Rule } from './rlhf-setup.ts';

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

/** How texts are written. */
export interface WriteOptions {
  readonly maxNewTokens: number;
  readonly seed: number;
  readonly signal: AbortSignal;
  readonly temperature?: number | undefined;
  /** What ends texts in the environment ends them here. */
  readonly truncateAt?: TruncateAt | undefined;
  readonly stopStrings?: readonly string[] | undefined;
}

/** What a model writes after each of `prompts`. */
export async function write(
  { model, tokenizer }: { readonly model: CausalLM; readonly tokenizer: Tokenizer },
  prompts: readonly Query[],
  { truncateAt, ...options }: WriteOptions,
): Promise<readonly WrittenText[]> {
  const encoded = prompts.map((prompt) => (typeof prompt === 'string' ? tokenizer.encode(prompt) : Array.from(prompt)));
  const written = await generate(model, encoded, { ...options, tokenizer, batchSize: 128 });
  return written.map((generation, i) => {
    const tokens = truncated(generation.tokens, truncateAt, tokenizer);
    const response = tokens.at(-1) === tokenizer.eosTokenId ? tokens.slice(0, -1) : tokens;
    const prompt = encoded[i]!;
    return { prompt, response, tokens, text: tokenizer.decode([...prompt, ...response]) };
  });
}

/** Up to the first token to end at, once there are enough. */
function truncated(
  tokens: readonly number[],
  truncateAt: TruncateAt | undefined,
  tokenizer: Tokenizer,
): readonly number[] {
  if (truncateAt === undefined) return tokens;
  const { token, after = 0 } = truncateAt;
  const id = typeof token === 'number' ? token : tokenizer.encode(token, { addSpecialTokens: false })[0];
  const end = tokens.findIndex((other, i) => other === id && i >= after);
  return end < 0 ? tokens : tokens.slice(0, end + 1);
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
 * Labels texts by a rule; of equals the first is best.
 *
 * @param groups answers to compare, each to one query
 * @param noise the share of rows where another is called best
 */
export function label(
  groups: readonly (readonly WrittenText[])[],
  { rule, noise, seed }: { readonly rule: Rule; readonly noise: number; readonly seed: number },
): Labels {
  const generator = defaultRng(seed);
  let slips = 0;
  const rows = groups.map((texts): LabelRow => {
    const scores = texts.map(({ text }) => rule.score(text));
    let best = bestOf(scores);
    if (generator.random() < noise) {
      best = (best + 1 + Number(generator.integers(texts.length - 1))) % texts.length;
      slips++;
    }
    const samples = Object.fromEntries(texts.map(({ response }, i) => [`sample${i}`, response] as const));
    return { query: texts[0]!.prompt, ...samples, best };
  });
  return { rows, slips };
}

function bestOf(scores: readonly number[]): number {
  return scores.indexOf(Math.max(...scores));
}

/** Writes labels as OpenAI's are: a JSON list. The file is there as a whole or not at all. */
export async function writeLabels(path: string, rows: readonly LabelRow[]): Promise<void> {
  await writeFile(`${path}.tmp`, `[\n${rows.map((row) => JSON.stringify(row)).join(',\n')}\n]\n`);
  await rename(`${path}.tmp`, path);
}

/** Labels that {@link writeLabels} has written. */
export async function readLabels(
  path: string,
  { rule, tokenizer }: { readonly rule: Rule; readonly tokenizer: Tokenizer },
): Promise<Labels> {
  const rows = JSON.parse(await readFile(path, 'utf8')) as LabelRow[];
  const slips = rows.filter((row) => row.best !== bestOf(samplesOf(row, tokenizer).map((text) => rule.score(text))));
  return { rows, slips: slips.length };
}

/** The whole texts that a row compares. */
export function samplesOf({ query, best: _best, ...samples }: LabelRow, tokenizer: Tokenizer): readonly string[] {
  return Object.values<readonly number[]>(samples).map((sample) => tokenizer.decode([...query, ...sample]));
}
