// Imports point only down, and never round in a circle. Reads the imports of every file in src/ and names each that breaks this.
// `import type` must point down too, but may go round between files of one room: nothing is left of it at run time.
// `tsx scripts/check-layers.ts [folder]`; exit code 1 if any does.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';

/** Each room of the house, and the rooms below it that it may use. Files directly in src/ may use all rooms. */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  random: [],
  tensor: ['random'],
  runtime: ['tensor', 'random'],
  nn: ['runtime', 'tensor', 'random'],
  lm: ['nn', 'runtime', 'tensor', 'random'],
  env: ['random'],
  'env/text': ['env', 'lm', 'random'],
  rl: ['env', 'env/text', 'lm', 'nn', 'runtime', 'tensor', 'random'],
  tracking: [],
  plots: ['tracking'],
  trainer: ['plots', 'tracking', 'rl', 'env', 'env/text', 'lm', 'nn', 'runtime', 'tensor', 'random'],
  dashboard: ['trainer', 'plots', 'tracking', 'rl', 'env', 'env/text', 'lm', 'nn', 'runtime', 'tensor', 'random'],
  // Runs in a browser: of env/ only the drawings, and they must be free of Node.
  'dashboard/page': ['env', 'dashboard'],
  cli: [
    'dashboard',
    'trainer',
    'plots',
    'tracking',
    'rl',
    'env',
    'env/text',
    'lm',
    'nn',
    'runtime',
    'tensor',
    'random',
  ],
};

interface Import {
  readonly line: number;
  readonly typesOnly: boolean;
  /** The absolute path of the imported file. */
  readonly target: string;
}

const STATEMENT = /^[ \t]*(?:import|export)\b(?:[^'";]*?\bfrom)?\s*'(\.[^']*)'/gm;
const EXPRESSION = /^(?![ \t]*(?:\/\/|\*|\/\*)).*\bimport\('(\.[^']*)'\)/gm;

function importsOf(file: string): Import[] {
  const text = readFileSync(file, 'utf8');
  return [STATEMENT, EXPRESSION].flatMap((pattern) =>
    [...text.matchAll(pattern)].map((match) => ({
      line: text.slice(0, match.index + match[0].lastIndexOf("'")).split('\n').length,
      typesOnly: /^[ \t]*(?:import|export) type\b/.test(match[0]),
      target: resolve(dirname(file), match[1] ?? ''),
    })),
  );
}

/** The room a file belongs to, or undefined for files directly in src/. */
function roomOf(file: string, root: string): string | undefined {
  const parts = relative(root, file).split(sep);
  if (parts[0] === 'env' && parts[1] === 'text') return 'env/text';
  if (parts[0] === 'dashboard' && parts[1] === 'page') return 'dashboard/page';
  return parts.length > 1 ? parts[0] : undefined;
}

function whyForbidden(file: string, target: string, root: string, known: ReadonlySet<string>): string | undefined {
  const [from, to] = [roomOf(file, root), roomOf(target, root)];
  if (relative(root, target).startsWith('..')) return 'leaves src/';
  if (!known.has(target)) return 'there is no such file (write the .ts ending)';
  if (from === undefined) return undefined;
  if (to === undefined) return 'a room may not use files directly in src/';
  if (from === to) return undefined;
  const below = ROOMS[from];
  if (below === undefined || ROOMS[to] === undefined) {
    return `${below === undefined ? from : to}/ is not in the table of rooms in scripts/check-layers.ts`;
  }
  return below.includes(to)
    ? undefined
    : `${from}/ may use ${below.map((room) => `${room}/`).join(', ') || 'no other room'}`;
}

/** Every import that closes a circle, found by a depth-first walk; each circle is named once. */
function circles(graph: ReadonlyMap<string, readonly Import[]>, show: (file: string) => string): string[] {
  const found: string[] = [];
  const finished = new Set<string>();
  const trail: string[] = [];
  const visit = (file: string): void => {
    trail.push(file);
    for (const { line, target, typesOnly } of graph.get(file) ?? []) {
      if (typesOnly) continue;
      const start = trail.indexOf(target);
      if (start >= 0) {
        const circle = [...trail.slice(start), target].map(show).join(' -> ');
        found.push(`${show(file)}:${line}: imports in a circle: ${circle}`);
      } else if (!finished.has(target)) visit(target);
    }
    trail.pop();
    finished.add(file);
  };
  for (const file of graph.keys()) if (!finished.has(file)) visit(file);
  return found;
}

const root = resolve(process.argv[2] ?? 'src');
const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.tsx?$/.test(name))
  .map((name) => join(root, name))
  .sort();
const known = new Set(files);
const graph = new Map(files.map((file) => [file, importsOf(file)]));
const show = (file: string): string => relative(process.cwd(), file);

const problems: string[] = [];
for (const [file, imports] of graph) {
  for (const { line, target } of imports) {
    const reason = whyForbidden(file, target, root, known);
    if (reason !== undefined) problems.push(`${show(file)}:${line}: imports ${show(target)}: ${reason}`);
  }
}
problems.push(...circles(graph, show));

for (const problem of problems) console.error(problem);
console.log(`${files.length} files, ${problems.length} forbidden imports`);
process.exitCode = problems.length > 0 ? 1 : 0;
