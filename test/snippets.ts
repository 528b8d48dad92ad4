// Every TypeScript snippet of a page type-checks and runs as written, one after the other in one folder and one process. One that
// begins with ```ts no-run is not run, and type-checked only if it has imports, without which it is a fragment.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SnippetRun } from './run-snippets.ts';

const root = join(import.meta.dirname, '..');
const node = join(root, 'node_modules');

interface Snippet {
  readonly heading: string;
  readonly code: string;
  readonly runs: boolean;
}

/**
 * @param pages paths from the root of the repository, each with how many snippets it has at least
 * @param prepare puts what they read into a folder where they run
 */
export function testSnippets(
  pages: ReadonlyMap<string, number>,
  prepare: (folder: string) => void | Promise<void>,
): void {
  // Inside the repository, where 'gymformer' resolves to src/ by tsconfig.json.
  mkdirSync(join(root, 'test/.snippets'), { recursive: true });
  const all = mkdtempSync(join(root, 'test/.snippets/pages-'));
  afterAll(() => rmSync(all, { recursive: true }), 60_000);

  let number = 0;
  for (const [page, least] of pages) {
    const folder = join(all, String(number++));
    mkdirSync(folder);
    testPage(page, least, folder, prepare);
  }

  it('all snippets type-check', () => {
    const config = join(all, 'tsconfig.json');
    const noise = { noUnusedLocals: false, noUnusedParameters: false };
    writeFileSync(
      config,
      JSON.stringify({ extends: '../../../tsconfig.json', compilerOptions: noise, include: ['*/*.ts'] }),
    );
    const { stdout, status } = spawnSync(process.execPath, [join(node, 'typescript/bin/tsc'), '-p', config], {
      encoding: 'utf8',
    });
    expect(stdout).toBe('');
    expect(status).toBe(0);
  });
}

function testPage(page: string, least: number, folder: string, prepare: (folder: string) => void | Promise<void>) {
  const snippets = snippetsOf(page).map((snippet, i) => ({ ...snippet, i, file: join(folder, `${i}.ts`) }));
  for (const { code, file } of snippets) writeFileSync(file, `${code}\nexport {};\n`);
  const running = snippets.filter(({ runs }) => runs);

  describe(page, () => {
    let [ran, stderr, exitCode]: [SnippetRun[], string, unknown] = [[], '', null];
    beforeAll(async () => {
      await prepare(folder);
      const tsx = join(node, 'tsx/dist/esm/index.mjs');
      const words = ['--import', tsx, join(root, 'test/run-snippets.ts'), ...running.map(({ file }) => file)];
      const child = spawn(process.execPath, words, {
        cwd: folder,
        stdio: ['ignore', 'pipe', 'pipe'],
        timeout: 280_000,
        killSignal: 'SIGKILL',
      });
      const [output, errors, [code]] = await Promise.all([
        text(child.stdout),
        text(child.stderr),
        once(child, 'close'),
      ]);
      ran = output
        .split('\n')
        .filter((line) => line.startsWith('{"file":'))
        .map((line) => JSON.parse(line) as SnippetRun);
      [stderr, exitCode] = [errors, code];
    }, 300_000);

    it('has snippets', () => {
      expect(snippets.length).toBeGreaterThanOrEqual(least);
    });

    it.each(running.map(({ heading, i, file }) => [heading, i, file] as const))(
      'runs: %s (%i)',
      (_heading, _i, file) => {
        const run = ran.find((result) => result.file === file);
        expect(run, stderr).toEqual({ file, wrote: true, error: null });
      },
    );

    it('ends well', () => {
      expect(exitCode, stderr).toBe(0);
    });
  });
}

function snippetsOf(page: string): Snippet[] {
  return [...readFileSync(join(root, page), 'utf8').matchAll(/^## (.+)$|^```ts( no-run)?\n([\s\S]*?)^```$/gm)]
    .reduce<Snippet[]>((found, [, heading, mark, code = '']) => {
      found.push({ heading: heading ?? found.at(-1)?.heading ?? page, code, runs: mark === undefined });
      return found;
    }, [])
    .filter(({ code, runs }) => code !== '' && (runs || /^import /m.test(code)));
}
