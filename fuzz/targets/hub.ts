// What the hub answers: a model's commit, the listing of its files, and where and what these are. A file is one JSON document of all that.

import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { downloadModel } from '../../src/lm/index.ts';
import { HubError } from '../../src/lm/hub-error.ts';
import { bytesOf, type Target } from '../target.ts';

const HUB = 'https://hub.example';
const sha = 'a'.repeat(40);
/** Of the two bytes `{}`, as git hashes them. */
const SHA1 = '9e26dfeeb6e641a33dae4961196235bdb965b21b';

interface Answers {
  readonly info?: unknown;
  readonly tree?: unknown;
  readonly link?: unknown;
  readonly status?: unknown;
  readonly location?: unknown;
  readonly body?: unknown;
}
let answers: Answers = {};
let asked = 0;
/** What was done that must not be. It may come back as the cause of a refusal. */
let forbidden = '';

/** In the place of the network: nothing else is asked than the hub. */
function answer(input: string | URL | Request): Promise<Response> {
  const url = new URL(input instanceof Request ? input.url : String(input));
  if (!url.href.startsWith(`${HUB}/`)) forbidden = `asks ${url.href}`;
  else if (++asked > 2000) forbidden = 'asks without an end';
  if (forbidden !== '') throw new Error(forbidden);
  const json = (value: unknown): Response => {
    const link = typeof answers.link === 'string' ? { link: answers.link } : {};
    return new Response(JSON.stringify(value) ?? '', { headers: { 'content-type': 'application/json', ...link } });
  };
  try {
    if (url.pathname.includes('/tree/')) return Promise.resolve(json(answers.tree));
    if (url.pathname.startsWith('/api/')) return Promise.resolve(json(answers.info));
    const status = Number(answers.status ?? 200);
    return Promise.resolve(new Response(String(answers.body ?? ''), { status: status >= 500 ? 404 : status }));
  } catch {
    // What is no answer of HTTP never comes.
    return Promise.resolve(new Response('', { status: 404 }));
  }
}

const info = { _id: '1', id: 'org/tiny', sha, lastModified: '2024-01-01T00:00:00Z' };
const file = (path: string) => ({ type: 'file', path, size: 2, oid: SHA1 });

const target: Target = {
  words: [
    '"path":"../../config.json"',
    '"path":"/etc/passwd"',
    '"sha":"../../.."',
    '"oid":"../../x"',
    '"size":-1',
    '"size":1e300',
    '"lfs":{"oid":"x","size":1,"pointerSize":1}',
    '"link":"<https://hub.example/api/models/org/tiny/tree/x?cursor=1>; rel=\\"next\\""',
    '"link":"<https://evil.example/x>; rel=\\"next\\""',
    '"status":206',
    'model-00001-of-00002.safetensors',
    'model.safetensors.index.json',
  ],
  refusals: [HubError],
  // What the hub's own library makes of nonsense is told as the cause.
  wrapsLibrary: true,
  prepare(folder) {
    mkdirSync(folder, { recursive: true });
    globalThis.fetch = answer as typeof fetch;
    for (const name of ['HF_TOKEN', 'HF_HUB_OFFLINE', 'TRANSFORMERS_OFFLINE']) delete process.env[name];
  },
  seeds: () => [
    bytesOf({
      info,
      tree: [file('config.json'), { type: 'directory', path: 'onnx', oid: SHA1, size: 0 }, file('model.safetensors')],
      body: '{}',
    }),
    bytesOf({
      info,
      tree: [file('config.json'), file('model-00001-of-00001.safetensors'), file('model.safetensors.index.json')],
      body: '{}',
    }),
  ],
  async read(bytes, folder) {
    let given: unknown;
    try {
      given = JSON.parse(Buffer.from(bytes).toString('utf8'));
    } catch {
      throw new HubError('no answer at all');
    }
    answers = Object(given) as Answers;
    [asked, forbidden] = [0, ''];
    const cacheDir = join(folder, 'hub');
    const failure = await downloadModel('org/tiny', { hubUrl: HUB, cacheDir }).then(
      () => undefined,
      (error: unknown) => error,
    );
    rmSync(cacheDir, { recursive: true, force: true });
    if (forbidden !== '') throw new TypeError(forbidden);
    if (failure !== undefined) throw failure;
  },
};
export default target;
