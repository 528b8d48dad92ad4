// Pictures, videos and replays of a run: which there are, and sending one.

import { constants } from 'node:fs';
import { lstat, open, readdir, realpath } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname, join, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { FileEntry } from './api.ts';

export type RunFolder = 'replays' | 'media';

const TYPES: Readonly<Record<RunFolder, Readonly<Record<string, string>>>> = {
  replays: { '.json': 'application/json' },
  media: {
    '.png': 'image/png',
    '.jpg': 'image/jpeg',
    '.jpeg': 'image/jpeg',
    '.gif': 'image/gif',
    '.webp': 'image/webp',
    '.svg': 'image/svg+xml',
    '.mp4': 'video/mp4',
    '.webm': 'video/webm',
  },
};

/** The most that is sent at once; browsers ask for videos piece by piece. */
const MOST_BYTES = 32 * 2 ** 20;

/** The files of a run's folder that can be shown. Never throws. */
export async function filesIn(run: string, folder: RunFolder): Promise<FileEntry[]> {
  const place = await lstat(join(run, folder)).catch(() => null);
  if (!place?.isDirectory()) return [];
  const entries = await readdir(join(run, folder), { withFileTypes: true }).catch(() => []);
  const names = entries.filter((entry) => entry.isFile() && extname(entry.name).toLowerCase() in TYPES[folder]);
  const files = await Promise.all(
    names.map(async ({ name }) => ({
      name,
      bytes: (await lstat(join(run, folder, name)).catch(() => null))?.size ?? 0,
    })),
  );
  return files.sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
}

/** Why a file is not sent. */
export class FileRefused extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * Sends a file of a run's folder, or the range of it that is asked for.
 *
 * @param root everything that is sent lies in it, when links are followed
 * @throws FileRefused
 */
export async function sendRunFile(
  request: IncomingMessage,
  response: ServerResponse,
  at: { readonly root: string; readonly run: string; readonly folder: RunFolder; readonly name: string },
): Promise<void> {
  const { root, run, folder, name } = at;
  const files = await filesIn(run, folder);
  const path = join(run, folder, name);
  // A name that is in the listing has no separators, and is no link.
  if (!files.some((file) => file.name === name)) throw new FileRefused(404, `this run has no ${folder}/${name}`);
  if (!(await realpath(path)).startsWith(`${await realpath(root)}${sep}`))
    throw new FileRefused(403, 'outside of the folder');
  const handle = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
  try {
    const { size } = await handle.stat();
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    if (range === null && size > MOST_BYTES) {
      throw new FileRefused(413, `${folder}/${name} is too large to show here (${Math.round(size / 2 ** 20)} MiB)`);
    }
    const start = range === null ? 0 : Number(range[1]);
    if (range !== null && start >= size) throw new FileRefused(416, 'behind the end of the file');
    const wanted = range?.[2] ? Number(range[2]) : size - 1;
    const end = Math.max(start - 1, Math.min(wanted, size - 1, start + MOST_BYTES - 1));
    response.writeHead(range === null ? 200 : 206, {
      'content-type': TYPES[folder][extname(name).toLowerCase()]!,
      'content-length': end - start + 1,
      'accept-ranges': 'bytes',
      ...(range && { 'content-range': `bytes ${start}-${end}/${size}` }),
      // A picture that is opened by itself is a document: nothing in it may run or load.
      'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    });
    if (request.method === 'HEAD' || end < start) response.end();
    else await pipeline(handle.createReadStream({ start, end, autoClose: false }), response);
  } finally {
    await handle.close();
  }
}
