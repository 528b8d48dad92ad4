// Models of the Hugging Face Hub, in the cache that Python's huggingface_hub uses too: what one has downloaded the other finds.
// Layout: https://huggingface.co/docs/huggingface_hub/guides/manage-cache

import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { getHFHubCachePath, listFiles, modelInfo } from '@huggingface/hub';
import { type BlobSource, fetchBlob, linkBlob } from './hub-blobs.ts';
import { HubError } from './hub-error.ts';

/** Where a download stands. */
export interface DownloadProgress {
  /** The file that is being read. */
  readonly file: string;
  /** Bytes of that file. */
  readonly fileLoaded: number;
  readonly fileSize: number;
  /** Bytes of all files. What was in the cache before counts as loaded. */
  readonly loaded: number;
  readonly size: number;
}

/** What to download, and to where. */
export interface DownloadOptions {
  /** A branch, tag or commit. Default `main`. */
  readonly revision?: string;
  /** Default: HF_HUB_CACHE, else the folder `hub` in HF_HOME, else `~/.cache/huggingface/hub`. */
  readonly cacheDir?: string;
  /** An access token, for gated and private models. Default: HF_TOKEN. It is sent to the hub, and neither kept nor shown. */
  readonly token?: string;
  /** Default: HF_ENDPOINT, else https://huggingface.co. */
  readonly hubUrl?: string;
  /** Called as bytes come, and once for each file that is there already. */
  readonly onProgress?: (progress: DownloadProgress) => void;
}

/** What models need besides weights. */
const NEEDED = new Set([
  'config.json',
  'generation_config.json',
  'adapter_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'chat_template.jinja',
  'model.safetensors.index.json',
]);
/** Of a listing; the hub puts 1000 files on each. */
const MOST_PAGES = 100;
const COMMIT = /^[0-9a-f]{40}$/;

/**
 * The folder with a model's configuration, tokenizer and safetensors, downloaded where they are not in the cache. An interrupted
 * download goes on where it stopped; what came is checked against the hub's hashes. With HF_HUB_OFFLINE=1 nothing is asked of the
 * network; if the hub cannot be reached, what the cache has of this revision is taken, if it is complete.
 *
 * @param id such as `openai-community/gpt2`.
 * @returns the path of the snapshot in the cache.
 * @throws HubError if there is no such model or revision, it may not be read, has no safetensors, or cannot be had now.
 */
export async function downloadModel(id: string, options: DownloadOptions = {}): Promise<string> {
  const { revision = 'main', cacheDir = getHFHubCachePath() } = options;
  checkName(id, revision);
  const folder = join(cacheDir, `models--${id.replace('/', '--')}`);
  if (isOffline()) return cachedSnapshot(folder, id, revision, 'HF_HUB_OFFLINE is set');
  if (COMMIT.test(revision) && (await missingFile(join(folder, 'snapshots', revision))) === undefined) {
    return join(folder, 'snapshots', revision);
  }
  const hubUrl = addressOf(options.hubUrl ?? process.env['HF_ENDPOINT'] ?? 'https://huggingface.co');
  const token = (options.token ?? process.env['HF_TOKEN'])?.trim();
  // An error of fetch would show it.
  if (!/^[\x21-\x7e]*$/.test(token ?? '')) {
    throw new HubError(
      'the access token (HF_TOKEN) holds characters that no token has, such as a line break or a space',
    );
  }
  const access = {
    hubUrl,
    fetch: askOnly(hubUrl),
    ...(token === undefined || token === '' ? {} : { accessToken: token }),
  };

  let commit: string;
  let files: BlobSource[];
  try {
    ({ sha: commit } = await modelInfo({ name: id, revision, additionalFields: ['sha'], ...access }));
    if (!COMMIT.test(commit)) throw new HubError(`${hubUrl} names no commit for ${id}`);
    files = [];
    for await (const { type, path, size, oid, lfs } of listFiles({ repo: id, revision: commit, ...access })) {
      if (type !== 'file') continue;
      files.push({
        name: path,
        size,
        gitHash: oid,
        sha256: lfs?.oid,
        url: `${hubUrl}/${id}/resolve/${commit}/${path}`,
      });
    }
  } catch (error) {
    if (isUnreachable(error))
      return cachedSnapshot(folder, id, revision, `${hubUrl} cannot be reached: ${reason(error)}`);
    throw explain(error, id, revision, token);
  }

  const wanted = neededFiles(files, id);
  const snapshot = join(folder, 'snapshots', commit);
  await mkdir(snapshot, { recursive: true });
  const size = wanted.reduce((sum, file) => sum + file.size, 0);
  let before = 0;
  for (const file of wanted) {
    const blob = await fetchBlob(file, join(folder, 'blobs'), token, (fileLoaded) => {
      options.onProgress?.({ file: file.name, fileLoaded, fileSize: file.size, loaded: before + fileLoaded, size });
    }).catch((error: unknown) => {
      throw explain(error, id, revision, token);
    });
    await linkBlob(blob, join(snapshot, file.name));
    before += file.size;
  }
  if (revision !== commit) {
    const reference = join(folder, 'refs', revision);
    await mkdir(dirname(reference), { recursive: true });
    await writeFile(reference, commit);
  }
  return snapshot;
}

function checkName(id: string, revision: string): void {
  const part = '[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_-])?';
  if (!new RegExp(`^${part}(?:/${part})?$`).test(id) || id.includes('..') || id.includes('--')) {
    throw new HubError(`'${id}' is neither a folder nor the name of a model such as 'openai-community/gpt2'`);
  }
  if (!/^[\w.][\w./-]*$/.test(revision) || revision.split('/').some((name) => /^\.*$/.test(name))) {
    throw new HubError(`'${revision}' is no revision: give a branch, a tag or a commit`);
  }
}

/** `fetch` for one listing: its pages are the hub's own, to which alone the token goes, and have an end. */
function askOnly(hubUrl: string): typeof fetch {
  let asked = 0;
  return (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input);
    if (url.origin !== new URL(hubUrl).origin) throw new HubError(`${hubUrl} names another server, ${url.origin}`);
    if (++asked > MOST_PAGES) throw new HubError(`${hubUrl} lists files without an end`);
    return fetch(input, init);
  };
}

/** The hub's address as requests need it: one with a password in it would be shown in messages. */
function addressOf(hubUrl: string): string {
  if (!URL.canParse(hubUrl) || !/^https?:$/.test(new URL(hubUrl).protocol)) {
    throw new HubError('the address of the hub (HF_ENDPOINT) must be such as https://huggingface.co');
  }
  const { username, password } = new URL(hubUrl);
  if (username !== '' || password !== '') {
    throw new HubError('the address of the hub (HF_ENDPOINT) has a password in it: set HF_TOKEN instead');
  }
  return hubUrl.replace(/\/+$/, '');
}

function isOffline(): boolean {
  const values = [process.env['HF_HUB_OFFLINE'], process.env['TRANSFORMERS_OFFLINE']];
  return values.some((value) => /^(1|on|yes|true)$/i.test(value ?? ''));
}

/** The files to download: of the root folder only, so no name leads elsewhere. */
function neededFiles(files: readonly BlobSource[], id: string): BlobSource[] {
  const names = new Set(files.map(({ name }) => name));
  const sharded = names.has('model.safetensors.index.json');
  const isWeights = (name: string): boolean => {
    if (name === 'adapter_model.safetensors') return true;
    return sharded ? /^model-\d+-of-\d+\.safetensors$/.test(name) : name === 'model.safetensors';
  };
  if (![...names].some(isWeights)) {
    const other = [...names].find((name) => /\.(bin|gguf|h5|msgpack|safetensors)$/.test(name));
    throw new HubError(
      other === undefined
        ? `${id} has no weights`
        : `${id} has no model.safetensors, only ${other}: save it anew in Python with save_pretrained(folder)`,
    );
  }
  if (!names.has('config.json') && !names.has('adapter_config.json')) throw new HubError(`${id} has no config.json`);
  // Weights come last: a snapshot that has them has everything.
  return [...files.filter(({ name }) => NEEDED.has(name)), ...files.filter(({ name }) => isWeights(name))];
}

/** What the cache has of a revision, if it is complete. */
async function cachedSnapshot(folder: string, id: string, revision: string, why: string): Promise<string> {
  const reference = COMMIT.test(revision)
    ? revision
    : await readFile(join(folder, 'refs', revision), 'utf8').catch(() => '');
  const commit = reference.trim();
  const missing = COMMIT.test(commit) ? await missingFile(join(folder, 'snapshots', commit)) : `revision ${revision}`;
  if (missing === undefined) return join(folder, 'snapshots', commit);
  throw new HubError(
    `${id} cannot be downloaded (${why}), and the cache ${folder} lacks ${missing}. ` +
      'Download it where there is a network, or give the path of a folder that has the files',
  );
}

async function missingFile(snapshot: string): Promise<string | undefined> {
  const has = async (name: string): Promise<boolean> => {
    return await stat(join(snapshot, name)).then(
      (entry) => entry.isFile(),
      () => false,
    );
  };
  if (await has('adapter_model.safetensors'))
    return (await has('adapter_config.json')) ? undefined : 'adapter_config.json';
  if (!(await has('config.json'))) return 'config.json';
  if (await has('model.safetensors')) return undefined;
  const index = await readFile(join(snapshot, 'model.safetensors.index.json'), 'utf8').catch(() => undefined);
  if (index === undefined) return 'model.safetensors';
  const shards = new Set(index.match(/"[^"/\\]+\.safetensors"/g));
  for (const shard of shards) if (!(await has(shard.slice(1, -1)))) return shard.slice(1, -1);
  return undefined;
}

/** Whether no answer came at all. */
function isUnreachable(error: unknown): boolean {
  return error instanceof TypeError && error.message === 'fetch failed';
}

function reason(error: unknown): string {
  const { cause, message } = error as Error;
  return cause instanceof Error ? cause.message || ((cause as NodeJS.ErrnoException).code ?? message) : message;
}

function explain(error: unknown, id: string, revision: string, token: string | undefined): HubError {
  if (error instanceof HubError) return error;
  const status = (error as { readonly statusCode?: number }).statusCode;
  const signedIn = token !== undefined && token !== '';
  const access = signedIn
    ? 'the token does not give access: accept its terms on its page, and check the token'
    : 'set HF_TOKEN to an access token if it is gated or private';
  const problem =
    status === 401 || status === 403
      ? `may not be read; ${access}`
      : status === 404
        ? `is not there; check name and revision, and ${access}`
        : `cannot be downloaded: ${reason(error)}`;
  return new HubError(`${id} (revision ${revision}) ${problem}`, { cause: error });
}
