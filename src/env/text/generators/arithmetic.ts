// Arithmetic with worked solutions: as many problems as wanted, the same for the same seed.

import { defaultRng, type Generator } from '../../../random/index.ts';
import type { WorkedProblem } from '../problems.ts';
import { TAGS } from '../rewards/answers.ts';
import { type Expression, needsParentheses, type Operation, reduceOnce, textOf, valueOf } from './expression.ts';

/** Options of {@link arithmeticProblems}. */
export interface ArithmeticOptions {
  readonly count: number;
  /** Default 0. */
  readonly seed?: number | undefined;
  /** Default `+`, `-` and `*`. */
  readonly operations?: readonly Operation[] | undefined;
  /** How deep operations are nested: 1 is one operation, 2 is two or three, and so on. Default 2. */
  readonly depth?: number | undefined;
  /** The largest number that is written. The smallest is 1. Default 20. */
  readonly maxOperand?: number | undefined;
  /** Whether parentheses may be needed. Default true. */
  readonly parentheses?: boolean | undefined;
  /** Divisions have whole results; there is no other kind. */
  readonly division?: 'exact' | undefined;
}

/** No step of a solution has a number of more digits than these. */
const LARGEST_VALUE = 1_000_000;
/** Tries for a new problem before giving up. */
const TRIES = 10_000;

/**
 * Problems such as `What is (2 + 3) * 4?` with the answer as text, and a solution that carries out one operation a line, in
 * the order of operations, between the tags of {@link CoTEnv}. No two are the same. Results may be negative.
 *
 * @throws RangeError for options that make no sense, and if there are not so many different problems
 */
export function arithmeticProblems(options: ArithmeticOptions): WorkedProblem[] {
  const { count, seed = 0, operations = ['+', '-', '*'], depth = 2, maxOperand = 20, parentheses = true } = options;
  checkWhole('count', count);
  checkWhole('depth', depth);
  checkWhole('maxOperand', maxOperand);
  if (depth > 8) throw new RangeError(`arithmeticProblems: depth is ${depth}, but at most 8 is meant`);
  const unknown = operations.find((operation) => !['+', '-', '*', '/'].includes(operation));
  if (operations.length === 0 || unknown !== undefined) {
    throw new RangeError(`arithmeticProblems: operations must be some of + - * /, but are [${operations.join(', ')}]`);
  }
  const drawing: Drawing = { generator: defaultRng(seed), operations, maxOperand };
  const problems = new Map<string, WorkedProblem>();
  for (let tries = 0; problems.size < count; tries++) {
    if (tries === TRIES) {
      throw new RangeError(
        `arithmeticProblems: after ${problems.size} different problems no further one was found, but count is ${count}: ` +
          'raise depth or maxOperand, or allow more operations',
      );
    }
    const expression = drawOperation(drawing, depth);
    if (!isUsable(expression) || (!parentheses && needsParentheses(expression))) continue;
    const text = textOf(expression);
    if (problems.has(text)) continue;
    problems.set(text, worked(expression, text));
    tries = -1;
  }
  return [...problems.values()];
}

interface Drawing {
  readonly generator: Generator;
  readonly operations: readonly Operation[];
  readonly maxOperand: number;
}

/** An operation of exactly that depth: one side goes as deep, the other as it comes. */
function drawOperation(drawing: Drawing, depth: number): Expression {
  const { generator, operations } = drawing;
  const operation = operations[generator.integers(operations.length)]!;
  const deep = depth === 1 ? drawNumber(drawing) : drawOperation(drawing, depth - 1);
  const otherDepth = generator.integers(depth);
  const other = otherDepth === 0 ? drawNumber(drawing) : drawOperation(drawing, otherDepth);
  const [left, right] = generator.integers(2) === 0 ? [deep, other] : [other, deep];
  if (operation !== '/') return { operation, left, right };
  return { operation, left: dividend(drawing, left, right), right };
}

function drawNumber({ generator, maxOperand }: Drawing): number {
  return generator.integers(1, maxOperand + 1);
}

/** A number to divide becomes a multiple of the divisor where there is one, as few divisions come out even by chance. */
function dividend({ generator, maxOperand }: Drawing, left: Expression, right: Expression): Expression {
  const divisor = Math.abs(valueOf(right) ?? 0);
  if (typeof left !== 'number' || divisor === 0 || divisor > maxOperand) return left;
  return divisor * generator.integers(1, Math.floor(maxOperand / divisor) + 1);
}

function isUsable(expression: Expression): boolean {
  if (typeof expression === 'number') return true;
  const value = valueOf(expression);
  return value !== null && Math.abs(value) <= LARGEST_VALUE && isUsable(expression.left) && isUsable(expression.right);
}

function worked(expression: Expression, text: string): WorkedProblem {
  const lines = [text];
  let left = expression;
  while (typeof left !== 'number') {
    left = reduceOnce(left);
    lines.push(`= ${textOf(left)}`);
  }
  const answer = String(left);
  return {
    question: `What is ${text}?`,
    answer,
    solution: `${TAGS.thinkOpen}\n${lines.join('\n')}\n${TAGS.thinkClose}\n${TAGS.answerOpen}${answer}${TAGS.answerClose}`,
  };
}

function checkWhole(name: string, value: number): void {
  if (!(Number.isSafeInteger(value) && value >= 1)) {
    throw new RangeError(`arithmeticProblems: ${name} is ${value}, but must be a whole number of 1 or more`);
  }
}
