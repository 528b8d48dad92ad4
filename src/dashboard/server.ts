// The dashboard: a server on this machine that shows the runs of a folder in a browser.

import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import { Guard } from './guard.ts';
import { loadPage, type PageFile } from './pages.ts';
import { Routes } from './routes.ts';
import { RunIndex } from './run-index.ts';

export interface DashboardOptions {
  /** Where to look for runs, at any depth. Default `runs`; it need not exist yet. */
  readonly folder?: string | undefined;
  /** Default 6080; if that is in use, the next that is not. 0 for any. */
  readonly port?: number | undefined;
  /**
   * On which address to listen. Default 127.0.0.1, which only this machine reaches. Any other needs a token, which `url` has: whoever
   * has it can see the runs.
   */
  readonly host?: string | undefined;
}

/** A dashboard that is being served. */
export interface Dashboard {
  /** What to open in a browser. */
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

const PORT = 6080;
/** Ports that are tried, one after the other. */
const PORTS = 100;
/** Milliseconds between signs of life on a stream of events. */
const HEARTBEAT = 15_000;

const HEADERS = {
  // No script but the page's own files, whatever a run's files hold; and none of their text ever becomes a part of the document.
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cache-control': 'no-store',
} as const;

/**
 * Serves the runs of a folder until `close`.
 *
 * @throws Error if no port is free, or the host is not of this machine
 */
export async function serveDashboard(options: DashboardOptions = {}): Promise<Dashboard> {
  const { folder = 'runs', port = PORT, host = '127.0.0.1' } = options;
  const guard = new Guard(host);
  const page = await loadPage();
  const root = resolve(folder);
  const index = new RunIndex(root, folder);
  await index.start();
  const routes = new Routes(index, root);
  const server = createServer((request, response) => {
    handle({ guard, page, index, routes }, request, response);
  });
  try {
    await listen(server, host, port);
  } catch (error) {
    index.close();
    throw error;
  }
  const { port: found } = server.address() as AddressInfo;
  guard.port = found;
  const query = guard.token === null ? '' : `?token=${guard.token}`;
  return {
    port: found,
    url: `http://${host.includes(':') ? `[${host}]` : host}:${found}/${query}`,
    async close() {
      index.close();
      const closed = new Promise<void>((done) => server.close(() => done()));
      server.closeAllConnections();
      await closed;
    },
  };
}

interface Parts {
  readonly guard: Guard;
  readonly page: ReadonlyMap<string, PageFile>;
  readonly index: RunIndex;
  readonly routes: Routes;
}

function handle({ guard, page, index, routes }: Parts, request: IncomingMessage, response: ServerResponse): void {
  for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
  const url = new URL(`http://dashboard${request.url?.startsWith('/') ? request.url : '/'}`);
  const refusal = guard.refuses(request, url);
  if (refusal !== null) {
    response.writeHead(refusal.status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${refusal.message}\n`);
    return;
  }
  if (guard.token !== null) {
    response.setHeader('set-cookie', `${guard.cookie}=${guard.token}; HttpOnly; SameSite=Strict; Path=/`);
  }
  if (url.pathname === '/api/events') {
    sendEvents(index, response);
  } else if (url.pathname.startsWith('/api/')) {
    void routes.answer(request, response, url);
  } else {
    const file = page.get(url.pathname);
    if (file === undefined) response.writeHead(404, { 'content-type': 'text/plain' }).end('there is no such page\n');
    else response.writeHead(200, { 'content-type': file.type, 'content-length': file.body.length }).end(file.body);
  }
}

/** A stream of server-sent events: `runs` and `rows`. */
function sendEvents(index: RunIndex, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const send = (event: string, data: object): void => {
    response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  };
  const onRuns = (list: object): void => send('runs', list);
  const onRows = (rows: object): void => send('rows', rows);
  onRuns(index.list);
  index.on('runs', onRuns).on('rows', onRows);
  const heartbeat = setInterval(() => response.write(':\n\n'), HEARTBEAT);
  response.on('close', () => {
    clearInterval(heartbeat);
    index.off('runs', onRuns).off('rows', onRows);
  });
}

/** Listens on a port, or the next that is free. */
async function listen(server: Server, host: string, first: number): Promise<void> {
  for (let port = first; ; port++) {
    try {
      server.listen(port, host);
      await once(server, 'listening');
      return;
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === 'EADDRINUSE' && port < first + PORTS - 1 && port < 65_535) continue;
      const why = code === 'EADDRINUSE' ? `no port from ${first} to ${port} is free` : message;
      throw new Error(`the dashboard cannot listen on ${host}: ${why}`, { cause: error });
    }
  }
}
