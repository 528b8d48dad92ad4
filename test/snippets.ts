// Every TypeScript snippet of a page type-checks and runs as written, one after the other in one folder.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');

/** @param page its path from the root of the repository @param least how many snippets it has at least */
export function testSnippets(page: string, least: number): void {
  const snippets = [...readFileSync(join(root, page), 'utf8').matchAll(/^## (.+)$|^```ts\n([\s\S]*?)^```$/gm)]
    .reduce<{ heading: string; code: string }[]>((found, [, heading, code]) => {
      if (heading !== undefined) found.push({ heading, code: '' });
      else found.push({ heading: found.at(-1)!.heading, code: code! });
      return found;
    }, [])
    .filter(({ code }) => code !== '');

  // Inside the repository, where 'gymformer' resolves to src/ by tsconfig.json.
  mkdirSync(join(root, 'test/.snippets'), { recursive: true });
  const folder = mkdtempSync(join(root, 'test/.snippets/page-'));
  const files = snippets.map(({ code }, i) => {
    const file = join(folder, `${i}.ts`);
    writeFileSync(file, `${code}\nexport {};\n`);
    return file;
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  describe(page, () => {
    it('has snippets', () => {
      expect(snippets.length).toBeGreaterThanOrEqual(least);
    });

    it('type-checks them', () => {
      const config = join(folder, 'tsconfig.json');
      const noise = { noUnusedLocals: false, noUnusedParameters: false };
      writeFileSync(
        config,
        JSON.stringify({ extends: '../../../tsconfig.json', compilerOptions: noise, include: ['*.ts'] }),
      );
      const tsc = join(root, 'node_modules/typescript/bin/tsc');
      const { stdout, status } = spawnSync(process.execPath, [tsc, '-p', config], { encoding: 'utf8' });
      expect(stdout).toBe('');
      expect(status).toBe(0);
    });

    it.each(snippets.map(({ heading }, i) => [heading, i] as const))('runs: %s (%i)', (_heading, i) => {
      const output = execFileSync(
        process.execPath,
        ['--import', join(root, 'node_modules/tsx/dist/esm/index.mjs'), files[i]!],
        {
          cwd: folder,
          encoding: 'utf8',
        },
      );
      expect(output.trim()).not.toBe('');
    });
  });
}
