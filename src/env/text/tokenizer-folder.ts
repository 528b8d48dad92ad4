// The tokenizer of a model folder, read at once: an environment has its spaces before it is first awaited.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Tokenizer } from '../../lm/tokenizer.ts';
import { checkTokenizerJson, isObject, type JsonObject } from '../../lm/tokenizer-files.ts';
import { EnvError } from '../errors.ts';
import { sharedReader } from './shared-files.ts';

/**
 * The tokenizer of a Hugging Face model folder; one object for all who ask while it is in use.
 *
 * @throws EnvError if the folder has no tokenizer.json, or it is broken
 */
export const tokenizerOf: (folder: string) => Tokenizer = sharedReader(readTokenizer, tokenizerFile);

function readTokenizer(folder: string): Tokenizer {
  const path = tokenizerFile(folder);
  const json = readJson(path);
  if (json === undefined) {
    throw new EnvError(`${path}: there is no such file; tokenizer must be a Tokenizer or the folder of a model`);
  }
  const config = readJson(join(folder, 'tokenizer_config.json')) ?? {};
  const inFile = join(folder, 'chat_template.jinja');
  const template = existsSync(inFile) ? readFileSync(inFile, 'utf8') : config['chat_template'];
  const { eos_token_id: ends } = readJson(join(folder, 'generation_config.json')) ?? {};
  try {
    return new Tokenizer({
      json: checkTokenizerJson(json, path),
      config: { ...readJson(join(folder, 'special_tokens_map.json')), ...config },
      chatTemplates: new Map(typeof template === 'string' ? [['default', template]] : []),
      generationEosIds: [ends ?? []].flat().filter((id): id is number => Number.isInteger(id)),
    });
  } catch (cause) {
    throw new EnvError(`${folder}: ${(cause as Error).message}`, { cause });
  }
}

function readJson(path: string): JsonObject | undefined {
  if (!existsSync(path)) return undefined;
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (isObject(value)) return value;
  } catch (cause) {
    throw new EnvError(`${path}: cannot be read: ${(cause as Error).message}`, { cause });
  }
  throw new EnvError(`${path}: expected a JSON object`);
}

function tokenizerFile(folder: string): string {
  return join(folder, 'tokenizer.json');
}
