// From preferences to pairs of completions, as tokens, for direct preference optimization.

import {
  type ChatMessage,
  DatasetError,
  type PreferenceExample,
  type PreferenceText,
  type Tokenizer,
} from '../lm/index.ts';
import { giveTurn, turnIsDue } from '../runtime/event-loop.ts';
import type { PreferenceSplit } from './reward-data.ts';
import { type SharedRow, sharedRow } from './shared-rows.ts';
import type { TokenizedExample } from './sft-batches.ts';
import { encodeCompletion } from './sft-data.ts';

/** Two completions of one prompt; of each, what is learned is the completion. */
export interface CompletionPair {
  readonly chosen: TokenizedExample;
  readonly rejected: TokenizedExample;
  /** Tokens that are read, in a row, of the longer one or of both. */
  readonly length: number;
}

/** What is read of a text: after its last token nothing is predicted. */
export function readOf({ ids }: TokenizedExample): Int32Array {
  return ids.subarray(0, -1);
}

/** How the completions of a pair share a row. What is predicted after a token that they share is learned in neither. */
export function pairRow({ chosen, rejected }: CompletionPair): SharedRow {
  const unlearned = [chosen, rejected].map(({ learned }) => learned.indexOf(1) - 1);
  return sharedRow([readOf(chosen), readOf(rejected)], Math.min(...unlearned));
}

/** How pairs are tokenized. */
export interface PairOptions {
  readonly tokenizer: Tokenizer;
  readonly maxLength: number;
  readonly warn?: ((message: string) => void) | undefined;
  /** Gives it up: its reason is thrown. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * The best candidate of each example against each of its others, as tokens. Ends beyond `maxLength` are cut off; pairs of which a
 * prompt leaves no room are left out. A warning counts each.
 *
 * @throws DatasetError if no pair is left
 */
export async function tokenizePairs(
  { train, test }: PreferenceSplit<PreferenceExample>,
  { tokenizer, maxLength, warn = console.warn, signal }: PairOptions,
): Promise<PreferenceSplit<CompletionPair>> {
  let [rows, cut, dropped] = [0, 0, 0];
  const pairsOf = async (examples: readonly PreferenceExample[]): Promise<CompletionPair[]> => {
    const pairs: CompletionPair[] = [];
    for (const example of examples) {
      if (turnIsDue()) await giveTurn(signal);
      const { best, candidates } = example;
      for (const [other] of candidates.entries()) {
        if (other === best) continue;
        const { prompt, completions } = parted(example, [best, other]);
        const all = completions.map((completion) => tokens(tokenizer, prompt, completion));
        const [chosen, rejected] = all.map(({ ids, learnedFrom }) => exampleOf(ids.slice(0, maxLength), learnedFrom));
        rows++;
        if (!(chosen!.learned.includes(1) && rejected!.learned.includes(1))) dropped++;
        else {
          if (all.some(({ ids }) => ids.length > maxLength)) cut++;
          const length = Math.max(chosen!.ids.length, rejected!.ids.length) - 1;
          pairs.push({ chosen: chosen!, rejected: rejected!, length });
        }
      }
    }
    return pairs;
  };
  const split = { train: await pairsOf(train), test: await pairsOf(test) };
  if (cut > 0) warn(`${cut} of ${rows} pairs are longer than maxLength ${maxLength}: their ends were cut off`);
  if (dropped > 0)
    warn(`${dropped} of ${rows} pairs have nothing to learn in their first ${maxLength} tokens and were left out`);
  if (split.train.length === 0)
    throw new DatasetError(`no pair has anything to learn in its first ${maxLength} tokens`);
  return split;
}

/** Two candidates; without a prompt, what they begin with alike is it. */
function parted(
  { prompt, candidates }: PreferenceExample,
  places: readonly number[],
): { prompt: PreferenceText; completions: readonly PreferenceText[] } {
  const completions = places.map((place) => candidates[place]!);
  if (prompt !== undefined) return { prompt, completions };
  const [a, b] = completions as [PreferenceText, PreferenceText];
  let shared = 0;
  const shorter = Math.min(a.length, b.length);
  if (typeof a === 'string') {
    while (shared < shorter && a[shared] === b[shared]) shared++;
    // Not in the midst of a word, and a completion begins with its space.
    while (shared > 0 && shared < a.length && !/\s/.test(a[shared]!)) shared--;
  } else {
    const same = (i: number): boolean => JSON.stringify(a[i]) === JSON.stringify((b as readonly ChatMessage[])[i]);
    // Something must be left to learn.
    while (shared < shorter - 1 && same(shared)) shared++;
  }
  return { prompt: a.slice(0, shared), completions: completions.map((whole) => whole.slice(shared)) };
}

/** The tokens of prompt and completion, and where the completion begins. */
function tokens(
  tokenizer: Tokenizer,
  prompt: PreferenceText,
  completion: PreferenceText,
): { ids: number[]; learnedFrom: number } {
  if (typeof prompt === 'string') return encodeCompletion(tokenizer, prompt, completion as string);
  const before = tokenizer.applyChatTemplate(prompt, { addGenerationPrompt: true });
  const ids = tokenizer.applyChatTemplate([...prompt, ...(completion as readonly ChatMessage[])]);
  let learnedFrom = 0;
  // A template that changes earlier messages, such as one that leaves out what was thought, ends the prompt there.
  while (learnedFrom < before.length && ids[learnedFrom] === before[learnedFrom]) learnedFrom++;
  return { ids, learnedFrom };
}

function exampleOf(ids: readonly number[], learnedFrom: number): TokenizedExample {
  const learned = new Uint8Array(ids.length).fill(1, Math.max(1, learnedFrom));
  return { ids: Int32Array.from(ids), learned };
}
