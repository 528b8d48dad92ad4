// Runs the snippets of a page, one after the other in one process, and tells after each what it wrote: `run-snippets.ts <file…>`.

import { pathToFileURL } from 'node:url';

/** What came of a snippet: one line of standard output, behind everything that the snippet itself wrote. */
export interface SnippetRun {
  readonly file: string;
  readonly wrote: boolean;
  readonly error: string | null;
}

let wrote = false;
const write = process.stdout.write.bind(process.stdout);
process.stdout.write = (...args: unknown[]): boolean => {
  wrote ||= String(args[0]).trim() !== '';
  return (write as (...args: unknown[]) => boolean)(...args);
};

for (const file of process.argv.slice(2)) {
  wrote = false;
  let error: string | null = null;
  try {
    await import(pathToFileURL(file).href);
  } catch (thrown) {
    error = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  }
  write(`\n${JSON.stringify({ file, wrote, error } satisfies SnippetRun)}\n`);
}
