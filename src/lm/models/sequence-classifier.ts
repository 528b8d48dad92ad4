// A model that judges a whole text by its last token: reward models, critics, classifiers.

import { Linear, normal } from '../../nn/index.ts';
import type { Generator } from '../../random/index.ts';
import { arange, type Tensor } from '../../tensor/index.ts';
import type { ModelConfig } from './config.ts';
import { PretrainedModel } from './pretrained-model.ts';

/** Tokens in, `config.numLabels` numbers out for each text; transformers' ...ForSequenceClassification. */
export abstract class SequenceClassifier extends PretrainedModel {
  abstract readonly score: Linear;

  /**
   * The scores of each text at its last token: int32 ids `[batch, time]` give `[batch, numLabels]`.
   *
   * @param lengths int32 `[batch]`, how many tokens each row has, padding on the right left out. Default: up to the last token
   *   that is not the model's padding token.
   * @throws Error if there are several rows, no lengths, and the model has no padding token.
   */
  forward(ids: Tensor, lengths?: Tensor): Tensor {
    return this.score.forward(this.lastHidden(ids, lengths));
  }

  /** What the head reads: the vector of each text's last token, `[batch, hiddenSize]`. Else as {@link forward}. */
  lastHidden(ids: Tensor, lengths?: Tensor): Tensor {
    const { padTokenId, hiddenSize } = this.config;
    const [batch, time] = ids.shape as [number, number];
    let last: Tensor;
    if (lengths !== undefined) {
      last = lengths.sub(1);
    } else if (padTokenId !== undefined) {
      last = ids.notEqual(padTokenId).cast('int32').mul(arange(time)).max({ axis: 1 });
    } else if (batch === 1) {
      last = arange(1).add(time - 1);
    } else {
      throw new Error(
        'a classifier of several texts needs their lengths, or a padding token (pad_token_id) in its config.json',
      );
    }
    return this.hidden(ids, this.attentionOver(ids, { read: last.reshape([batch, 1]) })).reshape([batch, hiddenSize]);
  }
}

/** The head of a classifier: from a token's vector to its scores. */
export function scoreHead(config: ModelConfig, generator: Generator): Linear {
  const weightInit = normal({ std: config.initializerRange });
  return new Linear(config.hiddenSize, config.numLabels, { bias: false, weightInit, generator });
}
