// `gymformer completions`: what a language model wrote while it learned from rewards, from first to last.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CliError, EXIT_USAGE } from './cli-error.ts';
import { figure } from './format.ts';

/** A line of completions.jsonl, as far as it is shown. */
interface Row {
  readonly update: number;
  readonly prompt: string;
  readonly completion: string;
  readonly return: number;
  readonly correct?: boolean;
  readonly tokens: number;
}

/** A few texts of a run, evenly from first to last, to be read. */
export function completions(
  run: string,
  flags: { readonly count?: string | undefined; readonly wrong?: boolean },
): string {
  const count = flags.count === undefined ? 5 : Number(flags.count);
  if (!(Number.isSafeInteger(count) && count >= 1)) {
    throw new CliError(`--count is '${flags.count}', but must be a whole number of 1 or more`, EXIT_USAGE);
  }
  const file = ['rl/completions.jsonl', 'completions.jsonl'].map((name) => join(run, name)).find(existsSync);
  if (file === undefined) {
    throw new CliError(
      `${run} has no completions.jsonl: give the directory of a run in which a language model learned from rewards`,
    );
  }
  const rows = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Row)
    .filter(({ correct }) => flags.wrong !== true || correct === false);
  if (rows.length === 0) return 'There is none.';
  // From the middle of each part: the first texts of an update are the shortest, as those end first.
  const parts = Math.min(count, rows.length);
  const chosen = Array.from({ length: parts }, (_, i) => rows[Math.floor(((i + 0.5) * rows.length) / parts)]!);
  return chosen.map(shown).join('\n\n');
}

function shown({ update, prompt, completion, return: value, correct, tokens }: Row): string {
  const verdict = correct === undefined ? '' : correct ? ', right' : ', wrong';
  return `update ${update}: return ${figure(value)}${verdict}, ${tokens} tokens\n${`${prompt}${completion}`.replace(/^/gm, '  ')}`;
}
