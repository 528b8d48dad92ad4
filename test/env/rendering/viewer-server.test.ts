// The page of play, watch and `human` answers to this machine alone.

import { request } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ViewerInput, ViewerServer } from '../../../src/env/rendering/viewer-server.ts';

let viewer: ViewerServer;
const inputs: ViewerInput[] = [];
beforeAll(async () => {
  const facts = { title: '</script><b>', envId: 'CartPole-v1', help: '', controls: [] };
  viewer = await ViewerServer.start(facts, { onInput: (input) => inputs.push(input) });
});
afterAll(() => viewer.close());

/** `fetch` sets some of these headers itself. */
function ask(
  path: string,
  headers: Record<string, string> = {},
  body?: string,
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const method = body === undefined ? 'GET' : 'POST';
    const sent = request({ port: viewer.port, host: '127.0.0.1', path, method, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (piece: string) => (text += piece));
      response.on('end', () => resolve({ status: response.statusCode!, text }));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

test('the page, its files and the drawings are there, and nothing else of this machine', async () => {
  for (const path of ['/', '/viewer.js', '/viewer.css', '/rendering/drawings.js', '/rendering/cartpole.js']) {
    expect(await ask(path)).toMatchObject({ status: 200 });
  }
  for (const path of [
    '/rendering/frame.js',
    '/rendering/../frame.ts',
    '/../package.json',
    '/%2e%2e/package.json',
    '/x',
  ]) {
    expect(await ask(path)).toMatchObject({ status: 404 });
  }
  expect(await ask('/', {}, '{}')).toMatchObject({ status: 405 });
});

test('every module that the drawings import is served', async () => {
  const seen = new Set<string>();
  const visit = async (path: string): Promise<void> => {
    if (seen.has(path)) return;
    seen.add(path);
    const { status, text } = await ask(path);
    expect([path, status]).toEqual([path, 200]);
    for (const [, name] of text.matchAll(/from\s*['"]\.\/([^'"]+)['"]/g)) await visit(`/rendering/${name}`);
  };
  await visit('/rendering/drawings.js');
  expect(seen.size).toBe(13);
});

test('other names for this machine and other pages are refused', async () => {
  const { port } = viewer;
  expect(await ask('/', { host: `evil.example:${port}` })).toMatchObject({ status: 403 });
  expect(await ask('/', { host: '127.0.0.1' })).toMatchObject({ status: 403 });
  expect(await ask('/', { host: `localhost:${port}` })).toMatchObject({ status: 200 });
  expect(await ask('/events', { origin: 'http://evil.example' })).toMatchObject({ status: 403 });
  expect(await ask('/viewer.js', { 'sec-fetch-site': 'cross-site' })).toMatchObject({ status: 403 });
  const message = JSON.stringify({ keys: ['r'], pressed: 'r' });
  expect(await ask('/input', { origin: `http://127.0.0.1:${port + 1}` }, message)).toMatchObject({ status: 403 });
  expect(inputs).toEqual([]);
  expect(await ask('/input', { origin: `http://127.0.0.1:${port}` }, message)).toMatchObject({ status: 204 });
  expect(inputs).toEqual([{ keys: ['r'], pressed: 'r' }]);
});

test('what is no message of keys is refused', async () => {
  for (const body of ['', '{', '[]', 'null', '{"keys":[1],"pressed":null}', '{"keys":[],"pressed":3}']) {
    expect(await ask('/input', {}, body)).toMatchObject({ status: 400 });
  }
  await expect(ask('/input', {}, JSON.stringify({ keys: ['x'.repeat(5000)], pressed: null }))).rejects.toThrow();
});
