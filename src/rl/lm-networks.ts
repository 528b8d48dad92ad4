// Language models as the networks of an agent.

import type { DownloadOptions } from '../lm/hub.ts';
import { type CausalLM, type PretrainedModel, SequenceClassifier } from '../lm/models/index.ts';
import { classifierFromPretrained, fromPretrained } from '../lm/pretrained.ts';
import { Linear, Module, normal, constant } from '../nn/index.ts';
import { defaultRng } from '../random/index.ts';
import type { Tensor } from '../tensor/index.ts';

/** How {@link LMActorNetwork.fromPretrained} and {@link LMCriticNetwork.fromPretrained} load. */
export interface LMNetworkOptions extends DownloadOptions {
  /** Fills up sequences that are shorter than others. Default: the model's own padding token, or 0. */
  readonly padTokenId?: number | undefined;
}

/** What an {@link LMCriticNetwork} is told besides its model. */
export interface CriticOptions {
  /** Of a fresh head's weights, which begin small, so that first values are near 0. Default: from the operating system. */
  readonly seed?: number | undefined;
  readonly padTokenId?: number | undefined;
  /**
   * Whether a classifier's head begins anew. A reward model's trunk knows what makes a text good, but its head has only ever seen
   * whole texts, and what it says of half a text can be far off. Default false.
   */
  readonly freshHead?: boolean | undefined;
}

/** Token ids to the scores of the next token: a causal language model as an actor. */
export class LMActorNetwork extends Module {
  readonly model: CausalLM;
  /** Fills up sequences that are shorter than others; what it is makes no difference, as nothing after a token is seen. */
  readonly padTokenId: number;

  /** @throws RangeError for a padding token that the model does not know */
  constructor(model: CausalLM, { padTokenId }: { readonly padTokenId?: number | undefined } = {}) {
    super();
    this.model = model;
    this.padTokenId = checkedPadding(model, padTokenId);
  }

  /**
   * The language model in a folder, or on the Hugging Face Hub (`owner/name`).
   *
   * @throws ModelError, SafetensorsError or HubError if the model cannot be had; RangeError as the constructor
   */
  static async fromPretrained(source: string, options: LMNetworkOptions = {}): Promise<LMActorNetwork> {
    const { padTokenId, ...download } = options;
    return new LMActorNetwork(await fromPretrained(source, download), { padTokenId });
  }

  /** int32 ids `[batch, time]` give logits `[batch, time, vocabSize]`, of the token after each. */
  forward(ids: Tensor): Tensor {
    return this.model.forward(ids);
  }
}

/**
 * Token ids to the value of the text so far: a Transformer with a head of one output. Give it a language model of its own; or the
 * actor's, whose trunk then serves both; or a classifier of one label, such as a reward model, whose head it then goes on with.
 */
export class LMCriticNetwork extends Module {
  readonly model: PretrainedModel;
  readonly score: Linear;
  /** As {@link LMActorNetwork.padTokenId}. */
  readonly padTokenId: number;

  /**
   * @throws RangeError for a padding token that the model does not know, or a classifier of several labels
   */
  constructor(model: CausalLM | SequenceClassifier, { seed, padTokenId, freshHead = false }: CriticOptions = {}) {
    super();
    this.model = model;
    this.padTokenId = checkedPadding(model, padTokenId);
    const { hiddenSize, numLabels } = model.config;
    const fresh = (): Linear => {
      const weightInit = normal({ std: 1 / (hiddenSize + 1) });
      return new Linear(hiddenSize, 1, { weightInit, biasInit: constant(0), generator: defaultRng(seed) });
    };
    if (!(model instanceof SequenceClassifier)) {
      this.score = fresh();
      return;
    }
    if (numLabels !== 1) {
      throw new RangeError(
        `a critic says one number, but this classifier has ${numLabels} labels: make it with numLabels 1`,
      );
    }
    this.score = model.score;
    if (freshHead) this.score.weight.storage.data.set(fresh().weight.storage.data);
  }

  /**
   * A sequence classifier of one label, as transformers has it: the head of the folder, if it has one (a reward model), else a fresh
   * one on the language model's trunk.
   *
   * @throws ModelError, SafetensorsError or HubError if the model cannot be had; RangeError as the constructor
   */
  static async fromPretrained(
    source: string,
    options: LMNetworkOptions & CriticOptions = {},
  ): Promise<LMCriticNetwork> {
    const { padTokenId, freshHead, ...rest } = options;
    const model = await classifierFromPretrained(source, { ...rest, numLabels: 1 });
    return new LMCriticNetwork(model, { padTokenId, freshHead, seed: rest.seed });
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

function checkedPadding({ config }: PretrainedModel, padTokenId = config.padTokenId ?? 0): number {
  if (Number.isInteger(padTokenId) && padTokenId >= 0 && padTokenId < config.vocabSize) return padTokenId;
  throw new RangeError(
    `padTokenId is ${padTokenId}, but the model knows the tokens 0 to ${config.vocabSize - 1}. Where the tokenizer has got a padding ` +
      'token of its own, call model.resizeTokenEmbeddings(tokenizer.vocabSize)',
  );
}
