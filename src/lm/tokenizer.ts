// Text to token ids and back, with the tokenizers of Hugging Face models: the same ids as Python's transformers.

import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ChatMessage, ChatOptions } from './chat.ts';
import { ChatTemplateError, renderChat, renderWithAnswers } from './chat.ts';
import type { SpecialTokens } from './special-tokens.ts';
import {
  addedTokensOf,
  plainSpecialToken,
  specialTokensOf,
  templateVariables,
  withAddedTokens,
  withSpecialTokens,
} from './special-tokens.ts';
import { TextStream } from './text-stream.ts';
import type { BatchOptions, TokenBatch } from './token-batch.ts';
import { padRows, truncateContent } from './token-batch.ts';
import { tokensInSpans } from './token-spans.ts';
import { type Engine, openEngine } from './tokenizer-engine.ts';
import type { JsonObject, TokenizerFiles, TokenizerJson } from './tokenizer-files.ts';
import { readTokenizerFiles, TokenizerError, vocabularyEntries } from './tokenizer-files.ts';

/** How text becomes tokens. */
export interface EncodeOptions {
  /** Puts the tokens around the text that the model expects, such as one at its beginning. Default true. */
  readonly addSpecialTokens?: boolean;
}

/** How tokens become text. */
export interface DecodeOptions {
  /** Leaves special tokens out. Default false. */
  readonly skipSpecialTokens?: boolean;
}

/** How a conversation becomes a prompt. */
export interface ApplyChatTemplateOptions extends ChatOptions {
  /** Whether to return ids rather than text. Default true. */
  readonly tokenize?: boolean;
  /** Another template than the tokenizer's: Jinja text, or the name of one of several. */
  readonly chatTemplate?: string;
}

/**
 * A tokenizer, as tokenizer.json describes it.
 *
 * ```ts
 * const tokenizer = await Tokenizer.fromPretrained('models/tiny');
 * const ids = tokenizer.encode('Hello world');
 * tokenizer.decode(ids); // 'Hello world'
 * ```
 */
export class Tokenizer {
  // The four below belong together and are set by #use.
  #engine!: Engine;
  #json!: TokenizerJson;
  #vocabSize = 0;
  #added: ReadonlySet<string> = new Set();
  #config: JsonObject;
  #specialTokens: SpecialTokens;
  readonly #chatTemplates: Map<string, string>;
  readonly #generationEosIds: readonly number[];

  /**
   * Reads a folder's tokenizer.json, tokenizer_config.json and, where they are, special_tokens_map.json,
   * generation_config.json and chat_template.jinja.
   *
   * @throws TokenizerError if a file is missing, broken or of an unknown kind; the message says what to do.
   */
  static async fromPretrained(folder: string): Promise<Tokenizer> {
    return Tokenizer.fromPretrainedSync(folder);
  }

  /** As {@link Tokenizer.fromPretrained}, at once. */
  static fromPretrainedSync(folder: string): Tokenizer {
    const files = readTokenizerFiles(folder);
    try {
      return new Tokenizer(files);
    } catch (error) {
      throw new TokenizerError(`${join(folder, 'tokenizer.json')}: ${(error as Error).message}`, { cause: error });
    }
  }

  /** From files in memory; see {@link Tokenizer.fromPretrained}. */
  constructor({ json, config, chatTemplates, generationEosIds }: TokenizerFiles) {
    this.#config = config;
    this.#specialTokens = specialTokensOf(config);
    this.#chatTemplates = new Map(chatTemplates);
    this.#generationEosIds = generationEosIds;
    const whole = withAddedTokens(json, this.#specialTokens, addedTokensOf(config));
    const adds = json.post_processor === null || 'add_bos_token' in config || 'add_eos_token' in config;
    this.#use(adds ? { ...whole, post_processor: addingBosEos(whole, config) } : whole);
  }

  /** The highest id + 1, added tokens included: how many rows an embedding needs at least. Models often have a few more. */
  get vocabSize(): number {
    return this.#vocabSize;
  }

  /** The special tokens by role. */
  get specialTokens(): SpecialTokens {
    return this.#specialTokens;
  }

  /** The id of the token before a text, if there is one. */
  get bosTokenId(): number | undefined {
    return this.#idOf(this.#specialTokens.bosToken);
  }

  /** The id of the token after a text, if there is one. */
  get eosTokenId(): number | undefined {
    return this.#idOf(this.#specialTokens.eosToken);
  }

  /**
   * All ids at which generation stops: that of {@link eosTokenId} and those of generation_config.json. Chat models often have
   * one for the text and one for the turn.
   */
  get eosTokenIds(): readonly number[] {
    const own = this.eosTokenId;
    return [...new Set([...(own === undefined ? [] : [own]), ...this.#generationEosIds])];
  }

  /** The id that fills the shorter rows of a batch, if one is set. It is never silently the end token's. */
  get padTokenId(): number | undefined {
    return this.#idOf(this.#specialTokens.padToken);
  }

  /** The id for what the vocabulary lacks, if there is one. */
  get unkTokenId(): number | undefined {
    return this.#idOf(this.#specialTokens.unkToken);
  }

  /** The ids of all special tokens, ascending. */
  get specialTokenIds(): readonly number[] {
    return this.#json.added_tokens.filter(({ special }) => special).map(({ id }) => id);
  }

  /** The id of a token, if it is in the vocabulary. */
  tokenToId(token: string): number | undefined {
    return this.#engine.token_to_id(token);
  }

  /** The token of an id, spelled as in the vocabulary, if there is one. */
  idToToken(id: number): string | undefined {
    return this.#engine.id_to_token(id);
  }

  /**
   * The ids of a text. Special tokens that are spelled out in it become their ids, as in Python.
   *
   * @throws TokenizerError if something in it is not in the vocabulary and there is no token for that.
   */
  encode(text: string, { addSpecialTokens = true }: EncodeOptions = {}): number[] {
    const { ids, tokens } = this.#engine.encode(text, { add_special_tokens: addSpecialTokens });
    return ids.map((id, i) => {
      if (id !== undefined) return id;
      const problem = `'${tokens[i]}' is not in the vocabulary, and no token stands for what is not: set unkToken`;
      throw new TokenizerError(problem);
    });
  }

  /**
   * The text of ids. Ids beyond the vocabulary give nothing, as in Python; bytes that are no character give U+FFFD.
   *
   * @throws TokenizerError if an id is no natural number.
   */
  decode(ids: ArrayLike<number>, { skipSpecialTokens = false }: DecodeOptions = {}): string {
    const known = Array.from(ids).filter((id) => {
      if (!Number.isInteger(id) || id < 0) throw new TokenizerError(`${id} is no token id`);
      return this.#engine.id_to_token(id) !== undefined;
    });
    if (known.length === 0) return '';
    return this.#engine.decode(known, {
      skip_special_tokens: skipSpecialTokens,
      // It was meant for WordPiece, and takes spaces out of others' text; transformers 5 ignores it there too.
      clean_up_tokenization_spaces:
        this.#config['clean_up_tokenization_spaces'] === true && this.#json.model.type !== 'BPE',
    });
  }

  /** Text from tokens that come one by one; what is joined from it equals {@link decode} of them all. */
  stream(options: DecodeOptions = {}): TextStream {
    return new TextStream((ids) => this.decode(ids, options));
  }

  /**
   * The ids of several texts as one array of equal rows, see {@link BatchOptions}.
   *
   * @throws TokenizerError if rows must be filled and there is no padding token.
   */
  encodeBatch(texts: readonly string[], options: BatchOptions & EncodeOptions = {}): TokenBatch {
    const { addSpecialTokens = true, maxLength, truncation = false } = options;
    const rows = texts.map((text) => {
      const ids = this.encode(text, { addSpecialTokens });
      if (!truncation || maxLength === undefined || ids.length <= maxLength) return ids;
      const content = addSpecialTokens ? this.encode(text, { addSpecialTokens: false }) : ids;
      return truncateContent(ids, content, maxLength, options.truncationSide);
    });
    return this.pad(rows, options);
  }

  /**
   * Rows of ids as one array; shorter rows are filled with the padding token, longer ones than `maxLength` cut if `truncation`.
   *
   * @throws TokenizerError if rows must be filled and there is no padding token, or a row is longer than `maxLength`.
   */
  pad(rows: readonly ArrayLike<number>[], options: BatchOptions = {}): TokenBatch {
    return padRows(rows, this.padTokenId, options);
  }

  /**
   * Sets special tokens. Those that the vocabulary lacks are added to it.
   *
   * @returns how many were added. If any, the model's embedding must grow to {@link vocabSize}.
   */
  addSpecialTokens(tokens: SpecialTokens): number {
    const before = this.#vocabSize;
    const config = withSpecialTokens(this.#config, tokens);
    this.#specialTokens = specialTokensOf(config);
    this.#config = config;
    this.#use(withAddedTokens(this.#json, this.#specialTokens));
    return this.#vocabSize - before;
  }

  /**
   * Adds words that are one token each wherever they stand in a text. Tokens of the vocabulary keep their ids. For tokens that decoding
   * may leave out, see {@link addSpecialTokens}. Where a tokenizer writes spaces as part of its tokens (Llama 2's), decoding loses the
   * space before an added word.
   *
   * @returns how many ids are new. If any, the model's embedding must grow: `model.resizeTokenEmbeddings(tokenizer.vocabSize)`.
   * @throws TokenizerError for an empty token
   */
  addTokens(tokens: readonly string[]): number {
    if (tokens.includes(''))
      throw new TokenizerError('addTokens: a token is empty, but must have a character at least');
    const before = this.#vocabSize;
    // As Python's AddedToken(content): found in the text as the normalizer leaves it.
    const plain = tokens.map((content) => ({ ...plainSpecialToken(content, 0), normalized: true, special: false }));
    this.#use(withAddedTokens(this.#json, this.#specialTokens, plain));
    return this.#vocabSize - before;
  }

  /** The chat template: that called `default` if there are several. */
  get chatTemplate(): string | undefined {
    return this.#chatTemplates.get('default');
  }

  /** Gives the tokenizer a chat template, such as `chatmlTemplate`; undefined takes it away. */
  set chatTemplate(template: string | undefined) {
    if (template === undefined) this.#chatTemplates.delete('default');
    else this.#chatTemplates.set('default', template);
  }

  /**
   * A conversation as the model's prompt, as ids or, with `tokenize: false`, as text. Equal to transformers'
   * `apply_chat_template`.
   *
   * @throws ChatTemplateError if there is no template, or it is broken or refuses the messages.
   */
  applyChatTemplate(messages: readonly ChatMessage[], options: ApplyChatTemplateOptions & { tokenize: false }): string;
  applyChatTemplate(
    messages: readonly ChatMessage[],
    options?: ApplyChatTemplateOptions & { tokenize?: true },
  ): number[];
  applyChatTemplate(messages: readonly ChatMessage[], options: ApplyChatTemplateOptions = {}): number[] | string {
    const text = renderChat(this.#templateFor(options), messages, this.#chatOptions(options));
    return options.tokenize === false ? text : this.encode(text, { addSpecialTokens: false });
  }

  /**
   * A conversation to learn from: its ids, and for each whether the assistant wrote it (1) or not (0). Templates that mark the
   * assistant's text with `{% generation %}` decide themselves; otherwise see {@link renderWithAnswers}.
   *
   * @throws ChatTemplateError as {@link applyChatTemplate}, or if the answers cannot be told apart.
   */
  encodeChat(
    messages: readonly ChatMessage[],
    options: Omit<ApplyChatTemplateOptions, 'tokenize' | 'continueFinalMessage'> = {},
  ): { ids: number[]; assistantMask: Uint8Array } {
    const { eosToken } = this.#specialTokens;
    const { text, answers } = renderWithAnswers(this.#templateFor(options), messages, {
      ...this.#chatOptions(options),
      ...(eosToken === undefined ? {} : { eosToken }),
    });
    const encode = (part: string): number[] => this.encode(part, { addSpecialTokens: false });
    const ids = encode(text);
    const byteLengthOf = (id: number): number | undefined => this.#byteLengthOf(id);
    return { ids, assistantMask: tokensInSpans({ encode, byteLengthOf }, text, ids, answers) };
  }

  /**
   * Writes tokenizer.json, tokenizer_config.json and, if there is a template, chat_template.jinja, for Python's
   * `AutoTokenizer.from_pretrained(folder)`. Other files of the folder stay.
   */
  async save(folder: string): Promise<void> {
    const config: Record<string, unknown> = { tokenizer_class: 'PreTrainedTokenizerFast', ...this.#config };
    delete config['chat_template'];
    const named = [...this.#chatTemplates].map(([name, template]) => ({ name, template }));
    if (named.length > 1) config['chat_template'] = named;
    const template = named.length === 1 ? this.chatTemplate : undefined;
    await mkdir(folder, { recursive: true });
    await writeWhole(join(folder, 'tokenizer.json'), JSON.stringify(this.#json, undefined, 2));
    await writeWhole(join(folder, 'tokenizer_config.json'), `${JSON.stringify(config, undefined, 2)}\n`);
    if (template === undefined) await rm(join(folder, 'chat_template.jinja'), { force: true });
    else await writeWhole(join(folder, 'chat_template.jinja'), template);
  }

  #use(json: TokenizerJson): void {
    this.#engine = engineOf(json, this.#specialTokens);
    this.#json = json;
    this.#vocabSize = sizeOf(json);
    this.#added = new Set(json.added_tokens.map(({ content }) => content));
  }

  /** The bytes that a token stands for, if that can be said of it alone: with byte-level tokenizers. */
  #byteLengthOf(id: number): number | undefined {
    const token = this.#json.decoder?.['type'] === 'ByteLevel' ? this.idToToken(id) : undefined;
    if (token === undefined) return undefined;
    return this.#added.has(token) ? Buffer.byteLength(token) : token.length;
  }

  #idOf(token: string | undefined): number | undefined {
    return token === undefined ? undefined : this.tokenToId(token);
  }

  #templateFor({ chatTemplate, tools }: ApplyChatTemplateOptions): string {
    const named = this.#chatTemplates.get(chatTemplate ?? (tools === undefined ? 'default' : 'tool_use'));
    const template = named ?? chatTemplate ?? this.chatTemplate;
    if (template !== undefined) return template;
    const others = [...this.#chatTemplates.keys()];
    throw new ChatTemplateError(
      others.length > 0
        ? `There is no default chat template: name one of ${others.join(', ')} as chatTemplate`
        : 'This tokenizer has no chat template: base models have none. Load the instruction-tuned model, or set ' +
            'tokenizer.chatTemplate = chatmlTemplate (the model must learn it first)',
    );
  }

  #chatOptions(options: ChatOptions): ChatOptions {
    return { ...options, variables: { ...templateVariables(this.#specialTokens), ...options.variables } };
  }
}

/** What transformers 5 makes of `add_bos_token` and `add_eos_token`. */
function addingBosEos(json: TokenizerJson, config: JsonObject): JsonObject {
  const { bosToken, eosToken } = specialTokensOf(config);
  const side = (flag: string, token: string | undefined): { id: string; ids: number[]; tokens: string[] }[] => {
    const added = config[flag] === true ? json.added_tokens.find(({ content }) => content === token) : undefined;
    return added === undefined ? [] : [{ id: added.content, ids: [added.id], tokens: [added.content] }];
  };
  const before = side('add_bos_token', bosToken);
  const after = side('add_eos_token', eosToken);
  const sequence = (id: string, type_id: number): JsonObject[] => [
    ...before.map((token) => ({ SpecialToken: { id: token.id, type_id } })),
    { Sequence: { id, type_id } },
    ...after.map((token) => ({ SpecialToken: { id: token.id, type_id } })),
  ];
  return {
    type: 'TemplateProcessing',
    single: sequence('A', 0),
    pair: [...sequence('A', 0), ...sequence('B', 1)],
    special_tokens: Object.fromEntries([...before, ...after].map((token) => [token.id, token])),
  };
}

function engineOf(json: TokenizerJson, special: SpecialTokens): Engine {
  const { type } = json.model;
  const unk = json.model['unk_token'] ?? special.unkToken;
  return openEngine(json, {
    ...(special.eosToken === undefined ? {} : { eos_token: special.eosToken }),
    ...(typeof unk === 'string' && type === 'WordLevel' ? { unk_token: unk } : {}),
  });
}

function sizeOf(json: TokenizerJson): number {
  let size = 0;
  for (const [, id] of vocabularyEntries(json.model)) size = Math.max(size, id + 1);
  for (const { id } of json.added_tokens) size = Math.max(size, id + 1);
  return size;
}

/** A file is there as a whole or as it was before. */
async function writeWhole(path: string, content: string): Promise<void> {
  const temporary = `${path}.tmp-${process.pid}`;
  await writeFile(temporary, content);
  await rename(temporary, path);
}
