// Language models as the networks of an agent.

import type { CausalLM } from '../lm/models/index.ts';
import { Linear, Module, normal, constant } from '../nn/index.ts';
import { defaultRng } from '../random/index.ts';
import type { Tensor } from '../tensor/index.ts';

/** Token ids to the scores of the next token: a causal language model as an actor. */
export class LMActorNetwork extends Module {
  readonly model: CausalLM;
  /** Fills up sequences that are shorter than others; what it is makes no difference, as nothing after a token is seen. */
  readonly padTokenId: number;

  constructor(model: CausalLM, { padTokenId = 0 }: { readonly padTokenId?: number | undefined } = {}) {
    super();
    this.model = model;
    this.padTokenId = padTokenId;
  }

  /** int32 ids `[batch, time]` give logits `[batch, time, vocabSize]`, of the token after each. */
  forward(ids: Tensor): Tensor {
    return this.model.forward(ids);
  }
}

/**
 * Token ids to the value of the text so far: a language model with a head of one output. Give it a model of its own, or the
 * actor's, whose trunk then serves both.
 */
export class LMCriticNetwork extends Module {
  readonly model: CausalLM;
  readonly score: Linear;

  /** @param seed of the head's weights, which begin small, so that first values are near 0. Default: from the operating system. */
  constructor(model: CausalLM, { seed }: { readonly seed?: number | undefined } = {}) {
    super();
    this.model = model;
    const weightInit = normal({ std: 1 / (model.config.hiddenSize + 1) });
    this.score = new Linear(model.config.hiddenSize, 1, {
      weightInit,
      biasInit: constant(0),
      generator: defaultRng(seed),
    });
  }

  /** int32 ids `[batch, time]` give values `[batch, time]`, of the text up to and with each token. */
  forward(ids: Tensor): Tensor {
    return this.valuesOf(this.model.hidden(ids));
  }

  /** The values of what the model's last norm gives, `[batch, time, hiddenSize]`. */
  valuesOf(hidden: Tensor): Tensor {
    return this.score.forward(hidden).squeeze(-1);
  }
}
