// `npm run fuzz [-- target…] [-- --seconds 60] [--seed 1]`: feeds every reader of files broken files, guided by the code that they reach.
// Findings are written to fuzz/found/<target>/, where tests and later runs try them first.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { crc32 } from 'node:zlib';
import { fuzz, targetNames } from './fuzz.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: 'string', default: '30' }, seed: { type: 'string', default: String(Date.now() % 1e9) } },
});
const unknown = positionals.find((name) => !targetNames.includes(name));
if (unknown !== undefined) throw new Error(`there is no target ${unknown}; there are ${targetNames.join(', ')}`);

console.log(`seed ${values.seed}`);
let findings = 0;
for (const name of positionals.length === 0 ? targetNames : positionals) {
  const result = await fuzz(name, {
    seed: Number(values.seed),
    files: Number.POSITIVE_INFINITY,
    seconds: Number(values.seconds),
  });
  const { tried, refused, accepted, corpus, covered } = result;
  console.log(
    `${name.padEnd(16)} ${tried} tried, ${refused} refused, ${accepted} accepted, ${result.findings.length} found; ${corpus} kept, ${covered} covered`,
  );
  for (const { error, input } of result.findings) {
    const folder = join(import.meta.dirname, 'found', name);
    mkdirSync(folder, { recursive: true });
    const file = join(folder, crc32(input).toString(16));
    writeFileSync(file, input);
    console.log(`  ${file}\n${error.split('\n').slice(0, 8).join('\n').replace(/^/gm, '    ')}`);
    findings++;
  }
}
process.exitCode = findings > 0 ? 1 : 0;
