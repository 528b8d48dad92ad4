// @huggingface/tokenizers as we use it. Its type declarations lack the file endings that Node's resolution asks for, so the
// compiler sees nothing of them; this is the one place that says what is there.

import { Tokenizer } from '@huggingface/tokenizers';
import { type JsonObject, TokenizerError, type TokenizerJson } from './tokenizer-files.ts';

/** The tokenizer of the library. */
export interface Engine {
  /** A token that it does not know has the id undefined, if none stands for unknown ones. */
  encode: (
    text: string,
    options: { readonly add_special_tokens: boolean },
  ) => { readonly ids: (number | undefined)[]; readonly tokens: readonly string[] };
  /** Ids must be known, and at least one. */
  decode: (
    ids: readonly number[],
    options: { readonly skip_special_tokens: boolean; readonly clean_up_tokenization_spaces: boolean },
  ) => string;
  token_to_id(token: string): number | undefined;
  id_to_token(id: number): string | undefined;
  /** Splits text into the pieces that the model sees one by one. */
  readonly pre_tokenizer: ((text: string) => string[]) | null;
}

/** What decodes tokens; some consist of others. */
interface Decoder {
  readonly config: JsonObject;
  readonly decoders?: readonly Decoder[];
  text_decoder?: { decode(bytes: Uint8Array): string };
}

const Library: new (json: TokenizerJson, tokens: JsonObject) => Engine & { readonly decoder: Decoder | null } =
  Tokenizer;

/**
 * @param tokens the tokens that models need to know: `eos_token` (Unigram) and `unk_token` (WordLevel).
 * @throws Error if a piece of the tokenizer is of an unknown kind, or a pattern cannot be had in JavaScript.
 */
export function openEngine(
  json: TokenizerJson,
  tokens: { readonly eos_token?: string; readonly unk_token?: string },
): Engine {
  const engine = new Library(json, tokens);
  if (engine.decoder !== null) decodeBytesAsPython(engine.decoder);
  explainFailures(engine);
  return engine;
}

/** The library finds out only when it comes to a piece of the tokenizer that something in that is not as it must be. */
function explainFailures(engine: Engine): void {
  const [encode, decode] = [engine.encode.bind(engine), engine.decode.bind(engine)];
  const explained = <T>(what: string, work: () => T): T => {
    try {
      return work();
    } catch (error) {
      const problem = `tokenizer.json does not let ${what}: ${(error as Error).message}. Something in it is damaged`;
      throw new TokenizerError(problem, { cause: error });
    }
  };
  engine.encode = (text, options) => explained('a text be encoded', () => encode(text, options));
  engine.decode = (ids, options) => explained('tokens be decoded', () => decode(ids, options));
}

/**
 * Lets tokens that are single bytes (`<0xE2>`) decode as in Python: a run of them is text, or U+FFFD for each. The library
 * replaces only what is broken, and leaves out a byte order mark.
 */
function decodeBytesAsPython(decoder: Decoder): void {
  for (const part of decoder.decoders ?? []) decodeBytesAsPython(part);
  if (decoder.config['type'] !== 'ByteFallback') return;
  const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  decoder.text_decoder = {
    decode: (bytes) => {
      try {
        return strict.decode(bytes);
      } catch {
        return '\uFFFD'.repeat(bytes.length);
      }
    },
  };
}
