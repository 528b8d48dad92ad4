// Programs in one file each, which begin quickly, and stay as they are while they run.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { FOLDER } from './results.ts';

/** Where a program of this name is, once {@link bundle} has made it: each process has its own. */
export function bundleOf(name: string): string {
  return join(FOLDER, `${process.pid}-${name}.mjs`);
}

/** Bundles programs. @param entries their paths by name */
export async function bundle(entries: Readonly<Record<string, string>>): Promise<void> {
  const names = Object.keys(entries);
  process.once('exit', () => {
    for (const name of names) rmSync(bundleOf(name), { force: true });
  });
  await build({
    entryPoints: Object.fromEntries(names.map((name) => [`${process.pid}-${name}`, entries[name]!])),
    bundle: true,
    platform: 'node',
    format: 'esm',
    // Two folders deep, as the files of which they are made: some look for package.json from where they are.
    outdir: FOLDER,
    outExtension: { '.js': '.mjs' },
    logLevel: 'error',
    external: ['koffi', 'onnxruntime-node', '@cortex-js/compute-engine', '@napi-rs/*', 'vite'],
    // Bundled CommonJS packages ask for built-in modules in their own way.
    banner: {
      js: "import { createRequire as createRequireHere } from 'node:module'; const require = createRequireHere(import.meta.url);",
    },
  });
}
