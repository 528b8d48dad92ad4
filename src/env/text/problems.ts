// Questions with known answers: reading them, and keeping some back to test on.

import { readFileSync } from 'node:fs';
import { defaultRng } from '../../random/index.ts';
import { EnvError } from '../errors.ts';
import { parseNumber } from './rewards/answers.ts';
import { sharedReader } from './shared-files.ts';

/** A question and its answer. */
export interface Problem {
  readonly question: string;
  readonly answer: string;
  /** Reasoning that leads to the answer, in the tag format. */
  readonly solution?: string | undefined;
}

/** A question, its answer, and reasoning that leads to it. */
export interface WorkedProblem extends Problem {
  readonly solution: string;
}

/** A row as it may be written: the answer as text or number. */
export interface ProblemRow {
  readonly question: string;
  readonly answer: string | number;
  readonly solution?: string | undefined;
}

/** Problems that cannot be read or used; the message names file and row. */
export class ProblemsError extends EnvError {}

/** Rules for {@link readProblems}. */
export interface ReadProblemsOptions {
  /** Whether every answer must be a number. Default false. */
  readonly numeric?: boolean | undefined;
}

/**
 * Problems from a JSON file `[{ "question": "...", "answer": "..." }, ...]`, or from rows in memory.
 *
 * @throws ProblemsError for a file that is missing or no JSON, and for a bad row, by its number (the first is 0)
 */
export function readProblems(
  source: string | readonly ProblemRow[],
  options: ReadProblemsOptions = {},
): readonly Problem[] {
  const problems = typeof source === 'string' ? readFile(source) : checkRows(source, 'the dataset');
  if (options.numeric === true) {
    const where = typeof source === 'string' ? source : 'the dataset';
    const row = problems.findIndex(({ answer }) => Number.isNaN(parseNumber(answer)));
    if (row >= 0) {
      throw new ProblemsError(
        `${where}, row ${row}: the answer ${JSON.stringify(problems[row]!.answer)} is no number, which the distance ` +
          "reward needs: choose reward 'exactMatch' or 'symbolicEquality'",
      );
    }
  }
  return problems;
}

const readFile = sharedReader(readRows);

function readRows(path: string): readonly Problem[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new ProblemsError(`${path}: the dataset cannot be read: ${(cause as Error).message}`, { cause });
  }
  let rows: unknown;
  try {
    rows = JSON.parse(text);
  } catch (cause) {
    throw new ProblemsError(`${path}: the dataset is no JSON: ${(cause as Error).message}`, { cause });
  }
  return checkRows(rows, path);
}

function checkRows(rows: unknown, where: string): readonly Problem[] {
  if (!Array.isArray(rows)) {
    throw new ProblemsError(`${where}: expected a list of { question, answer }, but found ${typeof rows}`);
  }
  if (rows.length === 0) throw new ProblemsError(`${where}: there are no problems in it`);
  return rows.map((row: unknown, i) => checkRow(row, `${where}, row ${i}`));
}

function checkRow(row: unknown, where: string): Problem {
  if (typeof row !== 'object' || row === null || Array.isArray(row)) {
    throw new ProblemsError(`${where}: expected { question, answer }, but found ${JSON.stringify(row)}`);
  }
  const { question, answer, solution } = row as Readonly<Record<string, unknown>>;
  const shown = (value: unknown): string => (value === undefined ? 'missing' : JSON.stringify(value));
  if (typeof question !== 'string' || question.trim() === '') {
    throw new ProblemsError(`${where}: question must be text, but is ${shown(question)}`);
  }
  const usable = typeof answer === 'string' ? answer.trim() !== '' : Number.isFinite(answer);
  if (!usable) throw new ProblemsError(`${where}: answer must be text or a number, but is ${shown(answer)}`);
  if (solution !== undefined && typeof solution !== 'string') {
    throw new ProblemsError(`${where}: solution must be text, but is ${shown(solution)}`);
  }
  return { question, answer: String(answer), ...(solution === undefined ? {} : { solution }) };
}

/** Options of {@link splitProblems}. */
export interface SplitOptions {
  readonly split: 'train' | 'test';
  /** The share that is kept back to test on, from 0 to 1. */
  readonly testSplit: number;
  /** Decides which those are. */
  readonly seed: number;
}

/**
 * One part of the problems, in their order. Train and test have nothing in common and together are all; which problem goes
 * where follows from the seed alone. A share of more than 0 keeps at least one back.
 *
 * @throws ProblemsError if nothing is left for the part that is asked for
 */
export function splitProblems<P extends Problem>(
  problems: readonly P[],
  { split, testSplit, seed }: SplitOptions,
): readonly P[] {
  if (split !== 'train' && split !== 'test') {
    throw new ProblemsError(`split is ${JSON.stringify(split)}, but must be 'train' or 'test'`);
  }
  if (!(testSplit >= 0 && testSplit <= 1)) {
    throw new ProblemsError(`testSplit is ${testSplit}, but must be a share from 0 to 1`);
  }
  const kept = testSplit === 0 ? 0 : Math.max(1, Math.round(problems.length * testSplit));
  const isTest = new Uint8Array(problems.length);
  for (const index of defaultRng(seed).permutation(problems.length).subarray(0, kept)) isTest[index] = 1;
  const part = problems.filter((_, i) => (isTest[i] === 1) === (split === 'test'));
  if (part.length === 0) {
    throw new ProblemsError(
      `of ${problems.length} problems, testSplit ${testSplit} leaves none for split '${split}': change testSplit, or give more problems`,
    );
  }
  return part;
}

const parts = new WeakMap<readonly Problem[], Map<string, readonly Problem[]>>();

/** As {@link splitProblems}, once for all who ask for the same part of the very same problems, which nobody may change. */
export function sharedSplit(problems: readonly Problem[], options: SplitOptions): readonly Problem[] {
  const known = parts.get(problems) ?? new Map<string, readonly Problem[]>();
  parts.set(problems, known);
  const key = JSON.stringify([options.split, options.testSplit, options.seed]);
  const part = known.get(key) ?? splitProblems(problems, options);
  known.set(key, part);
  return part;
}
