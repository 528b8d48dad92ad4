// `gymformer completions`: what a language model wrote while it learned from rewards: a few texts to be read, or all of them in a file.

import { existsSync } from 'node:fs';
import { extname, join } from 'node:path';
import type { Row } from '../tracking/index.ts';
import { CliError, EXIT_USAGE } from './cli-error.ts';
import { TEXT_FORMATS, type TextFormat, writeTexts } from './completions-file.ts';
import { optionalNatural } from './flags.ts';
import { counted, figure } from './format.ts';
import { eachRow } from './run-rows.ts';

/** Flags as they are typed. */
export interface CompletionsFlags {
  readonly count?: string;
  readonly wrong?: boolean;
  readonly format?: string;
  readonly out?: string;
}

/** Texts of a run, evenly from first to last, to be read; or how many were written to the file `out`. */
export async function completions(run: string, flags: CompletionsFlags): Promise<string> {
  const count = optionalNatural('--count', flags.count, 1);
  const format = formatOf(flags);
  const file = ['rl/completions.jsonl', 'completions.jsonl'].map((name) => join(run, name)).find(existsSync);
  if (file === undefined) {
    throw new CliError(
      `${run} has no completions.jsonl: give the directory of a run in which a language model learned from rewards`,
    );
  }
  const rows: Row[] = [];
  await eachRow(file, (row) => {
    if (flags.wrong !== true || row['correct'] === false) rows.push(row);
  });
  if (rows.length === 0) return 'There is none.';
  const chosen = spread(rows, count ?? (format === undefined ? 5 : rows.length));
  if (format === undefined) return chosen.map(shown).join('\n\n');
  await writeTexts(flags.out!, format, chosen);
  return `${counted(chosen.length, 'text')}: ${flags.out}`;
}

/** Undefined where texts are shown. */
function formatOf({ format, out }: CompletionsFlags): TextFormat | undefined {
  if (out === undefined) {
    if (format === undefined) return undefined;
    throw new CliError(`--format needs a file to write to: --out texts.${format}`, EXIT_USAGE);
  }
  const name = format ?? extname(out).slice(1);
  const found = TEXT_FORMATS.find((known) => known === name);
  if (found !== undefined) return found;
  throw new CliError(
    format === undefined
      ? `--out is ${out}, which ends like no format: give one with --format (${TEXT_FORMATS.join(', ')})`
      : `--format is '${format}', but must be one of ${TEXT_FORMATS.join(', ')}`,
    EXIT_USAGE,
  );
}

/** From the middle of each part: the first texts of an update are the shortest, as those end first. */
function spread(rows: readonly Row[], count: number): Row[] {
  const parts = Math.min(count, rows.length);
  return Array.from({ length: parts }, (_, i) => rows[Math.floor(((i + 0.5) * rows.length) / parts)]!);
}

function shown(row: Row): string {
  const { update, prompt, completion, return: value, correct, tokens } = row;
  const verdict = typeof correct === 'boolean' ? (correct ? ', right' : ', wrong') : '';
  const total = typeof value === 'number' ? figure(value) : '?';
  const text = `${String(prompt ?? '')}${String(completion ?? '')}`;
  return `update ${String(update)}: return ${total}${verdict}, ${String(tokens)} ${tokens === 1 ? 'token' : 'tokens'}\n${text.replace(/^/gm, '  ')}`;
}
