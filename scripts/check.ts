// `npm run check`: everything that can be said about the code without running it, then about the package as it would be published.
// One line a check; what a failed check printed follows its line. Exit code 1 if any failed.
// `npm run check -- types lint` runs only the named ones.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

interface Check {
  readonly name: string;
  /** A program of this project's own node_modules/.bin, or `npm`, and its arguments. */
  readonly command: readonly [program: string, ...args: string[]];
}

const CHECKS: readonly Check[] = [
  { name: 'types', command: ['npm', 'run', '--silent', 'types'] },
  { name: 'lint', command: ['npm', 'run', '--silent', 'lint'] },
  { name: 'format', command: ['biome', 'format', '.'] },
  { name: 'unused', command: ['knip'] },
  { name: 'layers', command: ['tsx', 'scripts/check-layers.ts'] },
  { name: 'dependencies', command: ['tsx', 'scripts/check-dependencies.ts'] },
  { name: 'build', command: ['npm', 'run', '--silent', 'build'] },
  // The two below look at dist/, so they come after the build.
  { name: 'package', command: ['publint', '--strict'] },
  { name: 'package types', command: ['attw', '--profile', 'esm-only', '--pack', '.'] },
];

function run({ command: [program, ...args] }: Check): { passed: boolean; output: string } {
  const path = program === 'npm' ? program : join('node_modules', '.bin', program);
  const result = spawnSync(path, args, { encoding: 'utf8', shell: process.platform === 'win32' });
  return { passed: result.status === 0, output: `${result.stdout ?? ''}${result.stderr ?? ''}${result.error ?? ''}` };
}

const named = process.argv.slice(2);
const unknown = named.filter((name) => !CHECKS.some((check) => check.name === name));
if (unknown.length > 0) {
  throw new Error(`No check named ${unknown.join(', ')}; there are: ${CHECKS.map(({ name }) => name).join(', ')}`);
}

let failed = 0;
const chosen = CHECKS.filter(({ name }) => named.length === 0 || named.includes(name));
for (const check of chosen) {
  const started = performance.now();
  const { passed, output } = run(check);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${passed ? 'ok    ' : 'FAILED'}  ${check.name.padEnd(14)} ${seconds.padStart(6)} s`);
  if (!passed) {
    failed += 1;
    console.log(output.trimEnd().replace(/^/gm, '    '));
  }
}
console.log(`checks: ${chosen.length - failed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
