// The files of the page: built with the package; in a checkout of the sources, built when they are first needed.

import { existsSync, readdirSync, statSync } from 'node:fs';
import { readFile, rename, rm } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A file of the page, ready to be sent. */
export interface PageFile {
  readonly type: string;
  readonly body: Buffer;
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** All files of the page by the path they are asked for. */
export async function loadPage(): Promise<ReadonlyMap<string, PageFile>> {
  const folder = import.meta.url.endsWith('.ts')
    ? await builtFromSources()
    : fileURLToPath(new URL('page', import.meta.url));
  const files = new Map<string, PageFile>();
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const type = TYPES[extname(name)];
    if (type !== undefined)
      files.set(`/${name.replaceAll('\\', '/')}`, { type, body: await readFile(join(folder, name)) });
  }
  const index = files.get('/index.html');
  if (index === undefined) throw new Error(`${folder} has no index.html: run \`npm run build\``);
  return files.set('/', index);
}

/** Builds the page unless it is newer than its sources, and returns where it is. */
async function builtFromSources(): Promise<string> {
  const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));
  const folder = at('../../dist/dashboard/page');
  const index = join(folder, 'index.html');
  const sources = [at('page'), at('../env/rendering')];
  if (existsSync(index) && statSync(index).mtimeMs > Math.max(...sources.map(newest))) return folder;
  const { buildPage } = await import('./build-page.ts');
  // Beside its place, as another process may be building or reading it.
  const outDir = `${folder}-${process.pid}`;
  await buildPage(outDir);
  await rm(folder, { recursive: true, force: true });
  await rename(outDir, folder).catch(async (error: unknown) => {
    await rm(outDir, { recursive: true, force: true });
    if (!existsSync(index)) throw error;
  });
  return folder;
}

function newest(folder: string): number {
  const entries = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return Math.max(...entries.map((name) => statSync(join(folder, name)).mtimeMs));
}
