// Programs in one file each, which begin quickly, and stay as they are while they run.

import { build } from 'esbuild';
import { FOLDER } from './results.ts';

/** Bundles programs as `<name>.mjs` in the folder of results. @param entries their paths by name */
export async function bundle(entries: Readonly<Record<string, string>>): Promise<void> {
  await build({
    entryPoints: { ...entries },
    bundle: true,
    platform: 'node',
    format: 'esm',
    // Two folders deep, as the files of which they are made: some look for package.json from where they are.
    outdir: FOLDER,
    outExtension: { '.js': '.mjs' },
    logLevel: 'error',
    external: ['koffi', 'onnxruntime-node', '@cortex-js/compute-engine', '@napi-rs/*'],
    // Bundled CommonJS packages ask for built-in modules in their own way.
    banner: {
      js: "import { createRequire as createRequireHere } from 'node:module'; const require = createRequireHere(import.meta.url);",
    },
  });
}
