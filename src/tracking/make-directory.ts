import { existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';

/** Creates a directory and those above it. Asked to do that by itself, Node.js says of a read-only disk that there is no such file. */
export function makeDirectory(path: string): void {
  if (existsSync(path)) return;
  makeDirectory(dirname(path));
  try {
    mkdirSync(path);
  } catch (error) {
    // Somebody else was faster.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
