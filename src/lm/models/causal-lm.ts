// A model that predicts the next token at every position. Architectures are one file each beside this.

import type { Tensor } from '../../tensor/index.ts';
import { type Decoder, type DecoderOptions, KeyValueDecoder } from '../kv-cache.ts';
import { PretrainedModel } from './pretrained-model.ts';

/** Tokens in, a score for each next token out. */
export abstract class CausalLM extends PretrainedModel {
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
}
