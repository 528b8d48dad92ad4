// Downloads from a hub on this machine (fake-hub.ts) into a cache whose layout is that of Python's huggingface_hub.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { downloadModel, type DownloadOptions, type DownloadProgress } from '../../src/lm/hub.ts';
import { HubError } from '../../src/lm/hub-error.ts';
import { FakeHub } from './fake-hub.ts';

const weights = Buffer.from(Array.from({ length: 50_000 }, (_, i) => (i * 7 + (i >> 8)) & 255));
const sha256 = createHash('sha256').update(weights).digest('hex');

let hub: FakeHub;
let hubUrl: string;
let cacheDir: string;
const download = (options: DownloadOptions = {}): Promise<string> =>
  downloadModel('org/tiny', { cacheDir, hubUrl, ...options });
const blobs = (): string[] => readdirSync(join(cacheDir, 'models--org--tiny', 'blobs'));

beforeEach(async () => {
  for (const name of ['HF_TOKEN', 'HF_HUB_OFFLINE', 'TRANSFORMERS_OFFLINE', 'HF_ENDPOINT']) vi.stubEnv(name, undefined);
  cacheDir = mkdtempSync(join(tmpdir(), 'gymformer-hub-'));
  hub = new FakeHub();
  hubUrl = await hub.start();
  hub.files.set('README.md', { content: Buffer.from('# Tiny') });
  hub.files.set('config.json', { content: Buffer.from('{"model_type": "gpt2"}') });
  hub.files.set('model.safetensors', { content: weights, large: true });
  hub.files.set('pytorch_model.bin', { content: weights, large: true });
  hub.files.set('tokenizer.json', { content: Buffer.from('{}') });
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await hub.stop();
  rmSync(cacheDir, { recursive: true, force: true });
});

describe('a download', () => {
  test('has what models need, and nothing else, where Python looks for it', async () => {
    const folder = await download();
    expect(folder).toBe(join(cacheDir, 'models--org--tiny', 'snapshots', FakeHub.commit));
    expect(readdirSync(folder).sort()).toEqual(['config.json', 'model.safetensors', 'tokenizer.json']);
    expect(readFileSync(join(folder, 'model.safetensors')).equals(weights)).toBe(true);
    expect(readlinkSync(join(folder, 'model.safetensors'))).toBe(join('..', '..', 'blobs', sha256));
    // `git hash-object` of the same file.
    expect(basename(realpathSync(join(folder, 'tokenizer.json')))).toBe('9e26dfeeb6e641a33dae4961196235bdb965b21b');
    expect(readFileSync(join(cacheDir, 'models--org--tiny', 'refs', 'main'), 'utf8')).toBe(FakeHub.commit);
    expect(blobs()).toHaveLength(3);
  });

  test('asks for no file twice', async () => {
    await download();
    const asked = hub.requests.filter((path) => path.includes('/resolve/'));
    expect(asked).toHaveLength(3);
    await download({ revision: 'refs/pr/1' });
    expect(hub.requests.filter((path) => path.includes('/resolve/'))).toHaveLength(3);
    hub.requests.length = 0;
    await download({ revision: FakeHub.commit });
    expect(hub.requests).toEqual([]);
  });

  test('tells how far it is', async () => {
    const seen: DownloadProgress[] = [];
    await download({ onProgress: (progress) => seen.push(progress) });
    const size = weights.length + 22 + 2;
    expect(seen.at(-1)).toEqual({
      file: 'model.safetensors',
      fileLoaded: weights.length,
      fileSize: weights.length,
      loaded: size,
      size,
    });
    for (const [i, progress] of seen.entries())
      expect(progress.loaded).toBeGreaterThanOrEqual(seen[i - 1]?.loaded ?? 0);
  });

  test('of a sharded model has all shards and no other weights', async () => {
    hub.files.set('model.safetensors.index.json', {
      content: Buffer.from('{"weight_map": {"a": "model-00001-of-00002.safetensors"}}'),
    });
    hub.files.set('model-00001-of-00002.safetensors', { content: Buffer.from('one'), large: true });
    hub.files.set('model-00002-of-00002.safetensors', { content: Buffer.from('two'), large: true });
    hub.files.set('consolidated.safetensors', { content: Buffer.from('three'), large: true });
    const names = readdirSync(await download());
    expect(names.filter((name) => name.endsWith('.safetensors')).sort()).toEqual([
      'model-00001-of-00002.safetensors',
      'model-00002-of-00002.safetensors',
    ]);
  });

  test('two at a time do not disturb each other', async () => {
    const [a, b] = await Promise.all([download(), download()]);
    expect(a).toBe(b);
    expect(readFileSync(join(a, 'model.safetensors')).equals(weights)).toBe(true);
    expect(blobs()).toHaveLength(3);
  });
});

describe('an interrupted download', () => {
  test('goes on where it stopped, again and again', async () => {
    hub.breakAfter = 20_000;
    const folder = await download();
    expect(readFileSync(join(folder, 'model.safetensors')).equals(weights)).toBe(true);
    const ranges = hub.requests.filter((path) => path.includes('model.safetensors')).map((path) => path.split(' ')[1]);
    expect(ranges).toEqual([undefined, 'bytes=20000-', 'bytes=40000-']);
  });

  test('is kept for the next call if the hub stays away', async () => {
    hub.breakAfter = 0;
    await expect(download()).rejects.toThrow(/tried 5 times.*What came is kept/);
    hub.breakAfter = Number.POSITIVE_INFINITY;
    writeFileSync(join(cacheDir, 'models--org--tiny', 'blobs', `${sha256}.incomplete`), weights.subarray(0, 30_000));
    await download();
    expect(hub.requests).toContain(`/org/tiny/resolve/${FakeHub.commit}/model.safetensors bytes=30000-`);
  });

  test('begins anew if the hub knows no ranges', async () => {
    hub.breakAfter = 20_000;
    hub.breaks = 1;
    hub.ignoresRanges = true;
    expect(readFileSync(join(await download(), 'model.safetensors')).equals(weights)).toBe(true);
  });

  test('of a process that died leaves no lock that matters', async () => {
    await download();
    const blob = join(cacheDir, 'models--org--tiny', 'blobs', sha256);
    rmSync(blob);
    writeFileSync(`${blob}.lock`, '999999999');
    writeFileSync(`${blob}.incomplete`, weights.subarray(0, 100));
    await download();
    expect(hub.requests).toContain(`/org/tiny/resolve/${FakeHub.commit}/model.safetensors bytes=100-`);
    expect(blobs()).toHaveLength(3);
  });
});

describe('what comes is not believed', () => {
  test('wrong content is thrown away', async () => {
    const blob = join(cacheDir, 'models--org--tiny', 'blobs', sha256);
    await download();
    rmSync(blob);
    writeFileSync(`${blob}.incomplete`, Buffer.alloc(weights.length));
    await expect(download()).rejects.toThrow(/model\.safetensors came with wrong content/);
    expect(existsSync(`${blob}.incomplete`)).toBe(false);
    expect(readFileSync(join(await download(), 'model.safetensors')).equals(weights)).toBe(true);
  });

  test('names that lead out of the cache are not followed', async () => {
    hub.files.set('../../../../escaped.safetensors', { content: Buffer.from('x'), large: true });
    hub.files.set('..\\escaped.json', { content: Buffer.from('x') });
    hub.files.set('sub/config.json', { content: Buffer.from('x') });
    const folder = await download();
    expect(readdirSync(folder).sort()).toEqual(['config.json', 'model.safetensors', 'tokenizer.json']);
    expect(readdirSync(cacheDir)).toEqual(['models--org--tiny']);
  });

  test.each(['../evil', 'a/b/c', 'org/..', '', 'org/name?x', '/etc', 'org\\name'])(
    'the name %j is refused',
    async (name) => {
      await expect(downloadModel(name, { cacheDir, hubUrl })).rejects.toThrow(
        'is neither a folder nor the name of a model',
      );
      expect(hub.requests).toEqual([]);
    },
  );

  test.each(['../x', 'a/../b', '', '.'])('the revision %j is refused', async (revision) => {
    await expect(download({ revision })).rejects.toThrow('is no revision');
  });
});

describe('without a network', () => {
  test('offline, the cache is taken and nothing is asked', async () => {
    const folder = await download();
    hub.requests.length = 0;
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    expect(await download()).toBe(folder);
    expect(await download({ revision: FakeHub.commit })).toBe(folder);
    expect(hub.requests).toEqual([]);
  });

  test('offline, what the cache lacks is an error that says so', async () => {
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    await expect(download()).rejects.toThrow(/HF_HUB_OFFLINE is set.*lacks revision main.*path of a folder/);
    vi.stubEnv('HF_HUB_OFFLINE', undefined);
    const folder = await download();
    rmSync(join(folder, 'model.safetensors'));
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    await expect(download()).rejects.toThrow('lacks model.safetensors');
  });

  test('a hub that cannot be reached is named; what the cache has is taken', async () => {
    const folder = await download();
    await hub.stop();
    expect(await download()).toBe(folder);
    rmSync(join(folder, 'config.json'));
    await expect(download()).rejects.toThrow(/127\.0\.0\.1:\d+ cannot be reached: .*ECONNREFUSED.*lacks config\.json/);
  });
});

describe('access', () => {
  test('HF_TOKEN is sent, and never shown', async () => {
    hub.token = 'hf_secret';
    const refused = await download().catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(HubError);
    expect(String(refused)).toContain('set HF_TOKEN');
    vi.stubEnv('HF_TOKEN', 'hf_wrong');
    const wrong = await download().catch((error: unknown) => error);
    expect(String(wrong)).toContain('the token does not give access');
    expect(JSON.stringify(wrong) + String((wrong as Error).stack)).not.toContain('hf_wrong');
    vi.stubEnv('HF_TOKEN', 'hf_secret');
    await download();
    rmSync(cacheDir, { recursive: true });
    vi.stubEnv('HF_TOKEN', undefined);
    await download({ token: 'hf_secret' });
  });

  test('a token goes to the hub alone, not to where it keeps large files', async () => {
    const asked: string[] = [];
    const store = createServer((request, response) => {
      asked.push(JSON.stringify(request.headers));
      response.end(weights);
    }).listen(0, '127.0.0.1');
    await once(store, 'listening');
    hub.token = 'hf_secret';
    // Another host, as the hub's own stores are.
    hub.storesAt = `http://localhost:${(store.address() as AddressInfo).port}`;
    try {
      const folder = await download({ token: 'hf_secret' });
      expect(readFileSync(join(folder, 'model.safetensors'))).toEqual(weights);
      expect(asked).toHaveLength(1);
      expect(asked[0]).not.toContain('hf_secret');
    } finally {
      store.close();
    }
  });

  test('a listing goes on at the hub alone, and has an end', async () => {
    hub.token = 'hf_secret';
    hub.next = 'http://localhost:1/more';
    await expect(download({ token: 'hf_secret' })).rejects.toThrow(/names another server, http:\/\/localhost:1/);
    hub.next = `${hubUrl}/api/models/org/tiny/tree/${FakeHub.commit}?cursor=again`;
    await expect(download({ token: 'hf_secret' })).rejects.toThrow(/lists files without an end/);
  });

  test('secrets that could not be sent, or not kept from messages, are refused without showing them', async () => {
    const messages = [
      download({ token: 'hf_se\ncret' }),
      download({ hubUrl: 'http://me:hf_secret@127.0.0.1:1' }),
      download({ hubUrl: 'http://me:hf_secret@host:port' }),
    ].map((failing) => failing.catch((error: unknown) => inspect(error, { depth: 9 })));
    const [token, password, address] = await Promise.all(messages);
    expect(token).toContain('HF_TOKEN) holds characters that no token has');
    expect(password).toContain('has a password in it: set HF_TOKEN');
    expect(address).toContain('must be such as https://huggingface.co');
    for (const message of [token, password, address]) expect(message).not.toMatch(/hf_se|cret/);
    expect(hub.requests).toEqual([]);
  });

  test('what is not there is said', async () => {
    await expect(downloadModel('org/other', { cacheDir, hubUrl })).rejects.toThrow(
      /org\/other \(revision main\) is not there/,
    );
    hub.files.delete('model.safetensors');
    await expect(download()).rejects.toThrow(/has no model\.safetensors, only pytorch_model\.bin.*save_pretrained/);
    hub.files.delete('pytorch_model.bin');
    await expect(download()).rejects.toThrow('has no weights');
  });
});

test('the cache is where HF_HUB_CACHE says, and the hub where HF_ENDPOINT says', async () => {
  vi.stubEnv('HF_HUB_CACHE', join(cacheDir, 'elsewhere'));
  vi.stubEnv('HF_ENDPOINT', `${hubUrl}/`);
  expect(await downloadModel('org/tiny')).toContain(join(cacheDir, 'elsewhere', 'models--org--tiny'));
});
