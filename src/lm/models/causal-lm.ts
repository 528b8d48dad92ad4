// What every language model here is: tokens in, a score for each next token out. Architectures are one file each beside this.

import { type Attention, CausalAttention, Module } from '../../nn/index.ts';
import type { Tensor } from '../../tensor/index.ts';
import { type Decoder, type DecoderOptions, KeyValueDecoder } from '../kv-cache.ts';
import type { ModelConfig } from './config.ts';

/** A part of a model from which, or to which, one weight is stored transposed in checkpoints (GPT-2's Conv1D). */
export interface CheckpointRules {
  /** The name of the Transformer inside the model, which the checkpoint of a bare Transformer leaves out. */
  readonly prefix: string;
  /** Weights that checkpoints hold as `[in, out]`. */
  isTransposed(name: string): boolean;
  /** Names in checkpoints that are no parameters, such as buffers of old. */
  isIgnored(name: string): boolean;
}

/**
 * A Transformer that predicts the next token at every position. Parameters have Hugging Face's names, matrices PyTorch's layout
 * `[out, in]`. There is no dropout: the same weights give the same distribution in training as in sampling.
 */
export abstract class CausalLM extends Module {
  readonly config: ModelConfig;

  constructor(config: ModelConfig) {
    super();
    this.config = config;
  }

  /** How this architecture's checkpoints differ from its parameters. */
  abstract readonly checkpoint: CheckpointRules;

  /**
   * The vectors after the last norm: int32 ids `[batch, time]` give `[batch, time, hiddenSize]`. A token sees itself and those
   * before it, so padding on the right changes nothing before it.
   *
   * @param attention by default over the sequences themselves; a decoder passes one with a cache.
   * @throws Error if the sequences are longer than the model's context.
   */
  abstract hidden(ids: Tensor, attention?: Attention): Tensor;

  /** The scores of the next token, before softmax: `[.., hiddenSize]` gives `[.., vocabSize]`. */
  abstract logits(hidden: Tensor): Tensor;

  /** The scores of the token after each: int32 ids `[batch, time]` give `[batch, time, vocabSize]`. */
  forward(ids: Tensor): Tensor {
    return this.logits(this.hidden(ids));
  }

  /**
   * What generates from this model, keeping keys and values of earlier tokens. Reads the weights where they are: a training
   * step is seen at once (reset the slots, whose caches stem from the weights before).
   */
  decoder(options: DecoderOptions): Decoder {
    return new KeyValueDecoder(this, options);
  }

  /** Attention over whole sequences `ids`, after a check of their length. */
  protected attentionOver(ids: Tensor): Attention {
    const [batch, time] = ids.shape;
    if (ids.dtype !== 'int32' || ids.rank !== 2 || batch === undefined || time === undefined) {
      throw new Error(`a language model takes int32 ids [batch, time] but got ${ids}`);
    }
    if (time > this.config.maxPositions) {
      throw new Error(
        `a sequence of ${time} tokens is longer than the ${this.config.maxPositions} that this model can read: cut it`,
      );
    }
    return new CausalAttention(batch, time);
  }
}
