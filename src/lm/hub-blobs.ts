// Files of the hub in the cache's folder of blobs: named by their hash, there as a whole or not at all.

import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, mkdir, open, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { HubError } from './hub-error.ts';

/** A file of a repository. */
export interface BlobSource {
  readonly name: string;
  readonly url: string;
  /** Bytes. */
  readonly size: number;
  /** What git hashes it to: SHA-1 of `blob <size>\0` and the content. For large files that of a pointer. */
  readonly gitHash: string | undefined;
  /** Of large files (LFS): SHA-256 of the content. */
  readonly sha256: string | undefined;
}

/** Attempts in a row that bring no byte. */
const MOST_ATTEMPTS = 5;
const FIRST_PAUSE_MS = 100;

/**
 * The path of a file's blob, downloaded if it is not there. What an earlier attempt left is gone on with; if the connection
 * breaks, it is tried again.
 *
 * @param onLoaded called with how many bytes are there.
 * @throws HubError if it cannot be had, or does not have the hash that the hub names.
 */
export async function fetchBlob(
  source: BlobSource,
  folder: string,
  token: string | undefined,
  onLoaded: (bytes: number) => void,
): Promise<string> {
  const hash = source.sha256 ?? source.gitHash ?? '';
  if (!/^[0-9a-f]{40,64}$/.test(hash)) throw new HubError(`The hub names no hash for ${source.name}`);
  const path = join(folder, hash);
  if ((await sizeOf(path)) !== undefined) {
    onLoaded(source.size);
    return path;
  }
  await mkdir(folder, { recursive: true });
  const lock = await lockFor(`${path}.lock`);
  // Beside another download of the same file this is one of its own.
  const incomplete = lock === undefined ? `${path}.${randomUUID()}.incomplete` : `${path}.incomplete`;
  try {
    await downloadTo(incomplete, source, token, onLoaded);
    await checkHash(incomplete, source);
    await rename(incomplete, path);
  } finally {
    await lock?.();
    if (lock === undefined) await rm(incomplete, { force: true });
  }
  return path;
}

/** Puts a blob's name into a snapshot, as a link where the system has links. */
export async function linkBlob(blob: string, path: string): Promise<void> {
  // Beside its place first: another download may be putting the same name there.
  const fresh = `${path}.${randomUUID()}`;
  try {
    await symlink(relative(dirname(path), blob), fresh);
  } catch (error) {
    // Windows allows links to some users only.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error;
    await copyFile(blob, fresh);
  }
  await rename(fresh, path);
}

async function downloadTo(
  path: string,
  source: BlobSource,
  token: string | undefined,
  onLoaded: (bytes: number) => void,
): Promise<void> {
  let attempts = 0;
  let loaded = (await sizeOf(path)) ?? 0;
  if (loaded > source.size) {
    await rm(path);
    loaded = 0;
  }
  onLoaded(loaded);
  while (loaded < source.size || (await sizeOf(path)) === undefined) {
    const before = loaded;
    try {
      loaded = await downloadFrom(loaded, path, source, token, onLoaded);
      if (loaded < source.size) throw new Error(`the answer ended after ${loaded} of ${source.size} bytes`);
    } catch (error) {
      const { statusCode } = error as HubError;
      const final = statusCode !== undefined && statusCode < 500 && statusCode !== 408 && statusCode !== 429;
      loaded = (await sizeOf(path)) ?? 0;
      attempts = loaded > before ? 0 : attempts + 1;
      if (final) throw error;
      if (attempts >= MOST_ATTEMPTS) {
        const problem = `${source.name}: tried ${MOST_ATTEMPTS} times: ${(error as Error).message}`;
        throw new HubError(`${problem}. What came is kept; call again to go on`, { cause: error });
      }
      await sleep(FIRST_PAUSE_MS * 2 ** attempts);
    }
  }
}

/** Appends what is missing, and returns how many bytes there are then. */
async function downloadFrom(
  start: number,
  path: string,
  source: BlobSource,
  token: string | undefined,
  onLoaded: (bytes: number) => void,
): Promise<number> {
  const headers: Record<string, string> = {};
  if (start > 0) headers['Range'] = `bytes=${start}-`;
  if (token !== undefined && token !== '') headers['Authorization'] = `Bearer ${token}`;
  const response = await fetch(source.url, { headers });
  if (!response.ok) {
    await response.body?.cancel();
    throw new HubError(`${source.name}: the hub answered ${response.status} ${response.statusText}`, {
      statusCode: response.status,
    });
  }
  // A server may know no ranges, and begin anew.
  const resumed = response.status === 206;
  let loaded = resumed ? start : 0;
  const file = await open(path, resumed ? 'a' : 'w');
  try {
    for await (const chunk of response.body ?? []) {
      if (loaded + chunk.length > source.size) {
        throw new HubError(`${source.name} is longer than the ${source.size} bytes that the hub promised`, {
          statusCode: 200,
        });
      }
      await file.writeFile(chunk);
      loaded += chunk.length;
      onLoaded(loaded);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return loaded;
}

async function checkHash(path: string, { name, size, gitHash, sha256 }: BlobSource): Promise<void> {
  const hash = sha256 === undefined ? createHash('sha1').update(`blob ${size}\0`) : createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  if (hash.digest('hex') === (sha256 ?? gitHash)) return;
  await rm(path);
  throw new HubError(`${name} came with wrong content (its hash is not the hub's), and was thrown away: call again`);
}

/** Undefined if a living process holds it; otherwise what lets go of it. */
async function lockFor(path: string): Promise<(() => Promise<void>) | undefined> {
  for (;;) {
    try {
      const file = await open(path, 'wx');
      await file.writeFile(String(process.pid));
      await file.close();
      return () => rm(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const holder = Number(await readFile(path, 'utf8').catch(() => ''));
      if (isAlive(holder)) return undefined;
      await rm(path, { force: true });
    }
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  return await stat(path).then(
    ({ size }) => size,
    () => undefined,
  );
}
