// What all models here share: a Transformer whose files are Hugging Face's.

import {
  type Attention,
  CausalAttention,
  type CausalOptions,
  type Embedding,
  type Linear,
  Module,
} from '../../nn/index.ts';
import type { Tensor } from '../../tensor/index.ts';
import { type ResizeOptions, resizeRows, rowsFor } from '../resize-embeddings.ts';
import type { ModelConfig } from './config.ts';

/** How an architecture's checkpoints differ from its parameters. */
export interface CheckpointRules {
  /** The class's name in transformers. */
  readonly className: string;
  /** The name of the Transformer inside the model, which the checkpoint of a bare Transformer leaves out. */
  readonly prefix: string;
  /** Whether checkpoints hold this weight as `[in, out]`. */
  isTransposed(name: string): boolean;
  /** Whether this name of a checkpoint is no parameter: a buffer of old. */
  isIgnored(name: string): boolean;
}

/**
 * A Transformer in which a token sees itself and those before it. Parameters have Hugging Face's names, matrices PyTorch's layout
 * `[out, in]`. There is no dropout: the same weights give the same distribution in training as in sampling.
 */
export abstract class PretrainedModel extends Module {
  #config: ModelConfig;

  constructor(config: ModelConfig) {
    super();
    this.#config = config;
  }

  get config(): ModelConfig {
    return this.#config;
  }

  /** The table of the tokens' vectors. */
  protected abstract get tokenEmbedding(): Embedding;

  /** The layer with a score for each token, where it is one of its own. */
  protected get tokenHead(): Linear | undefined {
    return undefined;
  }

  /**
   * Makes the token table, and a head of its own, `count` rows long, as after tokens were added to the tokenizer:
   * `model.resizeTokenEmbeddings(tokenizer.vocabSize)`. Rows that were there stay; those beyond `count` are lost. Do it before anything
   * else is made of the model: programs, optimizers and policies from before still see the old rows.
   *
   * @returns how many rows there are now, which config.json will say as `vocab_size`
   * @throws RangeError if `count` is no whole number of 1 or more
   */
  resizeTokenEmbeddings(count: number, options: ResizeOptions = {}): number {
    const vocabSize = rowsFor(count, options);
    const { initializerRange, raw } = this.#config;
    if (vocabSize !== this.#config.vocabSize) {
      resizeRows(this.tokenEmbedding, vocabSize, initializerRange, options);
      if (this.tokenHead !== undefined) resizeRows(this.tokenHead, vocabSize, initializerRange, options);
      this.#config = { ...this.#config, vocabSize, raw: { ...raw, vocab_size: vocabSize } };
    }
    return vocabSize;
  }

  /** How this architecture's checkpoints differ from its parameters. */
  abstract get checkpoint(): CheckpointRules;

  /**
   * The vectors after the last norm: int32 ids `[batch, time]` give `[batch, time, hiddenSize]`, or `[batch, n, hiddenSize]` if the
   * attention says which n tokens are read. A token sees itself and those before it, so padding on the right changes nothing before it.
   *
   * @param attention by default over the sequences themselves; a decoder passes one with a cache.
   * @throws Error if the sequences are longer than the model's context.
   */
  abstract hidden(ids: Tensor, attention?: Attention): Tensor;

  /** Attention over whole sequences `ids`, after a check of their length. */
  protected attentionOver(ids: Tensor, options: CausalOptions = {}): Attention {
    const [batch, time] = ids.shape;
    if (ids.dtype !== 'int32' || ids.rank !== 2 || batch === undefined || time === undefined) {
      throw new Error(`a language model takes int32 ids [batch, time] but got ${ids}`);
    }
    if (time > this.config.maxPositions) {
      throw new Error(
        `a sequence of ${time} tokens is longer than the ${this.config.maxPositions} that this model can read: cut it`,
      );
    }
    return new CausalAttention(batch, time, options);
  }
}
