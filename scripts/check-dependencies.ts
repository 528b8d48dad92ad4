// What npm installs for this package: versions are pinned, licenses are such that anybody may use them, no script has to run, and each
// package that is asked for is explained in docs/dependencies.md. `tsx scripts/check-dependencies.ts`; exit code 1 if something is not so.

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Licenses that ask for no more than to be named, by SPDX. */
const PERMISSIVE = new Set([
  'MIT',
  'ISC',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'BlueOak-1.0.0',
  'CC0-1.0',
  'Unlicense',
]);
/** Of tools that build and test, which nobody gets who installs this package: Vite's CSS minifier, and a table of browsers. */
const OF_TOOLS = new Set(['MPL-2.0', 'CC-BY-4.0']);
/** Packages with scripts of installation, all of which work without: what these would fetch or build comes as packages too. */
const WORK_WITHOUT_SCRIPTS = new Set(['koffi', 'onnxruntime-node', 'esbuild']);

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  readonly scripts?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

const root = join(import.meta.dirname, '..');
const read = (folder: string): Manifest => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;

/** The folder of a package that one in `from` asks for; undefined if it is not installed, as those of other systems are not. */
function folderOf(name: string, from: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const found = join(folder, 'node_modules', name);
    if (existsSync(join(found, 'package.json'))) return found;
    if (folder === dirname(folder)) return undefined;
  }
}

/** The packages of these names, and all that they need. */
function installed(names: readonly string[]): Manifest[] {
  const found = new Map<string, Manifest>();
  const visit = (name: string, from: string): void => {
    const folder = folderOf(name, from);
    if (folder === undefined || found.has(folder)) return;
    const manifest = read(folder);
    found.set(folder, manifest);
    for (const next of Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies })) visit(next, folder);
  };
  for (const name of names) visit(name, root);
  return [...found.values()];
}

/** Whether a license, or one of those offered, or all that apply together, are in `allowed`. */
function isAllowed(license: string, allowed: ReadonlySet<string>): boolean {
  const terms = license.replace(/^\(|\)$/g, '');
  if (terms.includes(' OR ')) return terms.split(' OR ').some((term) => allowed.has(term));
  return terms.split(' AND ').every((term) => allowed.has(term));
}

const { dependencies = {}, devDependencies = {}, peerDependencies = {} } = read(root);
const problems: string[] = [];
const asked = { ...peerDependencies, ...devDependencies, ...dependencies };
const page = readFileSync(join(root, 'docs/dependencies.md'), 'utf8');
for (const [name, version] of Object.entries(asked)) {
  if (!/^\d+\.\d+\.\d+$/.test(version)) problems.push(`${name}: ${version} is no exact version`);
  if (!page.includes(`\`${name}\``)) problems.push(`${name}: docs/dependencies.md does not say what it is for`);
}
for (const [, name = ''] of page.matchAll(/^\| `([^`]+)`/gm)) {
  if (!Object.hasOwn(asked, name)) problems.push(`${name}: docs/dependencies.md explains it, but nothing asks for it`);
}

const runtime = installed(Object.keys(dependencies));
const all = installed(Object.keys(asked));
for (const { name, version, license = 'none' } of all) {
  const allowed = runtime.some((one) => one.name === name) ? PERMISSIVE : new Set([...PERMISSIVE, ...OF_TOOLS]);
  if (!isAllowed(license, allowed)) problems.push(`${name}@${version}: its license is ${license}`);
}
if (!/^ignore-scripts=true$/m.test(readFileSync(join(root, '.npmrc'), 'utf8'))) {
  problems.push('.npmrc must say ignore-scripts=true');
}
for (const { name, scripts = {} } of all) {
  const script = ['preinstall', 'install', 'postinstall'].find((key) => scripts[key] !== undefined);
  if (script !== undefined && !WORK_WITHOUT_SCRIPTS.has(name)) {
    problems.push(
      `${name}: it has a ${script} script; see that it works without, and name it here and in docs/dependencies.md`,
    );
  }
}

for (const problem of problems) console.log(problem);
console.log(
  `${Object.keys(dependencies).length} dependencies with ${runtime.length} packages in all, ${problems.length} problems`,
);
process.exitCode = problems.length > 0 ? 1 : 0;
