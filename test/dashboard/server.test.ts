// Who gets an answer, what lies outside of the folder, and runs that are broken.

import { request } from 'node:http';
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Columns, CompletionPage, RunDetail, RunList, SeriesHead } from '../../src/dashboard/api.ts';
import { type Dashboard, serveDashboard } from '../../src/dashboard/index.ts';
import { loadPage } from '../../src/dashboard/pages.ts';
import { config, metrics, temporaryFolder, writeRun } from './runs.ts';

const outside = temporaryFolder();
const folder = join(outside, 'runs');
const LONG = 'x'.repeat(5 * 2 ** 20);
let served: Dashboard;

beforeAll(async () => {
  writeFileSync(join(outside, 'secret.json'), '{"secret":true}');
  writeRun(outside, 'foreign', { 'config.json': config, 'metrics.jsonl': metrics([1]), 'media/a.png': 'foreign' });
  const good = writeRun(folder, 'good', {
    'config.json': config,
    'metrics.jsonl': metrics([1, 2, 3]),
    'media/curve.svg': '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    'media/film.mp4': '0123456789',
    'media/page.html': '<script>alert(1)</script>',
    'replays/one.json': { envId: 'CartPole-v1', frames: [] },
  });
  symlinkSync(join(outside, 'secret.json'), join(good, 'replays/link.json'));
  symlinkSync(join(outside, 'foreign'), join(folder, 'linked-run'));
  const linked = writeRun(folder, 'linked-files', { 'config.json': config });
  symlinkSync(join(outside, 'foreign/media'), join(linked, 'media'));
  symlinkSync(join(outside, 'foreign/metrics.jsonl'), join(linked, 'metrics.jsonl'));
  writeRun(folder, 'empty', { 'config.json': '', 'metrics.jsonl': '', 'completions.jsonl': '' });
  writeRun(folder, 'torn', {
    'config.json': '{"env": {"name": "CartPo',
    'metrics.jsonl': `${JSON.stringify({ globalStep: 1, loss: 2 })}\n{"globalStep": 2, "lo`,
  });
  writeRun(folder, 'foreign-lines', {
    'config.json': '[1, 2]',
    'metrics.jsonl': '\u0000\u0001\n[]\n"text"\n{"globalStep":1,"loss":"high"}\n{"globalStep":2,"loss":3}\n',
    'completions.jsonl': `{"prompt":5,"completion":["a"]}\nnot JSON\n${JSON.stringify({ prompt: LONG })}\n{"completion":"last"}\n`,
  });
  mkdirSync(join(folder, 'directories/metrics.jsonl'), { recursive: true });
  writeRun(folder, 'directories', { 'config.json': config });
  served = await serveDashboard({ folder, port: 0 });
});
afterAll(async () => {
  await served.close();
  rmSync(outside, { recursive: true });
});

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
}

/** `fetch` sets some of these headers itself, and tidies paths. */
function ask(
  path: string,
  headers: Record<string, string> = {},
  { method = 'GET', port = served.port } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, method, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (piece: string) => (text += piece));
      response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, text }));
    });
    sent.on('error', reject);
    sent.end();
  });
}

async function json<T>(path: string): Promise<T> {
  const { status, text } = await ask(path);
  expect(status, text).toBe(200);
  return JSON.parse(text) as T;
}

/** Asks again until the server has read what it was asked for. */
async function eventually<T>(path: string, done: (answer: T) => boolean): Promise<T> {
  for (;;) {
    const answer = await json<T>(path);
    if (done(answer)) return answer;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe('who gets an answer', () => {
  const everywhere = ['/', '/api/runs', '/api/events', '/api/file?run=good&folder=media&name=film.mp4'];

  test('this machine by its own names, no other name that was made to point to it', async () => {
    for (const name of ['127.0.0.1', 'localhost', '[::1]', '127.0.0.2']) {
      expect([name, (await ask('/', { host: `${name}:${served.port}` })).status]).toEqual([name, 200]);
    }
    const { port } = served;
    const foreign = [
      `evil.example:${port}`,
      `localhost.evil.example:${port}`,
      `127.0.0.1.evil.example:${port}`,
      `127.0.0.1:${port + 1}`,
      '127.0.0.1',
      `192.168.0.1:${port}`,
      `localhost:${port}@evil.example`,
    ];
    for (const host of foreign) {
      for (const path of everywhere) {
        const { status, text } = await ask(path, { host });
        expect([host, path, status]).toEqual([host, path, 403]);
        expect(text).toContain('does not answer');
      }
    }
  });

  test('the page itself, no other page', async () => {
    const own = `http://127.0.0.1:${served.port}`;
    expect(await ask('/api/runs', { origin: own })).toMatchObject({ status: 200 });
    const foreign: Record<string, string>[] = [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { origin: `http://127.0.0.1:${served.port + 1}` },
      { origin: `https://127.0.0.1:${served.port}` },
      { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' },
      { 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'cors' },
    ];
    for (const headers of foreign) {
      for (const path of everywhere) {
        expect([headers, path, (await ask(path, headers)).status]).toEqual([headers, path, 403]);
      }
    }
    // Following a link to the page is fine; its data is not to be opened from elsewhere.
    const link = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' };
    expect(await ask('/', link)).toMatchObject({ status: 200 });
    expect(await ask('/api/runs', link)).toMatchObject({ status: 403 });
  });

  test('only those who read', async () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
      expect([method, (await ask('/api/runs', {}, { method })).status]).toEqual([method, 405]);
    }
    expect(await ask('/api/runs', {}, { method: 'HEAD' })).toMatchObject({ status: 200, text: '' });
  });

  test('who has the token, where other machines can ask', async () => {
    const open = await serveDashboard({ folder, port: 0, host: '0.0.0.0' });
    try {
      const { port } = open;
      const token = new URL(open.url).searchParams.get('token')!;
      expect(token.length).toBeGreaterThanOrEqual(32);
      const status = async (path: string, headers: Record<string, string> = {}) =>
        (await ask(path, headers, { port })).status;
      for (const path of everywhere) {
        expect(await status(path)).toBe(401);
        expect(await status(`${path}${path.includes('?') ? '&' : '?'}token=${token.slice(0, -1)}`)).toBe(401);
      }
      expect(await status('/api/runs', { authorization: `Bearer ${token}` })).toBe(200);
      const first = await ask(`/?token=${token}`, {}, { port });
      expect(first.status).toBe(200);
      const [cookie] = first.headers['set-cookie'] as string[];
      expect(cookie).toMatch(/HttpOnly; SameSite=Strict/);
      expect(await status('/api/runs', { cookie: cookie!.split(';')[0]! })).toBe(200);
      // A token is no excuse for a foreign name.
      expect(await status('/api/runs', { authorization: `Bearer ${token}`, host: `evil.example:${port}` })).toBe(403);
      expect(await status('/api/runs', { authorization: `Bearer ${token}`, host: `192.168.0.1:${port}` })).toBe(200);
    } finally {
      await open.close();
    }
  });

  test('a browser that is told to run no script but the page', async () => {
    for (const path of ['/', '/api/runs', '/nothing']) {
      const { headers } = await ask(path);
      expect(headers['content-security-policy']).toMatch(/default-src 'none'; script-src 'self';/);
      expect(headers['x-content-type-options']).toBe('nosniff');
      expect(headers['access-control-allow-origin']).toBeUndefined();
    }
    const picture = await ask('/api/file?run=good&folder=media&name=curve.svg');
    expect(picture.headers['content-security-policy']).toMatch(/default-src 'none';.* sandbox/);
  });
});

describe('what is served', () => {
  test('nothing outside of the folder, and no other file in it', async () => {
    const names = [
      '../config.json',
      '../../../secret.json',
      '..%2f..%2f..%2fsecret.json',
      '%2e%2e/%2e%2e/%2e%2e/secret.json',
      '..\\..\\..\\secret.json',
      join(outside, 'secret.json'),
      'link.json',
      'one.json%00.png',
      '.',
      '',
    ];
    for (const name of names) {
      for (const where of ['replays', 'media']) {
        const { status, text } = await ask(`/api/file?run=good&folder=${where}&name=${name}`);
        expect([name, status]).toEqual([name, 404]);
        expect(text).not.toContain('secret":');
      }
    }
    for (const run of ['../foreign', '..', '.', '/', outside, 'good/../../foreign', '%2e%2e/foreign', 'linked-run']) {
      for (const path of ['run?', 'completions?', 'compare?', 'file?folder=media&name=a.png&']) {
        expect([run, (await ask(`/api/${path}run=${run}`)).status]).toEqual([run, 404]);
      }
    }
    for (const where of ['checkpoints', '..', '.', '']) {
      expect(await ask(`/api/file?run=good&folder=${where}&name=config.json`)).toMatchObject({ status: 400 });
    }
    expect(await ask('/api/file?run=good&folder=media&name=page.html')).toMatchObject({ status: 404 });
    for (const path of ['/../package.json', '/%2e%2e/package.json', '//etc/passwd', '/api/../../x', '/server.ts']) {
      expect([path, (await ask(path)).status]).toEqual([path, 404]);
    }
  });

  test('no links out: neither to a run, nor to a file or a folder of one', async () => {
    const { runs } = await json<RunList>('/api/runs');
    expect(runs.map(({ id }) => id)).not.toContain('linked-run');
    expect(await json<RunDetail>('/api/run?run=linked-files')).toMatchObject({ media: [] });
    expect(await ask('/api/file?run=linked-files&folder=media&name=a.png')).toMatchObject({ status: 404 });
    const [columns] = (await json<Columns>('/api/columns?run=linked-files')).runs;
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(columns).toMatchObject({ rows: 0 });
    expect((await json<Columns>('/api/columns?run=linked-files')).runs[0]).toMatchObject({ rows: 0 });
    expect((await json<RunDetail>('/api/run?run=good')).replays.map(({ name }) => name)).toEqual(['one.json']);
  });

  test('files whole or in ranges', async () => {
    const film = '/api/file?run=good&folder=media&name=film.mp4';
    expect(await ask(film)).toMatchObject({ status: 200, text: '0123456789' });
    expect(await ask(film, { range: 'bytes=2-4' })).toMatchObject({ status: 206, text: '234' });
    expect(await ask(film, { range: 'bytes=8-' })).toMatchObject({ status: 206, text: '89' });
    expect(await ask(film, { range: 'bytes=10-' })).toMatchObject({ status: 416 });
  });

  test('a page that is small', async () => {
    const files = new Set((await loadPage()).values());
    const bytes = [...files].map(({ body }) => gzipSync(body).length).reduce((sum, length) => sum + length);
    expect(bytes).toBeLessThan(150_000);
    expect([...files].every(({ body }) => !/https?:\/\/(?!www\.w3\.org)[a-z]/.test(body.toString()))).toBe(true);
  });
});

describe('runs', () => {
  const find = async (id: string) => (await json<RunList>('/api/runs')).runs.find((run) => run.id === id)!;

  test('a whole one, with its numbers', async () => {
    expect(await find('good')).toMatchObject({
      subject: 'CartPole-v1',
      algorithm: 'ppo',
      seed: 1,
      progress: 0.3,
      latest: { name: 'episodicReturn', value: 3 },
      problems: [],
    });
    await eventually<Columns>('/api/columns?run=good', ({ runs }) => runs[0]!.rows === 3);
    const response = await fetch(
      `http://127.0.0.1:${served.port}/api/series?run=good&file=metrics&x=globalStep&y=episodicReturn&pixels=100`,
    );
    const body = Buffer.from(await response.arrayBuffer());
    const end = body.indexOf('\n') + 1;
    const head = JSON.parse(body.toString('utf8', 0, end)) as SeriesHead;
    expect(head).toMatchObject({ domain: [10, 30], runs: [{ run: 'good', length: 3 }] });
    const numbers = new Float64Array(body.buffer.slice(body.byteOffset + end, body.byteOffset + body.length));
    const [xs, ys] = [
      [10, 20, 30],
      [1, 2, 3],
    ];
    // x, mean, least and greatest
    expect([...numbers]).toEqual([xs, ys, ys, ys].flat());
  });

  test('one whose files are empty', async () => {
    expect((await find('empty')).problems.join()).toContain('config.json');
    expect(await json<CompletionPage>('/api/completions?run=empty')).toMatchObject({ total: 0, problem: null });
  });

  test('one that is half written: what is whole is shown', async () => {
    expect((await find('torn')).problems.join()).toContain('config.json');
    const { runs } = await eventually<Columns>('/api/columns?run=torn', ({ runs: all }) => all[0]!.rows > 0);
    expect(runs[0]).toMatchObject({ rows: 1, names: expect.arrayContaining(['loss']) as unknown });
  });

  test('one with lines of other programs: they are counted, the rest is shown', async () => {
    expect((await find('foreign-lines')).problems.join()).toContain('config.json');
    const { runs } = await eventually<Columns>('/api/columns?run=foreign-lines', ({ runs: all }) => all[0]!.rows > 1);
    expect(runs[0]!.problem).toMatch(/^\d+ lines of metrics.jsonl could not be read$/);
    const page = await eventually<CompletionPage>('/api/completions?run=foreign-lines', ({ rows }) => rows > 1);
    expect(page.skipped).toBeGreaterThanOrEqual(2);
    expect(page.completions.map(({ completion }) => completion)).toEqual(['last', '']);
  });

  test('one with a directory where a file should be', async () => {
    const { runs } = await eventually<Columns>(
      '/api/columns?run=directories',
      ({ runs: all }) => all[0]!.problem !== null,
    );
    expect(runs[0]!.problem).toBe('metrics.jsonl: not a file');
  });

  test('questions that make no sense are answered with what is wrong', async () => {
    const bad = [
      ['/api/series?run=good&file=metrics&x=globalStep&y=loss&pixels=1e9', 400, 'pixels'],
      ['/api/series?run=good&file=../secret&x=a&y=b&pixels=10', 400, 'file'],
      ['/api/completions?run=good&limit=-1', 400, 'limit'],
      ['/api/completions', 400, 'run'],
      ['/api/run?run=nothing', 404, "no run 'nothing'"],
      ['/api/nothing', 404, '/api/nothing'],
    ] as const;
    for (const [path, status, word] of bad) {
      const answer = await ask(path);
      expect([path, answer.status]).toEqual([path, status]);
      expect(answer.text).toContain(word);
    }
  });

  test('none, in a folder that is not there yet, until one begins', async () => {
    const later = join(outside, 'later');
    const empty = await serveDashboard({ folder: later, port: 0 });
    try {
      const list = async () => JSON.parse((await ask('/api/runs', {}, { port: empty.port })).text) as RunList;
      expect(await list()).toEqual({ folder: later, runs: [] });
      writeRun(later, 'first', { 'config.json': config });
      await expect.poll(async () => (await list()).runs.map(({ id }) => id), { timeout: 20_000 }).toEqual(['first']);
    } finally {
      await empty.close();
    }
  });
});
