// Which tokens begin, end, pad and so on: their names in our options and in Hugging Face's files.

import type { AddedToken, JsonObject, TokenizerJson } from './tokenizer-files.ts';
import { isObject, vocabularyEntries } from './tokenizer-files.ts';

/** Tokens with a meaning, by role. Those that are not given stay as they are. */
export interface SpecialTokens {
  /** Before a text. */
  readonly bosToken?: string;
  /** After a text; generation stops at it. */
  readonly eosToken?: string;
  /** Fills the shorter rows of a batch. */
  readonly padToken?: string;
  /** Stands for what the vocabulary lacks. */
  readonly unkToken?: string;
  readonly sepToken?: string;
  readonly clsToken?: string;
  readonly maskToken?: string;
  /** Further tokens that are never split and that decoding may skip, such as `<think>` or `<|im_start|>`. */
  readonly additional?: readonly string[];
}

type Role = Exclude<keyof SpecialTokens, 'additional'>;

/** Roles and the keys of tokenizer_config.json. */
const KEYS: Readonly<Record<Role, string>> = {
  bosToken: 'bos_token',
  eosToken: 'eos_token',
  unkToken: 'unk_token',
  sepToken: 'sep_token',
  padToken: 'pad_token',
  clsToken: 'cls_token',
  maskToken: 'mask_token',
};
const ROLES = Object.keys(KEYS) as Role[];

/** The special tokens that tokenizer_config.json names, in this version's spelling and in older ones'. */
export function specialTokensOf(config: JsonObject): SpecialTokens {
  const named: { -readonly [R in Role]?: string } = {};
  for (const role of ROLES) {
    const content = contentOf(config[KEYS[role]]);
    if (content !== undefined) named[role] = content;
  }
  const extra = ['additional_special_tokens', 'extra_special_tokens'].flatMap((key) => {
    const value = config[key];
    return Array.isArray(value) ? value : isObject(value) ? Object.values(value) : [];
  });
  return { ...named, additional: [...new Set(extra.map(contentOf).filter((token) => token !== undefined))] };
}

/** tokenizer_config.json with the given special tokens in it. */
export function withSpecialTokens(config: JsonObject, tokens: SpecialTokens): JsonObject {
  const changed: Record<string, unknown> = { ...config };
  const before = specialTokensOf(config);
  for (const role of ROLES) {
    if (tokens[role] !== undefined && tokens[role] !== before[role]) changed[KEYS[role]] = tokens[role];
  }
  const known = before.additional ?? [];
  const fresh = (tokens.additional ?? []).filter((token) => !known.includes(token));
  if (fresh.length > 0) {
    delete changed['extra_special_tokens'];
    changed['additional_special_tokens'] = [...known, ...fresh];
  }
  return changed;
}

/** The special tokens as chat templates know them: `bos_token` and so on. */
export function templateVariables(tokens: SpecialTokens): Record<string, unknown> {
  const variables: Record<string, unknown> = {};
  for (const role of ROLES) if (tokens[role] !== undefined) variables[KEYS[role]] = tokens[role];
  if (tokens.additional !== undefined && tokens.additional.length > 0) {
    variables['additional_special_tokens'] = [...tokens.additional];
  }
  return variables;
}

/**
 * tokenizer.json in which all given tokens are special. Those that are in neither list nor vocabulary get the ids that follow
 * the highest.
 */
export function withAddedTokens(
  json: TokenizerJson,
  tokens: SpecialTokens,
  more: readonly AddedToken[] = [],
): TokenizerJson {
  const wanted = [...ROLES.map((role) => tokens[role]), ...(tokens.additional ?? [])].filter(
    (token) => token !== undefined,
  );
  const added = new Map(json.added_tokens.map((token) => [token.content, token]));
  const vocabulary = new Map(vocabularyEntries(json.model));
  let next = 0;
  for (const id of vocabulary.values()) next = Math.max(next, id + 1);
  for (const { id } of added.values()) next = Math.max(next, id + 1);
  const idOf = (content: string): number => vocabulary.get(content) ?? next++;
  for (const token of more) {
    if (!added.has(token.content)) added.set(token.content, { ...token, id: idOf(token.content) });
  }
  for (const content of wanted) {
    const before = added.get(content);
    added.set(content, before === undefined ? plainSpecialToken(content, idOf(content)) : { ...before, special: true });
  }
  return { ...json, added_tokens: [...added.values()].sort((a, b) => a.id - b.id) };
}

/** The tokens of `added_tokens_decoder`, in the order of their ids. */
export function addedTokensOf(config: JsonObject): AddedToken[] {
  const entries = config['added_tokens_decoder'];
  if (!isObject(entries)) return [];
  return Object.entries(entries).flatMap(([id, token]) => {
    if (!isObject(token) || typeof token['content'] !== 'string') return [];
    const flag = (key: string): boolean => token[key] === true;
    const flags = { single_word: flag('single_word'), lstrip: flag('lstrip'), rstrip: flag('rstrip') };
    return [
      { id: Number(id), content: token['content'], ...flags, normalized: flag('normalized'), special: flag('special') },
    ];
  });
}

/** A special token as Python's `AddedToken(content, special=True)`. */
export function plainSpecialToken(content: string, id: number): AddedToken {
  return { id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
}

function contentOf(token: unknown): string | undefined {
  if (typeof token === 'string') return token === '' ? undefined : token;
  return isObject(token) && typeof token['content'] === 'string' ? token['content'] : undefined;
}
