// What is read from files, kept as long as somebody uses it: a vector of environments reads a tokenizer or a dataset once.

import { statSync } from 'node:fs';
import { resolve } from 'node:path';

interface Kept<T extends object> {
  /** Changes when the file does. */
  readonly stamp: string;
  readonly content: WeakRef<T>;
}

/**
 * A reader that gives the same object again while the file is as it was and the object is in use.
 *
 * @param read what makes the object of a path
 * @param fileOf the file whose changes count; default the path itself
 */
export function sharedReader<T extends object>(
  read: (path: string) => T,
  fileOf: (path: string) => string = (path) => path,
): (path: string) => T {
  const kept = new Map<string, Kept<T>>();
  return (path) => {
    const key = resolve(path);
    const stats = statSync(fileOf(path), { throwIfNoEntry: false });
    const stamp = stats === undefined ? 'missing' : `${stats.mtimeMs} ${stats.size}`;
    const before = kept.get(key);
    const known = before?.stamp === stamp ? before.content.deref() : undefined;
    if (known !== undefined) return known;
    const content = read(path);
    kept.set(key, { stamp, content: new WeakRef(content) });
    return content;
  };
}
