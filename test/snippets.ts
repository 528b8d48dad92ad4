// Every TypeScript snippet of a page type-checks and runs as written, one after the other in one folder. One that begins with
// ```ts no-run is not run, and type-checked only if it has imports, without which it is a fragment.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');

interface Snippet {
  readonly heading: string;
  readonly code: string;
  readonly runs: boolean;
}

/**
 * @param page its path from the root of the repository
 * @param least how many snippets it has at least
 * @param prepare puts what they read into the folder where they run
 */
export function testSnippets(page: string, least: number, prepare?: (folder: string) => Promise<void>): void {
  const snippets = [...readFileSync(join(root, page), 'utf8').matchAll(/^## (.+)$|^```ts( no-run)?\n([\s\S]*?)^```$/gm)]
    .reduce<Snippet[]>((found, [, heading, mark, code = '']) => {
      found.push({ heading: heading ?? found.at(-1)?.heading ?? page, code, runs: mark === undefined });
      return found;
    }, [])
    .filter(({ code, runs }) => code !== '' && (runs || /^import /m.test(code)));

  // Inside the repository, where 'gymformer' resolves to src/ by tsconfig.json.
  mkdirSync(join(root, 'test/.snippets'), { recursive: true });
  const folder = mkdtempSync(join(root, 'test/.snippets/page-'));
  const files = snippets.map(({ code }, i) => {
    const file = join(folder, `${i}.ts`);
    writeFileSync(file, `${code}\nexport {};\n`);
    return file;
  });
  beforeAll(() => prepare?.(folder), 60_000);
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

    it.each(snippets.flatMap(({ heading, runs }, i) => (runs ? [[heading, i] as const] : [])))(
      'runs: %s (%i)',
      (_heading, i) => {
        const output = execFileSync(
          process.execPath,
          ['--import', join(root, 'node_modules/tsx/dist/esm/index.mjs'), files[i]!],
          {
            cwd: folder,
            encoding: 'utf8',
          },
        );
        expect(output.trim()).not.toBe('');
      },
    );
  });
}
