// What a token environment asks of a tokenizer.

/** One turn of a conversation. */
export type TextMessage = {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
};

/** What a token environment asks of a tokenizer; the `Tokenizer` of `gymformer/lm` is one. */
export interface TextTokenizer {
  /** The highest id + 1: how many actions there are. */
  readonly vocabSize: number;
  /** The token that ends a text, if there is one. */
  readonly eosTokenId?: number | undefined;
  /** All tokens that end a text or a turn, where there are several. Default: `eosTokenId` alone. */
  readonly eosTokenIds?: readonly number[] | undefined;
  /** The ids of a text; by default with the tokens around it that the model expects. */
  encode(text: string, options?: { readonly addSpecialTokens?: boolean }): number[];
  /** The text of ids, special tokens spelled out. */
  decode(ids: ArrayLike<number>): string;
  /** A conversation as the text of the model's prompt. Only asked for by environments that chat. */
  applyChatTemplate?(
    messages: readonly TextMessage[],
    options: { readonly addGenerationPrompt: boolean; readonly tokenize: false },
  ): string;
}

/** The ids at which generation stops. */
export function endTokensOf({ eosTokenId, eosTokenIds }: TextTokenizer): readonly number[] {
  return eosTokenIds ?? (eosTokenId === undefined ? [] : [eosTokenId]);
}
