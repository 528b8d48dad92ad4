// The command as it is installed: compiled once for all tests, which start it often. From the sources each start would take 1 s longer.

import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const PREFIX = '.built-';

/** The path of the compiled main.js. It is compiled anew if a source has changed, to another place: the old one may be running. */
export function builtCommand(): string {
  // In the repository's root, from where the code finds package.json.
  const name = `${PREFIX}${Math.round(newestSource())}`;
  const main = join(root, name, 'cli/main.js');
  if (existsSync(main)) return main;
  const fresh = join(root, `${name}-${process.pid}`);
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const words = ['-p', 'tsconfig.build.json', '--outDir', fresh, '--declaration', 'false', '--noCheck'];
  execFileSync(process.execPath, [tsc, ...words], { cwd: root, stdio: 'inherit' });
  cpSync(join(root, 'src/env/rendering/page'), join(fresh, 'env/rendering/page'), { recursive: true });
  try {
    renameSync(fresh, join(root, name));
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true });
    if (!existsSync(main)) throw error;
  }
  const old = readdirSync(root).filter((other) => /^\.built-\d+$/.test(other) && other < name);
  for (const other of old) rmSync(join(root, other), { recursive: true, force: true });
  return main;
}

function newestSource(): number {
  const names = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' });
  return Math.max(...names.map((name) => statSync(join(root, 'src', name)).mtimeMs));
}
