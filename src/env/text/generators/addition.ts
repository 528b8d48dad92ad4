// Addition in columns, for models small enough to learn it on a laptop: few characters, one short line a digit.

import { defaultRng } from '../../../random/index.ts';
import type { WorkedProblem } from '../problems.ts';
import { TAGS } from '../rewards/answers.ts';

/** Options of {@link additionProblems}. */
export interface AdditionOptions {
  /** How many digits both numbers have: 1 to 7. */
  readonly digits: number;
  readonly count: number;
  /** Default 0. */
  readonly seed?: number | undefined;
}

/**
 * Problems such as `345+678=` whose solutions add column by column from the right, carries written as a third number:
 * `<think>5+8=13\n4+7+1=12\n3+6+1=10</think><final_answer>1023</final_answer>`. No two are the same.
 *
 * Their characters are the digits, `+`, `=` and the line break; with the four tags as one token each, question and solution
 * of three digits have at most 40 tokens.
 *
 * @throws RangeError for other numbers of digits, and if there are not `count` different problems
 */
export function additionProblems({ digits, count, seed = 0 }: AdditionOptions): WorkedProblem[] {
  if (!(Number.isInteger(digits) && digits >= 1 && digits <= 7)) {
    throw new RangeError(`additionProblems: digits is ${digits}, but must be a whole number from 1 to 7`);
  }
  // Numbers of one digit begin at 0, others at 10, 100, ...
  const smallest = digits === 1 ? 0 : 10 ** (digits - 1);
  const numbers = 10 ** digits - smallest;
  if (!(Number.isSafeInteger(count) && count >= 1 && count <= numbers ** 2)) {
    throw new RangeError(
      `additionProblems: count is ${count}, but must be 1 to ${numbers ** 2}: there are no more problems of ${digits} digits`,
    );
  }
  return drawDistinct(count, numbers ** 2, seed).map((pair) =>
    worked(smallest + Math.floor(pair / numbers), smallest + (pair % numbers)),
  );
}

/** `count` different whole numbers below `limit`, in random order. */
function drawDistinct(count: number, limit: number, seed: number): number[] {
  const generator = defaultRng(seed);
  if (2 * count >= limit) return Array.from(generator.permutation(limit).subarray(0, count));
  const drawn = new Set<number>();
  while (drawn.size < count) drawn.add(generator.integers(limit));
  return [...drawn];
}

function worked(a: number, b: number): WorkedProblem {
  const lines: string[] = [];
  let carry = 0;
  for (let [left, right] = [a, b], first = true; first || left > 0 || right > 0; first = false) {
    const [x, y] = [left % 10, right % 10];
    const sum = x + y + carry;
    lines.push(`${x}+${y}${carry === 1 ? '+1' : ''}=${sum}`);
    carry = sum >= 10 ? 1 : 0;
    [left, right] = [Math.floor(left / 10), Math.floor(right / 10)];
  }
  const answer = String(a + b);
  return {
    question: `${a}+${b}=`,
    answer,
    solution: `${TAGS.thinkOpen}${lines.join('\n')}${TAGS.thinkClose}${TAGS.answerOpen}${answer}${TAGS.answerClose}`,
  };
}
