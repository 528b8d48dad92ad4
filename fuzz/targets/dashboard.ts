// Requests to the dashboard, byte for byte as they come from a socket. `$PORT` stands for its port. Whatever is asked, there is an answer
// that says what is wrong or one of the folder's runs, and never what lies beside the folder.

import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Dashboard, serveDashboard } from '../../src/dashboard/index.ts';
import type { Target } from '../target.ts';

/** An answer that is no success. */
class Refused extends Error {}

const OUTSIDE = 'it lies beside the folder';
let served: Dashboard | undefined;

const get = (path: string, ...headers: readonly string[]): Uint8Array =>
  new TextEncoder().encode([`GET ${path} HTTP/1.1`, 'Host: 127.0.0.1:$PORT', ...headers, '', ''].join('\r\n'));

const target: Target = {
  words: [
    '../',
    '%2e%2e%2f',
    '..%5c',
    '%00',
    '/api/events',
    '&run=a',
    '&name=../../outside.png',
    'folder=media',
    '&pixels=8192',
    '&from=1e308',
    'Range: bytes=0-\r\n',
    'Range: bytes=9-1\r\n',
    'Host: evil.example\r\n',
    'Origin: http://evil.example\r\n',
    'Sec-Fetch-Site: cross-site\r\n',
    'Content-Length: 9\r\n',
    'Transfer-Encoding: chunked\r\n',
    'http://evil.example/',
    'POST',
    '\r\n',
  ],
  refusals: [Refused],
  async prepare(folder) {
    const write = (path: string, text: string): void => {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    };
    // The page is not what is tried here.
    const page = join(dirname(fileURLToPath(import.meta.url)), 'page');
    mkdirSync(page, { recursive: true });
    writeFileSync(join(page, 'index.html'), '<!doctype html>');
    const rows = [1, 2, 3].map((update) => ({
      update,
      globalStep: 10 * update,
      episodicReturn: update,
      seconds: update,
    }));
    const texts = rows.map(({ update }) => ({ update, prompt: 'a', completion: 'b', return: update, tokens: 1 }));
    const lines = (list: readonly object[]): string => list.map((row) => `${JSON.stringify(row)}\n`).join('');
    write('runs/a/config.json', JSON.stringify({ name: 'ppo', seed: 1, createdAt: '2026-01-01T00:00:00.000Z' }));
    write('runs/a/metrics.jsonl', lines(rows));
    write('runs/a/completions.jsonl', lines(texts));
    write('runs/a/media/picture.png', 'a picture');
    write('runs/outside.png', OUTSIDE);
    write('outside.png', OUTSIDE);
    served = await serveDashboard({ folder: join(folder, 'runs'), port: 0 });
  },
  seeds: () => [
    get('/'),
    get('/api/runs'),
    get('/api/run?run=a'),
    get('/api/columns?run=a'),
    get('/api/series?run=a&file=metrics&x=globalStep,update&y=episodicReturn&pixels=100&from=0&to=50'),
    get('/api/completions?run=a&order=best&offset=0&limit=2&text=b&update=1'),
    get('/api/compare?run=a&offset=0&limit=1'),
    get('/api/file?run=a&folder=media&name=picture.png', 'Range: bytes=1-3'),
    get('/api/events'),
  ],
  async read(bytes) {
    const { port } = served!;
    const request = Buffer.from(Buffer.from(bytes).toString('latin1').replaceAll('$PORT', String(port)), 'latin1');
    const answer = await answerTo(request, port);
    if (answer.includes(OUTSIDE)) throw new TypeError('it gave away what lies beside the folder');
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1] ?? 400);
    if (status >= 500) throw new TypeError(`the server answered ${answer.slice(0, 300)}`);
    if (status >= 400) throw new Refused(String(status));
  },
};
export default target;

/** Milliseconds after which nothing more is waited for: the request promised more than it has. */
const PATIENCE = 300;

/** What comes until the server ends; of a stream of events its beginning. */
function answerTo(request: Buffer, port: number): Promise<string> {
  // What follows ends a request that has no end, and the connection. (Closing it from here would take the answer back.)
  const last = `\r\n\r\nGET / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n\r\n`;
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect({ port, host: '127.0.0.1' }, () =>
      socket.write(Buffer.concat([request, Buffer.from(last)])),
    );
    const timer = setTimeout(() => socket.destroy(), PATIENCE * (request.includes('ontent-') ? 1 : 30));
    socket.setEncoding('latin1').on('data', (part: string) => {
      answer += part;
      if (/^content-type: text\/event-stream/im.test(answer)) socket.destroy();
    });
    // A server that refuses may close before it has read everything.
    socket
      .on('error', () => undefined)
      .on('close', () => {
        clearTimeout(timer);
        resolve(answer);
      });
  });
}
