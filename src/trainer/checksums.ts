// What a checkpoint says of its own files, so that one that was damaged is not taken for a good one.

import { closeSync, fstatSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import * as z from 'zod';
import { CheckpointError } from './errors.ts';

const count = z.int().min(0);

/** Below the folder, whatever a hostile file says. */
const relativePath = z.string().regex(/^(?!\.\.?\/)(?!.*\/\.\.?(\/|$))[^/\\:][^\\:]*$/);

/** Validates {@link Checksums}. */
export const checksumsSchema = z.record(relativePath, z.strictObject({ bytes: count, crc32: count }));

/** The length and the CRC-32 of each file, by its path in the folder, with `/` between folders. */
export type Checksums = z.infer<typeof checksumsSchema>;

/** Of all files in a folder and in folders in it. */
export function checksumsOf(folder: string): Checksums {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => name.replaceAll('\\', '/'));
  const files = names.filter((name) => statSync(join(folder, name)).isFile()).sort();
  return Object.fromEntries(files.map((name) => [name, checksumOf(join(folder, name))]));
}

/** @throws CheckpointError naming the first file that is not as it was written */
export function checkFiles(folder: string, files: Checksums): void {
  for (const [name, expected] of Object.entries(files)) {
    const file = join(folder, name);
    let bytes: number;
    try {
      bytes = statSync(file).size;
    } catch (error) {
      throw new CheckpointError(file, `cannot be read: ${(error as Error).message}`, { cause: error });
    }
    if (bytes !== expected.bytes) {
      const problem = `has ${bytes} bytes, but was written with ${expected.bytes}: it is damaged; use another checkpoint`;
      throw new CheckpointError(file, problem);
    }
    if (checksumOf(file).crc32 !== expected.crc32) {
      const problem =
        'is not the file that was written with this checkpoint: it was changed or is damaged; use another one';
      throw new CheckpointError(file, problem);
    }
  }
}

const CHUNK = 4 * 2 ** 20;

/** Read piece by piece: a model may be larger than what one read can give. */
function checksumOf(path: string): Checksums[string] {
  const file = openSync(path, 'r');
  try {
    const chunk = Buffer.allocUnsafe(Math.max(1, Math.min(fstatSync(file).size, CHUNK)));
    let bytes = 0;
    let sum = 0;
    for (let read = readSync(file, chunk); read > 0; read = readSync(file, chunk)) {
      sum = crc32(chunk.subarray(0, read), sum);
      bytes += read;
    }
    return { bytes, crc32: sum };
  } finally {
    closeSync(file);
  }
}
