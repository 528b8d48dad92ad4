// Loaded into a run before its own program: ends the process, as SIGKILL does, at the write of files whose number RELIABILITY_KILL_AT says,
// half of whose bytes are written. RELIABILITY_COUNT_TO names a file that is told how many there were.

import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

type Call = (...args: unknown[]) => unknown;

const killAt = Number(process.env['RELIABILITY_KILL_AT'] ?? Number.POSITIVE_INFINITY);
const countTo = process.env['RELIABILITY_COUNT_TO'];
const { writeSync, writeFileSync } = fs;
let calls = 0;

/** Counts a call. Before the last one, `half` does a part of its work. */
function count(half?: () => void): void {
  if (++calls !== killAt) return;
  half?.();
  process.kill(process.pid, 'SIGKILL');
}

/** Counts the calls of some functions of an object. */
function watch(object: object, names: readonly string[], half?: (args: readonly unknown[]) => void): void {
  const functions = object as Record<string, Call>;
  for (const name of names) {
    const original = functions[name]!;
    functions[name] = function (this: unknown, ...args: unknown[]) {
      count(half && (() => half(args)));
      return original.apply(this, args);
    };
  }
}

/** The first half of the bytes that a call of write would write. */
function halfOf(data: unknown, offset: unknown, length: unknown): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data.slice(0, data.length / 2));
  const { buffer, byteOffset, byteLength } = data as ArrayBufferView;
  const from = typeof offset === 'number' ? offset : 0;
  const bytes = typeof length === 'number' ? length : byteLength - from;
  return new Uint8Array(buffer, byteOffset + from, Math.floor(bytes / 2));
}

const steps = ['fsyncSync', 'renameSync', 'rmSync', 'mkdirSync', 'truncateSync', 'ftruncateSync', 'closeSync'];
watch(fs, steps);
watch(fs, ['writeSync'], ([file, data, offset, length]) => writeSync(file as number, halfOf(data, offset, length)));
const writeHalf = ([path, data, options]: readonly unknown[]): void => {
  if (typeof path === 'string') writeFileSync(path, halfOf(data, 0, undefined), options as fs.WriteFileOptions);
};
watch(fs, ['writeFileSync'], writeHalf);
watch(fs.promises, ['writeFile'], writeHalf);
watch(fs.promises, ['rename', 'mkdir', 'rm', 'open']);
// The class of open files has no name of its own.
const file = await fs.promises.open(process.execPath, 'r');
watch(Object.getPrototypeOf(file) as object, ['write', 'writev', 'sync', 'truncate']);
await file.close();
// What is imported by name is the watched function too.
syncBuiltinESMExports();
calls = 0;

if (countTo !== undefined) process.on('exit', () => writeFileSync(countTo, String(calls)));
