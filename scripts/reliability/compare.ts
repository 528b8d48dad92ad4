// Whether a run's directory is whole, and equal to another's.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';

const ROWS = ['metrics.jsonl', 'episodes.jsonl', 'completions.jsonl', 'evaluation.jsonl'];
/** What the clock and the system say. */
const MEASURED = ['seconds', 'stepsPerSecond', 'tokensPerSecond', 'memory'];

type Row = Readonly<Record<string, unknown>>;

/** The complete lines of a file, without what the clock says. @throws SyntaxError if one is no JSON */
function rowsOf(file: string): Row[] {
  if (!existsSync(file)) return [];
  // What follows the last line end was being written.
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => {
    const entries = Object.entries(JSON.parse(line) as Row);
    return Object.fromEntries(entries.filter(([key]) => !MEASURED.includes(key)));
  });
}

/** What is wrong with the rows of a run that was broken off, if anything: in all stages they must be the first ones of the whole run. */
export function wrongRows(whole: string, broken: string): string | null {
  for (const name of comparedIn(broken).filter((file) => file.endsWith('.jsonl'))) {
    let found: Row[];
    try {
      found = rowsOf(join(broken, name));
    } catch (error) {
      return `${name}: ${(error as Error).message}`;
    }
    const expected = rowsOf(join(whole, name));
    const first = found.findIndex((row, i) => !isDeepStrictEqual(row, expected[i]));
    if (first >= 0) return `${name}: row ${first + 1} of ${found.length} is ${JSON.stringify(found[first])}`;
  }
  return null;
}

/** What differs between two finished runs, if anything: rows, or any file of tensors, in their folders and those below. */
export function difference(whole: string, other: string): string | null {
  const [expected, found] = [comparedIn(whole), comparedIn(other)];
  if (!expected.some((name) => name.endsWith('.safetensors'))) return 'nothing was saved';
  if (!isDeepStrictEqual(found, expected)) return `there are ${found.join(', ')}, not ${expected.join(', ')}`;
  const changed = expected.find((name) => {
    const [a, b] = [join(whole, name), join(other, name)];
    if (name.endsWith('.jsonl')) return !isDeepStrictEqual(rowsOf(a), rowsOf(b));
    return !readFileSync(a).equals(readFileSync(b));
  });
  return changed === undefined ? null : `${changed} differs`;
}

/** What killed processes left in a run that has ended. */
export function leftovers(run: string): string | null {
  const names = readdirSync(run, { recursive: true, encoding: 'utf8' });
  const left = names.filter((name) => /\.(tmp|old)(-[\da-f-]+)?$/.test(name) || name === 'lock.json');
  return left.length === 0 ? null : `left behind: ${left.join(', ')}`;
}

/** Files of rows, of weights and of moments. */
function comparedIn(run: string): string[] {
  if (!existsSync(run)) return [];
  const names = readdirSync(run, { recursive: true, encoding: 'utf8' });
  return names.filter((name) => name.endsWith('.safetensors') || ROWS.includes(basename(name))).sort();
}
