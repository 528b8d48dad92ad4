// The files of a Hugging Face tokenizer folder, read and checked once at the border.
// Format: huggingface/tokenizers (tokenizer.json) and transformers' tokenization_utils_base.py (tokenizer_config.json).

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';

/** An object of a JSON file. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** A token that text is searched for before the model sees the rest, as tokenizer.json has it. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly single_word: boolean;
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  readonly normalized: boolean;
  readonly special: boolean;
}

/** What tokenizer.json holds. */
export interface TokenizerJson extends JsonObject {
  readonly added_tokens: readonly AddedToken[];
  readonly normalizer: JsonObject | null;
  readonly pre_tokenizer: JsonObject | null;
  readonly post_processor: JsonObject | null;
  readonly decoder: JsonObject | null;
  readonly model: TokenizerModel;
}

/** The model within tokenizer.json. `vocab` maps tokens to ids, or lists `[token, score]` in the order of ids (Unigram). */
export interface TokenizerModel extends JsonObject {
  readonly type: 'BPE' | 'WordPiece' | 'WordLevel' | 'Unigram';
  readonly vocab: Readonly<Record<string, number>> | readonly (readonly [token: string, score: number])[];
}

/** Everything a tokenizer is made of. */
export interface TokenizerFiles {
  readonly json: TokenizerJson;
  /** tokenizer_config.json, with special_tokens_map.json filling gaps. */
  readonly config: JsonObject;
  /** Chat templates by name; the usual one is `default`. */
  readonly chatTemplates: ReadonlyMap<string, string>;
  /** The end tokens of generation_config.json, which may be more than the tokenizer's own. */
  readonly generationEosIds: readonly number[];
}

/** A tokenizer that cannot be read, made or used as asked; the message says where, what and what to do. */
export class TokenizerError extends Error {
  override readonly name = 'TokenizerError';
}

/** The largest published tokenizer.json is about 35 MB. */
const LARGEST_FILE = 256 * 2 ** 20;
/** The largest published vocabulary has about 260 thousand tokens. */
const LARGEST_ID = 16_777_215;
const MODEL_TYPES = ['BPE', 'WordPiece', 'WordLevel', 'Unigram'] as const;

/**
 * Reads a folder's tokenizer.json and what lies beside it.
 *
 * @throws TokenizerError if tokenizer.json is missing, or a file is truncated, has wrong types, is of an unknown kind, or is huge.
 */
export function readTokenizerFiles(folder: string): TokenizerFiles {
  const path = join(folder, 'tokenizer.json');
  const json = readJson(path);
  if (json === undefined) throw new TokenizerError(whyMissing(folder));
  const config = readJson(join(folder, 'tokenizer_config.json')) ?? {};
  const specialTokens = readJson(join(folder, 'special_tokens_map.json')) ?? {};
  const generation = readJson(join(folder, 'generation_config.json')) ?? {};
  return {
    json: checkTokenizerJson(json, path),
    config: { ...specialTokens, ...Object.fromEntries(Object.entries(config).filter(([, value]) => value !== null)) },
    chatTemplates: readChatTemplates(folder, config),
    generationEosIds: [generation['eos_token_id'] ?? []].flat().filter((id): id is number => Number.isInteger(id)),
  };
}

/**
 * tokenizer.json's content, or what is wrong with it.
 *
 * @param path where it comes from, for messages.
 */
export function checkTokenizerJson(json: JsonObject, path: string): TokenizerJson {
  const fail = (problem: string): never => {
    throw new TokenizerError(`${path}: ${problem}`);
  };
  const part = (key: string): JsonObject | null => {
    const value = json[key] ?? null;
    if (value === null || isObject(value)) return value;
    return fail(`'${key}' should be an object or null, but is ${show(value)}`);
  };
  const pieces = {
    normalizer: part('normalizer'),
    pre_tokenizer: part('pre_tokenizer'),
    post_processor: part('post_processor'),
    decoder: part('decoder'),
  };
  for (const piece of walk(pieces.pre_tokenizer)) {
    const problem = whyUnsupported(piece);
    if (problem !== undefined) fail(problem);
  }
  const model = part('model');
  if (model === null) return fail("has no 'model': is it the tokenizer.json of a Hugging Face tokenizer?");
  const added = json['added_tokens'] ?? [];
  if (!Array.isArray(added)) return fail(`'added_tokens' should be a list, but is ${show(added)}`);
  return {
    ...json,
    ...pieces,
    model: checkModel(model, fail),
    added_tokens: added.map((token: unknown, i) => checkAddedToken(token, `added_tokens[${i}]`, fail)),
  };
}

/** Whether a value of a JSON file is an object. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The tokens of a vocabulary with their ids. */
export function vocabularyEntries({ vocab }: TokenizerModel): (readonly [token: string, id: number])[] {
  return isList(vocab) ? vocab.map(([token], id) => [token, id] as const) : Object.entries(vocab);
}

function isList(vocab: TokenizerModel['vocab']): vocab is readonly (readonly [string, number])[] {
  return Array.isArray(vocab);
}

type Fail = (problem: string) => never;

function checkModel(model: JsonObject, fail: Fail): TokenizerModel {
  const type = MODEL_TYPES.find((known) => known === (model['type'] ?? guessType(model)));
  if (type === undefined) {
    return fail(`models of type ${show(model['type'])} are unknown; there are ${MODEL_TYPES.join(', ')}`);
  }
  const { vocab } = model;
  if (type === 'Unigram') {
    if (!Array.isArray(vocab)) return fail(`a Unigram model's 'vocab' should be a list, but is ${show(vocab)}`);
    const wrong = vocab.findIndex((row) => typeof row?.[0] !== 'string' || typeof row?.[1] !== 'number');
    if (wrong >= 0) fail(`model.vocab[${wrong}] should be [token, score], but is ${show(vocab[wrong])}`);
    return { ...model, type, vocab };
  }
  if (!isObject(vocab)) return fail(`a ${type} model's 'vocab' should map tokens to ids, but is ${show(vocab)}`);
  const tokens = new Map<number, string>();
  for (const token of Object.keys(vocab)) {
    const id = vocab[token];
    if (!isId(id)) return fail(`the id of ${show(token)} should be a natural number, but is ${show(id)}`);
    const other = tokens.get(id);
    if (other !== undefined)
      fail(`${show(other)} and ${show(token)} have the same id ${id}, so that neither can be decoded`);
    tokens.set(id, token);
  }
  const ids = vocab as Readonly<Record<string, number>>;
  if (type === 'BPE') checkMerges(model, ids, fail);
  return { ...model, type, vocab: ids };
}

/** Files of older versions do not name their model. */
function guessType(model: JsonObject): string | undefined {
  if (Array.isArray(model['vocab'])) return 'Unigram';
  if (Array.isArray(model['merges'])) return 'BPE';
  return 'continuing_subword_prefix' in model ? 'WordPiece' : undefined;
}

function checkMerges(model: JsonObject, vocab: Readonly<Record<string, number>>, fail: Fail): void {
  const { merges } = model;
  if (!Array.isArray(merges)) return fail(`a BPE model's 'merges' should be a list, but is ${show(merges)}`);
  const prefix = model['continuing_subword_prefix'];
  const joined = prefix === undefined || prefix === null || prefix === '';
  merges.forEach((merge: unknown, i) => {
    const parts = typeof merge === 'string' ? merge.split(' ') : merge;
    if (!Array.isArray(parts) || parts.length !== 2 || parts.some((part) => typeof part !== 'string')) {
      return fail(`model.merges[${i}] should be two tokens, but is ${show(merge)}`);
    }
    const unknown = [...parts, ...(joined ? [parts.join('')] : [])].find((token) => !Object.hasOwn(vocab, token));
    return (
      unknown === undefined ||
      fail(`model.merges[${i}] needs the token ${show(unknown)}, which is not in the vocabulary`)
    );
  });
}

function checkAddedToken(token: unknown, where: string, fail: Fail): AddedToken {
  if (!isObject(token)) return fail(`${where} should be an object, but is ${show(token)}`);
  const { id, content } = token;
  if (typeof content !== 'string' || content === '') return fail(`${where} has no content: ${show(content)}`);
  if (!isId(id)) return fail(`${where} ('${content}'): its id should be a natural number, but is ${show(id)}`);
  const flag = (key: string): boolean => token[key] === true;
  return {
    id,
    content,
    single_word: flag('single_word'),
    lstrip: flag('lstrip'),
    rstrip: flag('rstrip'),
    normalized: flag('normalized'),
    special: flag('special'),
  };
}

/** Splits that the engine would silently do differently from Python. */
function whyUnsupported(piece: JsonObject): string | undefined {
  const { type, behavior } = piece;
  if (type !== 'Split' && type !== 'Punctuation') return undefined;
  const kind = String(behavior ?? 'Isolated').toLowerCase();
  if (type === 'Punctuation') {
    return kind === 'contiguous'
      ? undefined
      : `splitting punctuation as '${kind}' is not supported, only as 'Contiguous'`;
  }
  const { pattern } = piece;
  const regular = isObject(pattern) && pattern['Regex'] !== undefined;
  return kind === 'isolated' || kind === 'removed' || !regular
    ? undefined
    : `splitting by a pattern as '${kind}' is not supported, only as 'Isolated' or 'Removed'`;
}

function* walk(piece: unknown): Generator<JsonObject> {
  if (Array.isArray(piece)) for (const part of piece) yield* walk(part);
  if (!isObject(piece)) return;
  yield piece;
  yield* walk(piece['pretokenizers']);
}

function readChatTemplates(folder: string, config: JsonObject): Map<string, string> {
  const templates = new Map<string, string>();
  const inConfig = config['chat_template'];
  if (typeof inConfig === 'string') templates.set('default', inConfig);
  if (Array.isArray(inConfig)) {
    for (const entry of inConfig) {
      if (isObject(entry) && typeof entry['name'] === 'string' && typeof entry['template'] === 'string') {
        templates.set(entry['name'], entry['template']);
      }
    }
  }
  const inFile = readText(join(folder, 'chat_template.jinja'));
  if (inFile !== undefined) templates.set('default', inFile);
  return templates;
}

function readJson(path: string): JsonObject | undefined {
  const text = readText(path);
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const problem = `is no JSON (${(error as Error).message}). Was its download cut off? It has ${text.length} characters`;
    throw new TokenizerError(`${path}: ${problem}`, { cause: error });
  }
  if (!isObject(value)) throw new TokenizerError(`${path}: should hold an object, but holds ${show(value)}`);
  return value;
}

function readText(path: string): string | undefined {
  try {
    const { size } = statSync(path);
    if (size > LARGEST_FILE) {
      throw new TokenizerError(`${path}: ${size} bytes are more than a tokenizer's file has (limit ${LARGEST_FILE})`);
    }
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

function whyMissing(folder: string): string {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return `${folder}: there is no such folder`;
  const names = readdirSync(folder);
  const slow = names.find((name) => name === 'vocab.json' || name === 'merges.txt' || name.endsWith('.model'));
  if (slow === undefined)
    return `${folder}: holds no tokenizer.json. It has: ${names.slice(0, 10).join(', ') || 'nothing'}`;
  return (
    `${folder}: holds no tokenizer.json, only ${slow}. Make one in Python: ` +
    `AutoTokenizer.from_pretrained('${basename(folder)}').save_pretrained('${basename(folder)}')`
  );
}

function isId(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= LARGEST_ID;
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'missing';
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
}
