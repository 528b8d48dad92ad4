// A hub on this machine: the three kinds of answers that downloading a model asks for.

import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FakeFile {
  readonly content: Buffer;
  /** Stored as a large file: its hash is SHA-256. */
  readonly large?: boolean;
}

export class FakeHub {
  static readonly commit = 'a'.repeat(40);
  readonly files = new Map<string, FakeFile>();
  /** Paths and ranges of what was asked for. */
  readonly requests: string[] = [];
  /** The token that must be shown, if one. */
  token: string | undefined;
  /** Breaks the connection after so many bytes of each file. */
  breakAfter = Number.POSITIVE_INFINITY;
  /** How often it still does. */
  breaks = Number.POSITIVE_INFINITY;
  /** Answers whole files whatever range is asked for. */
  ignoresRanges = false;
  /** The address of another server, where large files are. */
  storesAt: string | undefined;
  /** Where the listing of files is said to go on. */
  next: string | undefined;
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => this.#answer(request, response));
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = new URL(request.url ?? '', 'http://hub').pathname;
    const { range } = request.headers;
    this.requests.push(range === undefined ? path : `${path} ${range}`);
    const json = (value: unknown, status = 200): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    };
    if (this.token !== undefined && request.headers.authorization !== `Bearer ${this.token}`) {
      json({ error: 'Access to model is restricted' }, 401);
    } else if (/^\/api\/models\/org\/tiny\/revision\/(main|refs%2Fpr%2F1|a{40})$/.test(path)) {
      json({ _id: '1', id: 'org/tiny', sha: FakeHub.commit, lastModified: '2024-01-01T00:00:00Z' });
    } else if (path === `/api/models/org/tiny/tree/${FakeHub.commit}`) {
      if (this.next !== undefined) response.setHeader('link', `<${this.next}>; rel="next"`);
      json([{ type: 'directory', path: 'onnx', oid: '0', size: 0 }, ...[...this.files].map(entryOf)]);
    } else if (path.startsWith(`/org/tiny/resolve/${FakeHub.commit}/`)) {
      this.#send(path.slice(`/org/tiny/resolve/${FakeHub.commit}/`.length), range, response);
    } else json({ error: 'Repository not found' }, 404);
  }

  #send(name: string, range: string | undefined, response: ServerResponse): void {
    const content = this.files.get(name)?.content;
    if (content === undefined) {
      response.writeHead(404).end();
      return;
    }
    if (this.storesAt !== undefined && this.files.get(name)?.large === true) {
      response.writeHead(302, { location: `${this.storesAt}/${name}` }).end();
      return;
    }
    const start = range === undefined || this.ignoresRanges ? 0 : Number(/bytes=(\d+)-/.exec(range)?.[1]);
    response.writeHead(start > 0 ? 206 : 200, { 'content-length': content.length - start });
    const breaks = content.length - start > this.breakAfter && this.breaks-- > 0;
    if (!breaks) response.end(content.subarray(start));
    else
      response.write(content.subarray(start, start + this.breakAfter), () => setTimeout(() => response.destroy(), 20));
  }
}

function entryOf([path, { content, large = false }]: [string, FakeFile]): unknown {
  const git = createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');
  const lfs = { oid: createHash('sha256').update(content).digest('hex'), size: content.length, pointerSize: 134 };
  return { type: 'file', path, size: content.length, oid: git, ...(large ? { lfs } : {}) };
}
