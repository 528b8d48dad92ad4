// Reasoning and answer in a completion: <think>...</think><final_answer>...</final_answer>.

/** The tags around reasoning and answer. */
export const TAGS = {
  thinkOpen: '<think>',
  thinkClose: '</think>',
  answerOpen: '<final_answer>',
  answerClose: '</final_answer>',
} as const;

/** How a completion's answer compares with the right one. */
export interface Grade {
  /** The text between the answer tags, trimmed; null if they are not there. */
  readonly generatedAnswer: string | null;
  /** That as a number; NaN if it is none. */
  readonly generatedNumber: number;
  /** The right answer as a number; NaN if it is none. */
  readonly correctNumber: number;
  /** How far the two are apart; NaN if one is no number. */
  readonly difference: number;
  /** `missing`: no answer tags, or nothing in them. `invalid`: the answer should be a number and is none. */
  readonly parseError: 'missing' | 'invalid' | null;
  /** Whether the numbers are equal (to a relative 1e-9), or for other answers the texts, apart from blanks and case. */
  readonly correct: boolean;
}

/** The text of the last complete pair of answer tags, trimmed; null if there is none. */
export function extractAnswer(completion: string): string | null {
  const end = completion.lastIndexOf(TAGS.answerClose);
  const begin = end < 0 ? -1 : completion.lastIndexOf(TAGS.answerOpen, end);
  return begin < 0 ? null : completion.slice(begin + TAGS.answerOpen.length, end).trim();
}

const NUMBER = /^[-+]?(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?$/i;

/** A decimal number, perhaps with thousands commas, a dollar sign or a full stop after it; or a fraction `a/b`. NaN for all else. */
export function parseNumber(text: string): number {
  const plain = text
    .trim()
    .replaceAll('\u2212', '-')
    .replace(/^([-+]?)\$\s*/, '$1')
    .replace(/\.$/, '');
  const [numerator = '', denominator, ...rest] = plain.split('/').map((part) => part.trim());
  if (rest.length > 0 || !NUMBER.test(numerator)) return Number.NaN;
  const top = Number(numerator.replaceAll(',', ''));
  if (denominator === undefined) return Number.isFinite(top) ? top : Number.NaN;
  const value = NUMBER.test(denominator) ? top / Number(denominator.replaceAll(',', '')) : Number.NaN;
  return Number.isFinite(value) ? value : Number.NaN;
}

/** Compares a completion's answer with the right one. */
export function gradeAnswer(completion: string, answer: string): Grade {
  const generatedAnswer = extractAnswer(completion);
  const correctNumber = parseNumber(answer);
  const generatedNumber = generatedAnswer === null ? Number.NaN : parseNumber(generatedAnswer);
  const difference = Math.abs(correctNumber - generatedNumber);
  const missing = generatedAnswer === null || generatedAnswer === '';
  const invalid = !Number.isNaN(correctNumber) && Number.isNaN(generatedNumber);
  return {
    generatedAnswer,
    generatedNumber,
    correctNumber,
    difference,
    parseError: missing ? 'missing' : invalid ? 'invalid' : null,
    correct: Number.isNaN(difference)
      ? !missing && sameText(generatedAnswer, answer)
      : difference <= 1e-9 * Math.max(1, Math.abs(correctNumber)),
  };
}

function sameText(a: string, b: string): boolean {
  const normal = (text: string): string => text.trim().replace(/\s+/g, ' ').toLowerCase();
  return normal(a) === normal(b);
}
