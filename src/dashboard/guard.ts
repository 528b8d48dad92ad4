// Who may ask. A web page of somebody else's can make a browser send requests to this machine; none of them gets an answer.

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

/** Why a request gets no answer. */
export interface Refusal {
  readonly status: number;
  readonly message: string;
}

export class Guard {
  /** Needed by every request; null where only this machine can ask. */
  readonly token: string | null;
  readonly #host: string;
  #port = 0;

  /** @param host on which the server listens. Anything but loopback needs a token. */
  constructor(host: string) {
    this.#host = host;
    this.token = isLoopback(host) ? null : randomBytes(24).toString('base64url');
  }

  set port(port: number) {
    this.#port = port;
  }

  /** The cookie that holds the token: cookies are shared by all ports of a host. */
  get cookie(): string {
    return `gymformer-${this.#port}`;
  }

  /** Null if the request may be answered. */
  refuses(request: IncomingMessage, url: URL): Refusal | null {
    const { host = '', origin, 'sec-fetch-site': site, 'sec-fetch-mode': mode } = request.headers;
    if (request.method !== 'GET' && request.method !== 'HEAD') return { status: 405, message: 'only GET and HEAD' };
    // A foreign name that was made to point here (DNS rebinding).
    if (!this.#isOurs(host)) return { status: 403, message: `this server does not answer to the name '${host}'` };
    if (origin !== undefined && origin !== `http://${host}`)
      return { status: 403, message: 'asked by another web page' };
    const follows = mode === 'navigate' && url.pathname === '/';
    if (site !== undefined && site !== 'same-origin' && site !== 'none' && !follows) {
      return { status: 403, message: 'asked by another web page' };
    }
    if (this.token !== null && !this.#hasToken(request, url)) {
      return { status: 401, message: 'open the address that was printed when the dashboard started: it has the token' };
    }
    return null;
  }

  #isOurs(host: string): boolean {
    const match = /^(\[[\da-f:]+\]|[^:[\]]+)(?::(\d+))?$/i.exec(host);
    if (match === null || Number(match[2] ?? 80) !== this.#port) return false;
    const name = match[1]!.replace(/^\[|\]$/g, '').toLowerCase();
    if (isLoopback(name)) return true;
    // No foreign name can be made to look like an address.
    return this.token !== null && (isIP(name) !== 0 || name === this.#host.toLowerCase());
  }

  #hasToken(request: IncomingMessage, url: URL): boolean {
    const cookies = (request.headers.cookie ?? '').split(/;\s*/);
    const found = [
      url.searchParams.get('token'),
      cookies.find((cookie) => cookie.startsWith(`${this.cookie}=`))?.slice(this.cookie.length + 1),
      /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1],
    ];
    return found.some((given) => typeof given === 'string' && equal(given, this.token!));
  }
}

/** In a time that says nothing of where they differ, nor of their lengths. */
function equal(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}
