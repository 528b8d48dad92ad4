import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readRows, type ReadRowsOptions } from '../../src/tracking/index.ts';
import { temporaryDirectory } from '../trainer/tiny-run.ts';

const root = temporaryDirectory();
let files = 0;

function fileOf(text: string | Uint8Array): string {
  const path = join(root, `${files++}.jsonl`);
  writeFileSync(path, text);
  return path;
}

/** Reads to the end, in as many readings as it takes. */
async function readAll(path: string, options: ReadRowsOptions = {}) {
  const rows: object[] = [];
  let [from, skipped] = [0, 0];
  for (;;) {
    const found = await readRows(path, { ...options, from });
    rows.push(...found.rows);
    skipped += found.skipped;
    from = found.next;
    if (found.complete) return { rows, skipped, next: from };
  }
}

test('reads on from where the last reading ended, and leaves a torn line for the next', async () => {
  const path = fileOf('{"a":1}\n{"a":2}\n{"a"');
  const first = await readRows(path);
  expect(first).toEqual({
    rows: [{ a: 1 }, { a: 2 }],
    next: 16,
    skipped: 0,
    complete: true,
    restarted: false,
    problem: null,
  });
  expect((await readRows(path, { from: first.next })).rows).toEqual([]);
  appendFileSync(path, ':3}\n{"a":4}\n');
  const second = await readRows(path, { from: first.next });
  expect(second.rows).toEqual([{ a: 3 }, { a: 4 }]);
  expect(second.next).toBe(32);
});

test('whatever is written, however it is cut into readings: every row, once, in order', async () => {
  const row = fc.dictionary(fc.string(), fc.oneof(fc.string({ unit: 'grapheme' }), fc.double(), fc.boolean()));
  await fc.assert(
    fc.asyncProperty(fc.array(row), fc.integer({ min: 1, max: 400 }), async (rows, maxBytes) => {
      const lines = rows.map((value) => JSON.stringify(value));
      fc.pre(lines.every((line) => Buffer.byteLength(line) < maxBytes));
      const path = fileOf(lines.map((line) => `${line}\n`).join(''));
      const found = await readAll(path, { maxBytes });
      expect(found.rows).toEqual(lines.map((line) => JSON.parse(line) as object));
      expect(found.skipped).toBe(0);
    }),
    { numRuns: 60 },
  );
});

test('lines that hold no object are counted, empty ones are not', async () => {
  const path = fileOf('{"a":1}\n\nhello\n[1,2]\n3\nnull\n"x"\r\n{"a":2}\r\n\u0000\u0001\n{"a":3}\n');
  const { rows, skipped } = await readRows(path);
  expect(rows).toEqual([{ a: 1 }, { a: 2 }, { a: 3 }]);
  expect(skipped).toBe(6);
});

test("Python's NaN and Infinity are null; texts that speak of them stay", async () => {
  const path = fileOf('{"loss":NaN,"a":[Infinity,-Infinity,1],"text":"NaN, \\"Infinity\\": NaN}"}\n');
  expect((await readRows(path)).rows).toEqual([{ loss: null, a: [null, null, 1], text: 'NaN, "Infinity": NaN}' }]);
});

test('bytes that are no text cost their own line at most', async () => {
  const path = fileOf(
    Buffer.concat([Buffer.from('{"a":1}\n'), Buffer.from([0xff, 0xfe, 10]), Buffer.from('{"a":2}\n')]),
  );
  expect(await readRows(path)).toMatchObject({ rows: [{ a: 1 }, { a: 2 }], skipped: 1 });
});

test('a huge line is left out, whether it fits a reading or not, and is not kept in memory', async () => {
  const huge = `{"text":"${'x'.repeat(3_000_000)}"}`;
  const path = fileOf(`{"a":1}\n${huge}\n{"a":2}\n`);
  expect(await readRows(path, { maxLineBytes: 1000 })).toMatchObject({ rows: [{ a: 1 }, { a: 2 }], skipped: 1 });
  // In pieces, each piece counts as a line of its own, but none is read twice.
  const inPieces = await readAll(path, { maxLineBytes: 1000, maxBytes: 100_000 });
  expect(inPieces.rows).toEqual([{ a: 1 }, { a: 2 }]);
  expect(inPieces.skipped).toBeLessThanOrEqual(31);
  const unbounded = await readAll(path, { maxBytes: 100_000 });
  expect(unbounded.rows).toEqual([{ a: 1 }, { a: 2 }]);
  const unended = fileOf(`{"a":1}\n${huge}`);
  expect(await readRows(unended, { maxLineBytes: 1000 })).toMatchObject({ rows: [{ a: 1 }], skipped: 1 });
});

test('a file that was written anew is read from its beginning', async () => {
  const path = fileOf('{"a":1}\n{"a":2}\n');
  const { next } = await readRows(path);
  truncateSync(path, 0);
  appendFileSync(path, '{"b":1}\n');
  expect(await readRows(path, { from: next })).toMatchObject({ rows: [{ b: 1 }], restarted: true, next: 8 });
});

test('what is no file says so; what is not there yet is empty', async () => {
  expect(await readRows(join(root, 'none.jsonl'))).toMatchObject({ rows: [], next: 0, problem: null, complete: true });
  const folder = join(root, 'folder.jsonl');
  mkdirSync(folder);
  expect((await readRows(folder)).problem).toBe('not a file');
  const link = join(root, 'link.jsonl');
  symlinkSync('/etc/passwd', link);
  expect(await readRows(link)).toMatchObject({ rows: [], problem: 'a link, which is not followed' });
  const pipe = join(root, 'pipe.jsonl');
  execFileSync('mkfifo', [pipe]);
  expect((await readRows(pipe)).problem).toBe('not a file');
});
