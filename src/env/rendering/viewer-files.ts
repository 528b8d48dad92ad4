// What the viewer's page is made of: three files of its own, and the drawings, which are the very modules that draw in Node.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/** The modules that `drawings.ts` imports, itself included. */
const DRAWING_MODULES = [
  'acrobot',
  'blackjack',
  'cartpole',
  'cliff-walking',
  'drawing',
  'drawings',
  'frozen-lake',
  'mountain-car',
  'pendulum',
  'pixel-text',
  'shapes',
  'sprites',
  'taxi',
];

const PAGE = {
  '/': ['index.html', 'text/html'],
  '/viewer.js': ['viewer.js', 'text/javascript'],
  '/viewer.css': ['viewer.css', 'text/css'],
} as const;

/** A file as it is sent. */
export interface SentFile {
  readonly type: string;
  readonly content: string;
}

/** The file that stands at a path of the page's address; undefined if none does. */
export function viewerFile(path: string): SentFile | undefined {
  if (Object.hasOwn(PAGE, path)) {
    const [name, type] = PAGE[path as keyof typeof PAGE];
    return { type: `${type}; charset=utf-8`, content: readFileSync(new URL(`page/${name}`, import.meta.url), 'utf8') };
  }
  const name = /^\/rendering\/([\w-]+)\.js$/.exec(path)?.[1];
  if (name === undefined || !DRAWING_MODULES.includes(name)) return undefined;
  return { type: 'text/javascript; charset=utf-8', content: moduleText(name) };
}

/** A module of this folder as JavaScript: as it was built, or, in a checkout of the sources, made now by what runs them. */
function moduleText(name: string): string {
  if (!import.meta.url.endsWith('.ts')) return readFileSync(new URL(`${name}.js`, import.meta.url), 'utf8');
  const source = readFileSync(new URL(`${name}.ts`, import.meta.url), 'utf8');
  const tsx = createRequire(import.meta.url).resolve('tsx/package.json');
  const { transformSync } = createRequire(tsx)('esbuild') as {
    transformSync(code: string, options: { readonly loader: 'ts' }): { readonly code: string };
  };
  return transformSync(source, { loader: 'ts' }).code.replace(/(from\s+['"]\.\/[\w-]+)\.ts(['"])/g, '$1.js$2');
}
