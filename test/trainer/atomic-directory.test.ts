import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import {
  fillDirectory,
  leftBehind,
  remainsIn,
  tidyFolder,
  writeDirectory,
} from '../../src/trainer/atomic-directory.ts';
import { temporaryDirectory } from './tiny-run.ts';

const root = temporaryDirectory();

test('writes all files and leaves nothing beside them', () => {
  const path = join(root, 'a/b/final');
  writeDirectory(
    path,
    new Map<string, Uint8Array | string>([
      ['text', 'hello'],
      ['bytes', Uint8Array.of(1, 2, 3)],
    ]),
  );
  expect(readFileSync(join(path, 'text'), 'utf8')).toBe('hello');
  expect([...readFileSync(join(path, 'bytes'))]).toEqual([1, 2, 3]);
  expect(readdirSync(dirname(path))).toEqual(['final']);
});

test('replaces what is there, old files included', () => {
  const path = join(root, 'replaced');
  writeDirectory(
    path,
    new Map([
      ['old', '1'],
      ['both', '1'],
    ]),
  );
  writeDirectory(path, new Map([['both', '2']]));
  expect(readdirSync(path)).toEqual(['both']);
  expect(readFileSync(join(path, 'both'), 'utf8')).toBe('2');
});

test('a write that fails leaves the old directory and no remains', () => {
  const parent = join(root, 'failing');
  const path = join(parent, 'final');
  writeDirectory(path, new Map([['file', 'old']]));
  // The second file cannot be made: its folder does not exist.
  expect(() =>
    writeDirectory(
      path,
      new Map([
        ['file', 'new'],
        ['no/such/folder', 'x'],
      ]),
    ),
  ).toThrow(/ENOENT/);
  expect(readdirSync(parent)).toEqual(['final']);
  expect(readFileSync(join(path, 'file'), 'utf8')).toBe('old');
});

test('remains of a process that was killed do not get in the way', () => {
  const path = join(root, 'again');
  mkdirSync(`${path}.tmp-${process.pid}`, { recursive: true });
  writeFileSync(join(`${path}.tmp-${process.pid}`, 'half'), '');
  writeDirectory(path, new Map([['file', 'x']]));
  expect(readdirSync(path)).toEqual(['file']);
});

test('a process killed while it writes leaves a complete directory', async () => {
  const path = join(root, 'killed');
  const module = fileURLToPath(new URL('../../src/trainer/atomic-directory.ts', import.meta.url));
  const program = `
    const { writeDirectory } = await import(${JSON.stringify(module)});
    for (let i = 0; ; i++) {
      const text = String(i).repeat(20_000);
      writeDirectory(${JSON.stringify(path)}, new Map([['a', text], ['b', text]]));
      if (i === 3) console.log('writing');
    }`;
  for (const milliseconds of [3, 17]) {
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = once(child, 'exit');
    await once(child.stdout, 'data');
    await pause(milliseconds);
    child.kill('SIGKILL');
    await ended;
    // Between two renames only the directory before it is there, under the name that `leftBehind` finds.
    const complete = existsSync(path) ? path : leftBehind(path)!;
    expect(readFileSync(join(complete, 'a'), 'utf8').length).toBeGreaterThan(0);
    expect(readFileSync(join(complete, 'a'), 'utf8')).toBe(readFileSync(join(complete, 'b'), 'utf8'));
  }
});

test('a directory that somebody else fills is there as a whole, or as it was', async () => {
  const path = join(root, 'filled');
  const fill = (content: string) =>
    fillDirectory(path, async (folder) => {
      writeFileSync(join(folder, 'file'), content);
      if (content === 'bad') throw new Error('no more');
    });
  await fill('first');
  await expect(fill('bad')).rejects.toThrow('no more');
  expect(readFileSync(join(path, 'file'), 'utf8')).toBe('first');
  await fill('second');
  expect(readFileSync(join(path, 'file'), 'utf8')).toBe('second');
  expect(readdirSync(root).filter((name) => name.startsWith('filled'))).toEqual(['filled']);
});

test('tidying removes what dead processes left, and nothing of one that writes into the same folder', async () => {
  const folder = join(root, 'shared');
  const module = fileURLToPath(new URL('../../src/trainer/atomic-directory.ts', import.meta.url));
  const program = `
    const { fillDirectory } = await import(${JSON.stringify(module)});
    await fillDirectory(${JSON.stringify(join(folder, 'theirs'))}, async () => {
      console.log('writing');
      await new Promise((resolve) => process.stdin.once('data', resolve));
      process.stdin.destroy();
    });`;
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  await once(child.stdout, 'data');
  const theirs = readdirSync(folder)[0]!;
  const { pid, mark } = remainsIn(theirs)!;
  expect(pid).toBe(child.pid);
  // Windows does not tell when a process began.
  if (mark !== undefined) mkdirSync(join(folder, `reused.tmp-${pid}-${mark === '0'.repeat(8) ? '1' : '0'.repeat(8)}`));
  mkdirSync(join(folder, 'half.tmp-99999999'));
  mkdirSync(join(folder, 'whole.old-99999999-01234567'));
  tidyFolder(folder);
  expect(readdirSync(folder).sort()).toEqual([theirs, 'whole']);
  child.stdin.write('on');
  await ended;
  expect(readdirSync(folder).sort()).toEqual(['theirs', 'whole']);
});
