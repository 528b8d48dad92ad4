// Loaded into a run before its own program: writes to the file RELIABILITY_SAVE_TIMES a line for each folder that the run saves, with the
// milliseconds from its beginning, beside its final name, until it has that, flushed.

import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

type Call = (...args: unknown[]) => unknown;

const file = process.env['RELIABILITY_SAVE_TIMES']!;
const functions = fs as unknown as Record<string, Call>;
const { mkdirSync, renameSync, appendFileSync } = fs;
let began = 0;

functions['mkdirSync'] = (...args) => {
  if (/\.tmp-[\da-f-]+$/.test(String(args[0]))) began = performance.now();
  return (mkdirSync as Call)(...args);
};
functions['renameSync'] = (...args) => {
  (renameSync as Call)(...args);
  if (!/\.tmp-[\da-f-]+$/.test(String(args[0]))) return;
  // The folder that holds it is flushed next, with what is told here.
  appendFileSync(file, `${JSON.stringify({ path: String(args[1]), milliseconds: performance.now() - began })}\n`);
};
syncBuiltinESMExports();
