import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  additionProblems,
  arithmeticProblems,
  extractAnswer,
  formatReward,
  type Operation,
  readProblems,
  type WorkedProblem,
  writeProblems,
} from '../../../src/env/text/index.ts';
import { type Expression, textOf, valueOf } from '../../../src/env/text/generators/expression.ts';
import { additionTokenizer } from './tokenizers.ts';

/** JavaScript's own arithmetic: the same notation, precedence and, for whole numbers and exact divisions, results. */
function evaluate(expression: string): number {
  if (!/^[-+*/() \d]+$/.test(expression)) throw new Error(`not arithmetic: ${expression}`);
  // JavaScript knows -0; plain numbers do not.
  return Number(new Function(`return ${expression}`)()) + 0;
}

/** The lines of the reasoning, without the sign of equality that begins all but the first. */
function steps({ solution }: WorkedProblem): string[] {
  const [, reasoning] = /^<think>\n([^]*)\n<\/think>\n<final_answer>[^<]*<\/final_answer>$/.exec(solution)!;
  return reasoning!.split('\n').map((line, i) => {
    expect(line.startsWith('= ')).toBe(i > 0);
    return line.replace(/^= /, '');
  });
}

const operationsIn = (expression: string): number => expression.match(/ [-+*/] /g)?.length ?? 0;
const checkFormat = (completion: string) =>
  formatReward(completion, {
    question: '',
    answer: '',
    prompt: '',
    generatedTokens: 0,
    maxGeneration: 1,
    truncated: false,
  });

describe('arithmeticProblems', () => {
  const options = fc.record({
    seed: fc.nat(),
    // Chains of nothing but exact divisions are few.
    operations: fc.subarray<Operation>(['-', '*', '/']).map((some): Operation[] => ['+', ...some]),
    depth: fc.integer({ min: 1, max: 4 }),
    maxOperand: fc.integer({ min: 12, max: 60 }),
    parentheses: fc.boolean(),
  });

  it('has the right answers, and solutions of right steps, one operation each', () => {
    fc.assert(
      fc.property(options, (given) => {
        const problems = arithmeticProblems({ ...given, count: 5 });
        expect(new Set(problems.map(({ question }) => question)).size).toBe(5);
        for (const problem of problems) {
          const [, expression] = /^What is (.*)\?$/.exec(problem.question)!;
          const value = evaluate(expression!);
          expect(problem.answer).toBe(String(value));
          expect(extractAnswer(problem.solution)).toBe(problem.answer);
          expect(checkFormat(problem.solution)).toBe(1);
          const lines = steps(problem);
          expect(lines[0]).toBe(expression);
          expect(lines.at(-1)).toBe(problem.answer);
          expect(lines.map(operationsIn)).toEqual(lines.map((_, i) => lines.length - 1 - i));
          for (const line of lines) expect(evaluate(line)).toBe(value);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('writes numbers and parentheses as asked', () => {
    fc.assert(
      fc.property(options, (given) => {
        for (const { question } of arithmeticProblems({ ...given, count: 5 })) {
          const numbers = question.match(/\d+/g)!.map(Number);
          expect(Math.min(...numbers)).toBeGreaterThanOrEqual(1);
          expect(Math.max(...numbers)).toBeLessThanOrEqual(given.maxOperand);
          let open = 0;
          for (const character of question) {
            open += Number(character === '(') - Number(character === ')');
            expect(open).toBeGreaterThanOrEqual(0);
          }
          expect(open).toBe(0);
          if (!given.parentheses) expect(question).not.toContain('(');
          for (const operation of question.match(/ [-+*/] /g)!) {
            expect(given.operations).toContain(operation.trim());
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  it('writes only the parentheses that are needed', () => {
    const op = (left: Expression, operation: Operation, right: Expression): Expression => ({ operation, left, right });
    const cases: [Expression, string][] = [
      [op(op(1, '+', 2), '*', 3), '(1 + 2) * 3'],
      [op(op(1, '*', 2), '+', 3), '1 * 2 + 3'],
      [op(8, '-', op(3, '-', 1)), '8 - (3 - 1)'],
      [op(op(8, '-', 3), '-', 1), '8 - 3 - 1'],
      [op(8, '/', op(2, '*', 2)), '8 / (2 * 2)'],
      [op(8, '+', op(2, '*', 2)), '8 + 2 * 2'],
      [op(-2, '*', 3), '-2 * 3'],
      [op(4, '-', -2), '4 - (-2)'],
      [op(10, '-', op(-5, '*', 3)), '10 - (-5) * 3'],
      [op(10, '-', op(-5, '+', 3)), '10 - (-5 + 3)'],
    ];
    for (const [expression, text] of cases) {
      expect(textOf(expression)).toBe(text);
      expect(valueOf(expression)).toBe(evaluate(text));
    }
  });

  it('follows the order of operations', () => {
    // By hand: innermost parentheses, then * and /, then + and -, each from the left.
    const found = arithmeticProblems({ count: 400, seed: 0, depth: 3, operations: ['+', '-', '*', '/'] });
    for (const problem of found) {
      for (const [i, line] of steps(problem).entries()) {
        const next = steps(problem)[i + 1];
        if (next === undefined || line.includes('(')) continue;
        // Without parentheses: the first product or quotient if there is one, else the first sum or difference.
        const step = / [*/] /.test(line) ? /-?\d+ [*/] -?\d+/ : /-?\d+ [-+] -?\d+/;
        const reduced = line.replace(step, (part, at: number) => {
          // A minus after a number is an operation, and not part of what is multiplied.
          const sign = at > 0 && part.startsWith('-') ? '-' : '';
          return `${sign}${evaluate(part.slice(sign.length))}`;
        });
        expect(evaluate(next)).toBe(evaluate(reduced));
        if (!next.includes('(')) expect(next).toBe(reduced);
      }
    }
  });

  it('gives the same problems for the same seed, and more of them for a larger count', () => {
    const few = arithmeticProblems({ count: 20, seed: 9 });
    expect(arithmeticProblems({ count: 50, seed: 9 }).slice(0, 20)).toEqual(few);
    expect(arithmeticProblems({ count: 20, seed: 10 })).not.toEqual(few);
  });

  it('says so when there are no more', () => {
    // 1 + 1, 1 + 2, 2 + 1, 2 + 2.
    const few = { operations: ['+'], depth: 1, maxOperand: 2 } as const;
    expect(arithmeticProblems({ ...few, count: 4 }).length).toBe(4);
    expect(() => arithmeticProblems({ ...few, count: 5 })).toThrow(/after 4 different problems.*count is 5/);
  });

  it('refuses what makes no sense', () => {
    expect(() => arithmeticProblems({ count: 0 })).toThrow(/count is 0/);
    expect(() => arithmeticProblems({ count: 1, depth: 9 })).toThrow(/depth is 9/);
    expect(() => arithmeticProblems({ count: 1, operations: ['^' as '+'] })).toThrow(/operations must be some of/);
  });
});

describe('additionProblems', () => {
  it('adds column by column', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.nat(), (digits, seed) => {
        for (const { question, answer, solution } of additionProblems({ digits, count: 10, seed })) {
          const [, a, b] = /^(\d+)\+(\d+)=$/.exec(question)!;
          expect([a!.length, b!.length]).toEqual([digits, digits]);
          expect(answer).toBe(String(BigInt(a!) + BigInt(b!)));
          expect(extractAnswer(solution)).toBe(answer);
          expect(checkFormat(solution)).toBe(1);
          const lines = solution.slice('<think>'.length, solution.indexOf('</think>')).split('\n');
          expect(lines.length).toBe(digits);
          let carry = 0;
          for (const [i, line] of lines.entries()) {
            const [left, right] = line.split('=') as [string, string];
            const columns = [a!.at(-1 - i), b!.at(-1 - i), ...(carry === 1 ? ['1'] : [])];
            expect(left.split('+')).toEqual(columns);
            expect(Number(right)).toBe(evaluate(left));
            expect(right.at(-1)).toBe(answer.at(-1 - i));
            carry = right.length - 1;
          }
        }
      }),
      { numRuns: 100 },
    );
  });

  it('fits three digits into 40 tokens of a character tokenizer', () => {
    const problems = additionProblems({ digits: 3, count: 5000 });
    const lengths = problems.map(({ question, solution }) => additionTokenizer.encode(question + solution).length);
    expect(Math.max(...lengths)).toBe(40);
    expect(additionTokenizer.encode(problems.map(({ solution }) => solution).join(''))).not.toContain(
      additionTokenizer.unkTokenId,
    );
  });

  it('draws no problem twice, not even where it draws nearly all', () => {
    for (const count of [30, 80, 100]) {
      const problems = additionProblems({ digits: 1, count, seed: 3 });
      expect(new Set(problems.map(({ question }) => question)).size).toBe(count);
    }
    expect(() => additionProblems({ digits: 1, count: 101 })).toThrow(/1 to 100/);
    expect(() => additionProblems({ digits: 8, count: 1 })).toThrow(/digits is 8/);
  });

  it('gives the same problems for the same seed', () => {
    expect(additionProblems({ digits: 3, count: 9, seed: 1 })).toEqual(
      additionProblems({ digits: 3, count: 9, seed: 1 }),
    );
    expect(additionProblems({ digits: 3, count: 9, seed: 1 })).not.toEqual(
      additionProblems({ digits: 3, count: 9, seed: 2 }),
    );
  });
});

it('writeProblems writes what readProblems reads', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'problems-'));
  try {
    const path = join(folder, 'problems.json');
    const problems = arithmeticProblems({ count: 5 });
    await writeProblems(path, problems);
    expect(readProblems(path)).toEqual(problems);
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual(problems);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
