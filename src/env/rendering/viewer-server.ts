// A page on this machine that shows an environment, frame by frame, and hears which keys are held.

import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { EnvError } from '../errors.ts';
import { viewerFile } from './viewer-files.ts';

/** What a page is told when it opens. */
export interface ViewerFacts {
  /** The heading. */
  readonly title: string;
  /** Whose drawing shows the states; null where pictures are sent. */
  readonly envId: string | null;
  /** The line below the picture. */
  readonly help: string;
  /** Keys that do something, and what the buttons for them say. */
  readonly controls: readonly { readonly key: string; readonly label: string }[];
}

/** What is shown. */
export interface ViewerFrame {
  /** What the drawing takes. Give this or `picture`. */
  readonly state?: unknown;
  /** A `data:` address of an image. */
  readonly picture?: string;
  readonly episode?: number;
  /** Steps of this episode. */
  readonly length?: number;
  /** Of this episode so far. */
  readonly return?: number;
  /** Of the episode before. */
  readonly lastReturn?: number | undefined;
  /** Takes the place of the line below the picture. */
  readonly status?: string | undefined;
}

/** What a page tells: the keys that are held, and the one that was just pressed, if one was. */
export interface ViewerInput {
  readonly keys: readonly string[];
  readonly pressed: string | null;
}

const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
} as const;
/** Bytes that a page's message has at most. */
const MOST_INPUT = 1000;

/**
 * Serves one page on loopback. It answers to no other host name and to no other web page: whoever makes a name of theirs point to this
 * machine, or sends requests from a page of theirs, gets 403.
 */
export class ViewerServer {
  readonly #facts: ViewerFacts;
  readonly #onInput: ((input: ViewerInput) => void) | undefined;
  readonly #onViewers: ((count: number) => void) | undefined;
  readonly #server: Server;
  readonly #viewers = new Set<ServerResponse>();
  #last: ViewerFrame | undefined;

  private constructor(
    facts: ViewerFacts,
    { onInput, onViewers }: { onInput?: (input: ViewerInput) => void; onViewers?: (count: number) => void },
  ) {
    this.#facts = facts;
    this.#onInput = onInput;
    this.#onViewers = onViewers;
    this.#server = createServer((request, response) => this.#answer(request, response));
  }

  /**
   * Begins to serve.
   *
   * @param options.port default: one that is free
   * @param options.onInput told what the page tells
   * @param options.onViewers told how many pages are open, each time one opens or closes
   */
  static async start(
    facts: ViewerFacts,
    options: {
      readonly port?: number | undefined;
      readonly onInput?: (input: ViewerInput) => void;
      readonly onViewers?: (count: number) => void;
    } = {},
  ): Promise<ViewerServer> {
    const viewer = new ViewerServer(facts, options);
    const { port = 0 } = options;
    viewer.#server.listen(port, '127.0.0.1');
    try {
      await once(viewer.#server, 'listening');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
      throw new EnvError(`port ${port} is in use: give another one, or none for any that is free`);
    }
    return viewer;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/`;
  }

  /** Shows a frame to all pages, and to those that open before the next one. */
  show(frame: ViewerFrame): void {
    this.#last = frame;
    for (const viewer of this.#viewers) send(viewer, 'frame', frame);
  }

  /** Tells the pages that it is over, and stops serving. */
  async close(): Promise<void> {
    for (const viewer of this.#viewers) {
      send(viewer, 'end', null);
      viewer.end();
    }
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url?.split('?')[0] ?? '/';
    const refusal = this.#refusal(request);
    if (refusal !== undefined) return reply(response, 403, 'text/plain', `${refusal}\n`);
    if (path === '/input' && request.method === 'POST') return this.#hear(request, response);
    if (request.method !== 'GET') return reply(response, 405, 'text/plain', 'only GET\n');
    if (path === '/events') return this.#open(response);
    const file = viewerFile(path);
    if (file === undefined) return reply(response, 404, 'text/plain', 'there is nothing here\n');
    reply(response, 200, file.type, file.content);
  }

  #refusal({ headers }: IncomingMessage): string | undefined {
    const { host = '', origin, 'sec-fetch-site': site } = headers;
    if (host !== `127.0.0.1:${this.port}` && host !== `localhost:${this.port}`) {
      return `this server does not answer to the name '${host}'`;
    }
    if (origin !== undefined && origin !== `http://${host}`) return 'asked by another web page';
    // A link from elsewhere may open the page; nothing else may be asked from elsewhere.
    const opens = headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document';
    return site === undefined || site === 'same-origin' || site === 'none' || opens
      ? undefined
      : 'asked by another web page';
  }

  #open(response: ServerResponse): void {
    response.writeHead(200, { ...HEADERS, 'content-type': 'text/event-stream' });
    send(response, 'about', this.#facts);
    if (this.#last !== undefined) send(response, 'frame', this.#last);
    this.#viewers.add(response);
    this.#onViewers?.(this.#viewers.size);
    response.on('close', () => {
      this.#viewers.delete(response);
      this.#onViewers?.(this.#viewers.size);
    });
  }

  #hear(request: IncomingMessage, response: ServerResponse): void {
    let text = '';
    request.setEncoding('utf8');
    request.on('data', (piece: string) => {
      text += piece;
      if (text.length > MOST_INPUT) request.destroy();
    });
    request.on('end', () => {
      const input = parsed(text);
      if (input === undefined) return reply(response, 400, 'text/plain', 'not a message of keys\n');
      this.#onInput?.(input);
      reply(response, 204, 'text/plain', '');
    });
  }
}

function parsed(text: string): ViewerInput | undefined {
  try {
    const { keys, pressed } = JSON.parse(text) as Partial<ViewerInput>;
    const isText = (value: unknown): boolean => typeof value === 'string';
    if (!Array.isArray(keys) || !keys.every(isText) || !(pressed === null || isText(pressed))) return undefined;
    return { keys, pressed: pressed ?? null };
  } catch {
    return undefined;
  }
}

function reply(response: ServerResponse, status: number, type: string, content: string): void {
  response.writeHead(status, { ...HEADERS, 'content-type': type });
  response.end(content);
}

function send(viewer: ServerResponse, event: string, data: unknown): void {
  // A page that does not keep up misses frames, rather than the program its memory.
  if (viewer.writableLength > 1_000_000) return;
  viewer.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}
