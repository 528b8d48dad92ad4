// Builds the page: for the package (`npm run build`), and in a checkout of the sources when it is first needed.

import { fileURLToPath } from 'node:url';
import { build } from 'vite';

/** Builds the page into a folder. */
export async function buildPage(outDir: string): Promise<void> {
  await build({
    configFile: false,
    root: fileURLToPath(new URL('page', import.meta.url)),
    base: './',
    logLevel: 'warn',
    oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
    build: { outDir, emptyOutDir: true, target: 'es2022', modulePreload: { polyfill: false }, assetsInlineLimit: 0 },
  });
}
