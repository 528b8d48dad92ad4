// A language model that a recipe describes, in place of one that there is.

import * as z from 'zod';
import { type CausalLM, fromConfig, MODEL_TYPES, ModelError, type Tokenizer } from '../lm/index.ts';
import { CliError } from './cli-error.ts';

const types = `'${MODEL_TYPES.slice(0, -1).join("', '")}' or '${MODEL_TYPES.at(-1)}'`;

/** As in a config.json; the numbers of tokens are filled in. */
export const newModelConfig = z.looseObject(
  { model_type: z.enum(MODEL_TYPES, { error: types }) },
  { error: 'a mapping of keys of config.json, such as { model_type: gpt2, n_embd: 128 }' },
);

/** Where neither a model nor a description is. */
export const aModel = "a model's folder or name, or a mapping such as { config: { model_type: gpt2, n_embd: 128 } }";

/** The special tokens of a tokenizer that is made for a new model. */
export const SPECIAL_TOKENS = { eosToken: '<eos>', padToken: '<pad>' } as const;

/** A model with fresh weights for the tokens of `tokenizer`. @throws CliError if the config cannot be */
export function newModel(config: z.infer<typeof newModelConfig>, tokenizer: Tokenizer, seed: number): CausalLM {
  const { eosTokenId, padTokenId, vocabSize } = tokenizer;
  const ids = { eos_token_id: eosTokenId, bos_token_id: eosTokenId, pad_token_id: padTokenId };
  try {
    return fromConfig({ ...config, ...ids, vocab_size: vocabSize }, { seed });
  } catch (error) {
    if (!(error instanceof ModelError)) throw error;
    throw new CliError(`model.config: ${error.message}`, undefined, { cause: error });
  }
}
