// A line of completions.jsonl as the page wants it. The line may be of another version or another program: what is not as expected is
// taken for missing.

import type { Row } from '../tracking/index.ts';
import type { Completion } from './api.ts';

/** Longer texts are cut off where they are shown; tokens too. */
const LONGEST_TEXT = 200_000;

/** What a row says of a text. Never throws. */
export function readCompletion(row: Row, index: number): Completion {
  return {
    index,
    update: number(row['update']),
    episode: number(row['episode']),
    prompt: text(row['prompt']) ?? '',
    completion: text(row['completion']) ?? '',
    finishReason: text(row['finishReason']),
    return: number(row['return']),
    correct: typeof row['correct'] === 'boolean' ? row['correct'] : null,
    answer: shown(row['answer']),
    correctAnswer: shown(row['correctAnswer']),
    score: number(row['score']),
    kl: number(row['kl']),
    tokens: number(row['tokens']),
    tokenTexts: list(row['tokenTexts'], text, ''),
    logProbs: list(row['logProbs'], number, null),
    tokenKls: list(row['tokenKls'], number, null),
    tokenRewards: list(row['tokenRewards'], number, null),
  };
}

function number(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? value.slice(0, LONGEST_TEXT) : null;
}

function shown(value: unknown): string | null {
  return typeof value === 'number' ? String(value) : text(value);
}

function list<T, M>(value: unknown, read: (item: unknown) => T | null, missing: M): (T | M)[] | null {
  return Array.isArray(value) ? value.slice(0, LONGEST_TEXT).map((item) => read(item) ?? missing) : null;
}
